"""The public names, and which parts of the package may import which."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import refseg

PACKAGE = Path(refseg.__file__).parent
ROOT = PACKAGE.parent

# part -> parts that it may import. Each module directly in refseg/ is a part.
FOUNDATION = {
    "errors",
    "files",
    "image_encoding",
    "images",
    "language",
    "letterbox",
    "mask_iou",
    "png_chunks",
    "rendering",
    "resources",
    "version",
}
ALLOWED = {
    "models": {"models"},
    "video": FOUNDATION | {"video"},
    "data": FOUNDATION | {"data", "models", "video"},
    "inference": FOUNDATION | {"inference", "models", "video"},
    "explain": FOUNDATION | {"explain", "inference", "models"},
    "annotation": FOUNDATION | {"annotation", "data", "video"},
    "evaluation": FOUNDATION | {"evaluation", "data", "models", "inference"},
    "training": FOUNDATION | {"training", "data", "models", "inference", "evaluation"},
    "ui": FOUNDATION | {"ui", "annotation", "data", "explain", "inference", "models", "video"},
    "commands": FOUNDATION
    | {"commands", "annotation", "data", "explain", "video", "inference", "training", "evaluation"},
}


def imports_of(path: Path) -> set[str]:
    """Return the dotted names of the modules of refseg that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "refseg" else {node.module}
            )
    return {name for name in found if name.startswith("refseg.")}


def libraries_of(path: Path) -> set[str]:
    """Return the top-level names of the libraries that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"refseg"}


def test_imports_are_absolute() -> None:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), (
                f"{file.relative_to(PACKAGE)} has a relative import"
            )


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_parts_import_only_what_they_may(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py"))
    assert files
    for file in files:
        for name in imports_of(file):
            target = name.split(".")[1]
            public = name.split(".")[-1] in refseg.__all__ and part in ("ui",)
            assert target in ALLOWED[part] or public, f"{file.relative_to(PACKAGE)} imports {name}"


def test_foundation_modules_import_only_each_other() -> None:
    for name in sorted(FOUNDATION):
        for imported in imports_of(PACKAGE / f"{name}.py"):
            assert imported.split(".")[1] in FOUNDATION, f"{name}.py imports {imported}"


# Modules of refseg.models that other parts may import. Systems are reached through the registry, by name.
SHARED_MODELS = ("backbones", "clips", "config", "layers", "regions", "registry", "system")


def test_only_models_imports_systems() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] == "models":
            continue
        for name in imports_of(file):
            parts = name.split(".")
            if parts[1] == "models":
                assert len(parts) > 2 and parts[2] in SHARED_MODELS, f"{file.relative_to(PACKAGE)} imports {name}"


def test_shared_models_import_no_system() -> None:
    """Only the registry imports the systems; the region branch, the layers and the interface do not."""
    for name in set(SHARED_MODELS) - {"registry"}:
        place = PACKAGE / "models" / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            for imported in imports_of(file):
                assert imported.split(".")[2] in SHARED_MODELS, f"{file.relative_to(PACKAGE)} imports {imported}"


def test_every_part_has_a_rule() -> None:
    parts = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/**/*.py")}
    assert parts == set(ALLOWED)
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert modules <= FOUNDATION | {"__init__", "__main__", "cli"}


def test_every_library_is_in_the_requirements() -> None:
    """The package imports the standard library and requirements.txt. Libraries of Spaces and recipes are optional."""
    listed = {
        re.split(r"[<>=;\s]", line)[0]
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if line[:1].isalpha()
    }
    names = {
        "cv2": "opencv-python-headless",
        "PIL": "pillow",
        "huggingface_hub": "huggingface-hub",
        "pydensecrf": "pydensecrf2",
        "yaml": "pyyaml",
    }
    optional = {"spaces", "onnx"}
    for file in [ROOT / "app.py", *PACKAGE.rglob("*.py")]:
        for name in sorted(libraries_of(file) - optional):
            assert names.get(name, name) in listed, (
                f"{file.relative_to(ROOT)} imports {name}, which requirements.txt does not install"
            )


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, refseg; sys.exit('torch' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False).returncode == 0


def test_public_names_exist() -> None:
    for name in refseg.__all__:
        assert getattr(refseg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        refseg.nothing  # noqa: B018
    assert set(refseg.__all__) == set(dir(refseg))
