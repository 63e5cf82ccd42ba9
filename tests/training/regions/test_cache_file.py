"""The file of remembered pictures: everything comes back, and what something else has left there is not taken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.regions.proposals import COLORS, GEOMETRY, Regions
from refseg.training.loop import train_from_recipe
from refseg.training.recipe import Phase, load_recipe
from refseg.training.regions.cache import CachedImage, CachedView, RegionCache, build_cache
from refseg.training.regions.cache_file import FILE, fingerprint, load_cache, save_cache

PHASE = Phase("selection", 5, 2, 3, 64, 1e-3, 0.0, 1e-4, task="selection")


@pytest.fixture
def picture() -> CachedImage:
    """Of two objects, seen plain and mirrored."""
    parts = (4, 2, GEOMETRY, COLORS, 3)
    views = tuple(
        CachedView(Regions(*(torch.rand(4, width).half() for width in parts)), torch.rand(4, 2).half(), mirrored)
        for mirrored in (False, True)
    )
    offers = {"natural": [(("the dog", "a dog"), (0,))], "borrowed": [(("a red train",), ())]}
    return CachedImage(views, offers, ("dog", "cat"))


def test_everything_comes_back(picture: CachedImage, tmp_path: Path) -> None:
    assert load_cache(tmp_path, "mark") is None
    save_cache(RegionCache([([picture], 2.5)]), tmp_path, "mark")
    loaded = load_cache(tmp_path, "mark")
    assert loaded is not None
    (((read,), share),) = loaded.sources
    assert share == 2.5 and (read.offers, read.categories) == (picture.offers, picture.categories)
    for ours, theirs in zip(picture.views, read.views, strict=True):
        assert ours.mirrored == theirs.mirrored
        assert all(
            torch.equal(a, b)
            for a, b in zip((*ours.regions, ours.overlap), (*theirs.regions, theirs.overlap), strict=True)
        )


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense")
    with pytest.raises(DataError, match="delete it and it is computed again"):
        load_cache(tmp_path, "mark")


def test_what_something_else_has_left_is_not_taken(picture: CachedImage, tmp_path: Path) -> None:
    save_cache(RegionCache([([picture], 1.0)]), tmp_path, "mark")
    assert load_cache(tmp_path, "other") is None and load_cache(tmp_path, "other", unmarked=True) is None
    without_mark(tmp_path)
    assert load_cache(tmp_path, "mark") is None and load_cache(tmp_path, "mark", unmarked=True) is not None


def without_mark(folder: Path) -> None:
    """The file in `folder` as it was written before there were marks."""
    with safe_open(folder / FILE, framework="pt") as stored:
        images = stored.metadata()["images"]
    tensors = load_file(folder / FILE)
    save_file(tensors, folder / FILE, metadata={"images": images})


def test_a_fingerprint_knows_what_is_remembered() -> None:
    def network(**known: Any) -> CompactSystem:
        torch.manual_seed(0)
        return CompactSystem(replace(CompactConfig.tiny(), **known), 10)

    source = TrainingSource([], 1.0, (("dog", "the dog"),), ("1.png",))
    other, elsewhere = network(), network()
    with torch.no_grad():
        next(other.dense.backbone.parameters()).view(-1)[0] += 1e-6
        elsewhere.dense.words.table.weight.zero_()
    first = fingerprint(network(), [source], PHASE, 0)
    same = [
        fingerprint(network(), [source, TrainingSource([], 2.0)], replace(PHASE, steps=9, rate=1.0), 0),
        fingerprint(elsewhere, [source], PHASE, 0),
        fingerprint(network(number=False, width=24), [source], PHASE, 0),
    ]
    different = [
        fingerprint(other, [source], PHASE, 0),
        fingerprint(network(regions=5), [source], PHASE, 0),
        fingerprint(network(), [replace(source, names=("2.png",))], PHASE, 0),
        fingerprint(network(), [replace(source, expressions=(("dog", "a dog"),))], PHASE, 0),
        fingerprint(network(), [source], replace(PHASE, image_size=96), 0),
        fingerprint(network(), [source], replace(PHASE, mix={"natural": 1.0}), 0),
        fingerprint(network(), [source], PHASE, 1),
    ]
    assert {first} == set(same) and first not in different and len(set(different)) == len(different)


def test_a_run_looks_at_its_own_pictures(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def looking(*arguments: Any) -> RegionCache:
        looks.append(1)
        return build_cache(*arguments)

    def looked(seed: int, **known: Any) -> bool:
        whole = load_recipe(str(data / "recipe.py"))
        monkeypatch.setattr("refseg.training.loop.load_recipe", lambda _: replace(whole, seed=seed))
        before = len(looks)
        train_from_recipe("", data, tmp_path / "run", device="cpu", **known)
        return len(looks) > before

    monkeypatch.setattr("refseg.training.loop.build_cache", looking)
    assert looked(0, steps=3)
    assert not looked(0, steps=3), "the same run anew"
    assert looked(1, steps=3), "another run in the same folder"
    without_mark(tmp_path / "run")
    assert looked(1, steps=3), "a file of which nothing is known"
    without_mark(tmp_path / "run")
    assert not looked(1, steps=2) and not looked(1, steps=3, resume=True), "that of the run that is resumed"


def test_later_phases_remember_the_same_looks(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def looking(*arguments: Any) -> RegionCache:
        looks.append(1)
        return build_cache(*arguments)

    whole = load_recipe(str(data / "recipe.py"))
    selection = next(phase for phase in whole.phases if phase.task == "selection")
    twice = replace(whole, phases=(whole.phases[0], selection, replace(selection, name="again")))
    monkeypatch.setattr("refseg.training.loop.load_recipe", lambda _: twice)
    monkeypatch.setattr("refseg.training.loop.build_cache", looking)
    train_from_recipe("", data, tmp_path / "run", steps=twice.steps, device="cpu")
    assert len(looks) == 1
