"""The public surface, and the direction in which the parts may know each other."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import refseg

PACKAGE = Path(refseg.__file__).parent
ROOT = PACKAGE.parent

# part -> parts of the package that it may import; what stands directly in refseg/ is its own part
FOUNDATION = {"errors", "files", "image_encoding", "images", "language", "mask_iou", "png_chunks", "rendering", "resources", "version"}
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
    "commands": FOUNDATION | {"commands", "annotation", "data", "explain", "video", "inference", "training", "evaluation"},
}


def imports_of(path: Path) -> set[str]:
    """Dotted names of our own modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "refseg" else {node.module}
    return {name for name in found if name.startswith("refseg.")}


def outside(path: Path) -> set[str]:
    """Top-level names of the libraries that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"refseg"}


def test_imports_are_written_in_full() -> None:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file.relative_to(PACKAGE)} has a relative import"


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_dependencies_point_one_way(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py"))
    assert files
    for file in files:
        for name in imports_of(file):
            target = name.split(".")[1]
            public = name.split(".")[-1] in refseg.__all__ and part in ("ui",)
            assert target in ALLOWED[part] or public, f"{file.relative_to(PACKAGE)} imports {name}"


def test_the_ground_rests_on_itself_alone() -> None:
    for name in sorted(FOUNDATION):
        for imported in imports_of(PACKAGE / f"{name}.py"):
            assert imported.split(".")[1] in FOUNDATION, f"{name}.py imports {imported}"


# What of refseg.models the rest may import: everything that is no system's own. A system is reached by its name alone.
SHARED_MODELS = ("backbones", "clips", "config", "layers", "regions", "registry", "system")


def test_nothing_outside_models_names_a_system() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] == "models":
            continue
        for name in imports_of(file):
            parts = name.split(".")
            if parts[1] == "models":
                assert len(parts) > 2 and parts[2] in SHARED_MODELS, f"{file.relative_to(PACKAGE)} imports {name}"


def test_what_systems_share_names_no_system() -> None:
    """The registry alone knows them all; the region branch, the layers and the interface know none."""
    for name in set(SHARED_MODELS) - {"registry"}:
        place = PACKAGE / "models" / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            for imported in imports_of(file):
                assert imported.split(".")[2] in SHARED_MODELS, f"{file.relative_to(PACKAGE)} imports {imported}"


def test_every_part_has_its_rule() -> None:
    parts = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/**/*.py")}
    assert parts == set(ALLOWED)
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert modules <= FOUNDATION | {"__init__", "__main__", "cli"}


def test_every_library_is_in_the_requirements() -> None:
    """Beside the standard library, only what requirements.txt installs; what a Space brings and what a recipe needs is optional."""
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
        for name in sorted(outside(file) - optional):
            assert names.get(name, name) in listed, f"{file.relative_to(ROOT)} imports {name}, which requirements.txt does not install"


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, refseg; sys.exit('torch' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False).returncode == 0


def test_public_names_exist() -> None:
    for name in refseg.__all__:
        assert getattr(refseg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        refseg.nothing  # noqa: B018
    assert set(refseg.__all__) == set(dir(refseg))
