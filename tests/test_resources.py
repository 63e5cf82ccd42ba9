"""The folders that come with refseg, beside the package and inside it."""

from pathlib import Path

import pytest

from refseg import resources
from refseg.resources import CHECKPOINTS, EXAMPLES, RECIPES, resource_folder


def test_a_checkout_has_all_of_them_beside_the_package() -> None:
    root = Path(__file__).parents[1]
    assert [resource_folder(name) for name in (CHECKPOINTS, RECIPES, EXAMPLES)] == [root / CHECKPOINTS, root / RECIPES, root / EXAMPLES]
    assert all(resource_folder(name).is_dir() for name in (CHECKPOINTS, RECIPES, EXAMPLES))


@pytest.mark.parametrize("name", [CHECKPOINTS, RECIPES, EXAMPLES])
def test_what_is_inside_the_package_comes_before_what_is_beside_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside an installed package are those of others: a folder `recipes` there is not ours."""
    package = tmp_path / "site-packages" / "refseg"
    monkeypatch.setattr(resources, "files", lambda _: package)
    (tmp_path / "site-packages" / name).mkdir(parents=True)
    assert resource_folder(name) == tmp_path / "site-packages" / name
    (package / name).mkdir(parents=True)
    assert resource_folder(name) == package / name
