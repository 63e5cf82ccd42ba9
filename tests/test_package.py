"""The public surface, and the direction in which the parts may know each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import refseg

PACKAGE = Path(refseg.__file__).parent

# part -> parts of the package that it may import; what stands directly in refseg/ is its own part
FOUNDATION = {"errors", "files", "language", "images", "version", "rendering"}
ALLOWED = {
    "models": {"models"},
    "data": FOUNDATION | {"data"},
    "inference": FOUNDATION | {"inference", "models"},
    "evaluation": FOUNDATION | {"evaluation", "data", "models", "inference"},
    "training": FOUNDATION | {"training", "data", "models", "inference", "evaluation"},
    "ui": FOUNDATION | {"ui", "inference", "models"},
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


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_dependencies_point_one_way(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py"))
    assert files
    for file in files:
        for name in imports_of(file):
            target = name.split(".")[1]
            public = name.split(".")[-1] in refseg.__all__ and part in ("ui",)
            assert target in ALLOWED[part] or public, f"{file.relative_to(PACKAGE)} imports {name}"


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, refseg; sys.exit('torch' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False).returncode == 0


def test_public_names_exist() -> None:
    for name in refseg.__all__:
        assert getattr(refseg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        refseg.nothing  # noqa: B018
    assert set(refseg.__all__) == set(dir(refseg))
