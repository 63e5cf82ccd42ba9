"""Folders of checkpoints, recipes and examples, beside the package and inside it."""

from pathlib import Path

import pytest

from refseg import resources
from refseg.resources import CHECKPOINTS, EXAMPLES, RECIPES, resource_folder


def test_a_checkout_has_the_folders_beside_the_package() -> None:
    root = Path(__file__).parents[1]
    assert [resource_folder(name) for name in (CHECKPOINTS, RECIPES, EXAMPLES)] == [
        root / CHECKPOINTS,
        root / RECIPES,
        root / EXAMPLES,
    ]
    assert all(resource_folder(name).is_dir() for name in (CHECKPOINTS, RECIPES, EXAMPLES))


@pytest.mark.parametrize("name", [CHECKPOINTS, RECIPES, EXAMPLES])
def test_folders_inside_the_package_come_first(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `recipes` beside an installed package can belong to another package."""
    package = tmp_path / "site-packages" / "refseg"
    monkeypatch.setattr(resources, "files", lambda _: package)
    (tmp_path / "site-packages" / name).mkdir(parents=True)
    assert resource_folder(name) == tmp_path / "site-packages" / name
    (package / name).mkdir(parents=True)
    assert resource_folder(name) == package / name
