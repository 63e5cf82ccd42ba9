"""What is told of a project: each kind where it must be, and not where it must not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refseg.annotation.lint import KINDS, Finding, Kind, lint, lint_record, summarize
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.annotation.side_words import Extent, StatedSide, contradicts, stated_side
from refseg.cli import main
from refseg.data.masks import encode_rle
from refseg.data.wording import mirror_text

SHAPE = (200, 300)
BoolMask = NDArray[np.bool_]


def box(left: int, right: int, top: int = 50, bottom: int = 150) -> BoolMask:
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


def annotation(id_: str, mask: BoolMask | None, *said: str, category: str = "dog", **known: Any) -> Annotation:
    return Annotation(id_, said, category, mask=None if mask is None else encode_rle(mask), **known)


def found(*annotations: Annotation, state: Any = "accepted") -> list[tuple[str, tuple[str, ...]]]:
    """Kinds and annotations of a picture's findings."""
    findings = lint_record(AnnotatedImage("a.png", "images/a.png", *SHAPE, state=state, annotations=annotations))
    assert all(finding.image == "a.png" and finding.text for finding in findings) and findings == sorted(findings)
    return [(finding.kind, finding.annotations) for finding in findings]


LEFT, RIGHT, TOP_LEFT = box(10, 60), box(240, 290), box(10, 60, 0, 40)


def specked(count: int, size: int) -> BoolMask:
    """A box and `count` squares of size x size beside it; a speck has less than 6 pixels here."""
    mask = box(100, 200)
    for number in range(count):
        mask[10 : 10 + size, 10 * number : 10 * number + size] = True
    return mask


CLEAN: dict[str, tuple[Annotation, ...]] = {
    "two dogs": (
        annotation("1", LEFT, "the dog on the left", "left dog"),
        annotation("2", RIGHT, "the dog on the right", "Right dog!"),
    ),
    "something absent": (annotation("1", LEFT, "dog"), annotation("2", None, "the cat", no_target=True)),
    "a no-target object that was emptied": (
        annotation("1", LEFT, "dog"),
        annotation("2", np.zeros(SHAPE, bool), "the cat", no_target=True),
    ),
    "a thing within another": (annotation("1", box(10, 200), "the man"), annotation("2", box(20, 180), "his coat")),
    "nearly but not quite the same": (annotation("1", box(0, 100), "one"), annotation("2", box(12, 100), "two")),
    "as large, elsewhere": (annotation("1", LEFT, "one"), annotation("2", TOP_LEFT | box(10, 60, 90, 150), "two")),
    "few specks": (annotation("1", specked(4, 2), "dog"),),
    "many pieces that are no specks": (annotation("1", specked(8, 3), "birds"),),
    "small things alone": (annotation("1", specked(8, 2) & ~box(100, 200), "stars"),),
    "a hand of its own": (
        annotation("1", RIGHT, "the left hand", "his left hand", category="hand"),
        annotation("2", LEFT, "right hand", category="hand"),
    ),
    "left of another": (
        annotation("1", RIGHT, "left side of the man", "the dog left of the tree"),
        annotation("2", LEFT, "dog 2"),
    ),
    "beside one on the left": (
        annotation("1", RIGHT, "dog next to the cat on the left"),
        annotation("2", LEFT, "dog 2"),
    ),
    "left of those on the right": (annotation("1", box(170, 200), "left dog"), annotation("2", RIGHT, "right dog")),
    "the left one of several not drawn": (annotation("1", RIGHT, "left dog", "leftmost dog"),),
    "left and nearly as far left": (
        annotation("1", box(160, 200), "dog on the left"),
        annotation("2", box(150, 190, 0, 40), "dog 2"),
    ),
    "a cat on the right": (
        annotation("1", box(140, 190), "dog on the left"),
        annotation("2", LEFT, "cat", category="cat"),
    ),
}
ODD: dict[str, tuple[tuple[Annotation, ...], list[tuple[Kind, tuple[str, ...]]]]] = {
    "same words": (
        (annotation("1", LEFT, "The dog!"), annotation("2", RIGHT, "a cat", "the  dog")),
        [("ambiguous expression", ("1", "2"))],
    ),
    "the same thing": (
        (annotation("1", box(0, 100), "one"), annotation("2", box(5, 100), "two")),
        [("duplicate mask", ("1", "2"))],
    ),
    "the same thing and words": (
        (annotation("1", LEFT, "dog"), annotation("2", LEFT, "dog")),
        [("duplicate mask", ("1", "2"))],
    ),
    "no mask": ((annotation("1", None, "dog"),), [("empty mask", ("1",))]),
    "no pixel": ((annotation("1", np.zeros(SHAPE, bool), "dog"),), [("empty mask", ("1",))]),
    "absent, drawn": ((annotation("1", LEFT, "dog", no_target=True),), [("no-target with mask", ("1",))]),
    "absent and there": (
        (
            annotation("1", LEFT, "the dog"),
            annotation("2", RIGHT, "cat"),
            annotation("3", None, "The dog.", no_target=True),
        ),
        [("no-target and present", ("3", "1"))],
    ),
    "nothing said": (
        (annotation("1", LEFT), annotation("2", None, no_target=True)),
        [("no expression", ("1",)), ("no expression", ("2",))],
    ),
    "no word": (
        (annotation("1", LEFT, "dog", " ", "?!"),),
        [("empty expression", ("1",)), ("empty expression", ("1",))],
    ),
    "many specks": ((annotation("1", specked(5, 2), "dog"),), [("specks", ("1",))]),
    "swapped": (
        (
            annotation("1", RIGHT, "the dog on the left wearing a hat", "left dog", "the brown dog"),
            annotation("2", LEFT, "rightmost dog"),
        ),
        [("wrong side", ("1",)), ("wrong side", ("1",)), ("wrong side", ("2",))],
    ),
    "alone, on the other side": ((annotation("1", RIGHT, "the dog on the left"),), [("wrong side", ("1",))]),
}


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_said_of_what_is_right(name: str) -> None:
    assert found(*CLEAN[name]) == []


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_told(name: str) -> None:
    annotations, expected = ODD[name]
    assert found(*annotations) == expected


def test_every_kind_has_its_words_and_a_case_here() -> None:
    elsewhere = {"not reviewed", "duplicate image", "unreadable"}
    assert (
        set(get_args(Kind)) == set(KINDS) == elsewhere | {kind for _, expected in ODD.values() for kind, _ in expected}
    )


@pytest.mark.parametrize(("state", "told"), [("new", True), ("model", True), ("corrected", False), ("accepted", False)])
def test_pictures_nobody_looked_at(state: str, told: bool) -> None:
    assert found(annotation("1", LEFT, "dog"), state=state) == ([("not reviewed", ())] if told else [])


def test_a_damaged_mask_is_told_and_the_others_are_looked_at() -> None:
    damaged = replace(annotation("1", LEFT, "dog"), mask={"size": list(SHAPE), "counts": "\x7f"})
    assert found(damaged, annotation("2", None, "cat")) == [("empty mask", ("2",)), ("unreadable", ("1",))]


@given(st.lists(st.tuples(st.integers(0, 290), st.integers(1, 60)), min_size=1, max_size=5), st.randoms())
def test_the_order_of_layers_changes_nothing(places: list[tuple[int, int]], random: Any) -> None:
    annotations = [
        annotation(str(n), box(left, left + width), "dog on the left", f"dog {n % 2}")
        for n, (left, width) in enumerate(places)
    ]
    shuffled = random.sample(annotations, len(annotations))
    assert [kind for kind, _ in found(*annotations)] == [kind for kind, _ in found(*shuffled)]


@pytest.mark.parametrize(
    ("sentence", "side", "plainly"),
    [
        ("the dog on the left", "left", True),
        ("big dog on far right", "right", True),
        ("the dog at the right edge of the picture", "right", True),
        ("man in a red shirt to the left", "left", True),
        ("the otter on the right with its head up", "right", True),
        ("left-most cup", "left", False),
        ("the far right man", "right", False),
        ("right elephant", "right", False),
    ],
)
def test_a_side_is_read_and_mirrored(sentence: str, side: Any, plainly: bool) -> None:
    assert stated_side(sentence) == StatedSide(side, plainly)
    assert stated_side(mirror_text(sentence)) == StatedSide("right" if side == "left" else "left", plainly)


@pytest.mark.parametrize(
    "sentence",
    [
        "the dog",
        "left",
        "on the left",
        "the left hand",
        "right shoes",
        "his left arm",
        "left half of the pizza",
        "the left side of the man",
        "the man left of the tree",
        "dog on the left of the bench",
        "the book on the left shelf",
        "second dog from the left",
        "the second dog on the right",
        "man looking to the left",
        "car driving to the right",
        "woman next to the man on the right",
        "the dog right behind him",
        "food left on the plate",
        "the left and the right dog",
        "the hand of the man on the left",
    ],
)
def test_where_a_side_is_not_surely_the_things_own_nothing_is_read(sentence: str) -> None:
    assert stated_side(sentence) is None


extents = st.tuples(*[st.floats(0, 1)] * 3).map(sorted).map(lambda ends: Extent(*ends))


@given(st.sampled_from(["left", "right"]), st.booleans(), extents, st.lists(extents, max_size=3))
def test_a_mirrored_contradiction_is_one(side: Any, plainly: bool, thing: Extent, alike: list[Extent]) -> None:
    told = contradicts(StatedSide(side, plainly), thing, alike)
    other = StatedSide("right" if side == "left" else "left", plainly)
    again = contradicts(other, thing.mirrored(), [one.mirrored() for one in alike])
    # 1 - (1 - x) rounds, so only what is not on the brink is compared
    near = [thing.left, thing.center, *(thing.center - one.center for one in alike)]
    if all(abs(abs(value) - limit) > 1e-9 for value in near for limit in (0.1, 1 / 3, 0.5, 2 / 3)):
        assert told == again
    assert not (told and contradicts(other, thing, alike))


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """A project of pictures (name, array) that are accepted and have one dog each."""

    def make(*pictures: tuple[str, NDArray[np.uint8]]) -> Project:
        made = Project.create(tmp_path / "project")
        for name, pixels in pictures:
            path = tmp_path / name
            path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
            record = made.add_image(path)
            mask = np.zeros(pixels.shape[:2], bool)
            mask[:4, :4] = True
            made.save(
                replace(record, state="accepted", annotations=(Annotation("1", ("dog",), mask=encode_rle(mask)),))
            )
        return made

    return make


def noise(seed: int, size: tuple[int, int] = (20, 30)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def test_the_same_picture_under_another_name_and_in_another_format(project: Callable[..., Project]) -> None:
    same = [("a.png", noise(0)), ("b.png", noise(0)), ("c.bmp", noise(0))]
    made = project(*same, ("d.png", noise(1)), ("e.png", noise(2, (30, 20))))
    told = lint(made)
    assert [(finding.image, finding.kind) for finding in told] == [
        ("b.png", "duplicate image"),
        ("c.bmp", "duplicate image"),
    ]
    assert all("a.png" in finding.text for finding in told)
    for name in ("b.png", "c.bmp"):
        made.save(replace(made.record(name), state="skipped"))
    assert lint(made) == []


def test_a_picture_that_is_gone_or_damaged_is_told(project: Callable[..., Project]) -> None:
    made = project(("a.png", noise(0)), ("b.png", noise(1)), ("c.png", noise(2)))
    made.image_path(made.record("b.png")).unlink()
    made.image_path(made.record("c.png")).write_bytes(b"no picture")
    assert [(finding.image, finding.kind) for finding in lint(made)] == [
        ("b.png", "unreadable"),
        ("c.png", "unreadable"),
    ]


def test_progress_is_told_and_may_end_the_search(project: Callable[..., Project]) -> None:
    made, told = project(("a.png", noise(0)), ("b.png", noise(1))), []
    lint(made, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lint(made, stop)


def test_the_summary_has_a_line_for_each_kind() -> None:
    findings = [
        Finding("a.png", "specks", ("1",), "A"),
        Finding("b.png", "specks", ("2",), "B"),
        Finding("b.png", "empty mask", ("1",), "C"),
    ]
    assert summarize(findings) == [
        "1 x object without a mask that is not marked as no-target, first b.png: C",
        "2 x mask with small specks, first a.png: A",
    ]
    assert summarize([]) == []


def test_an_export_tells_and_goes_on(
    project: Callable[..., Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = project(("a.png", noise(0)), ("b.png", noise(0)))
    assert main(["export", "--project", str(made.folder), "--format", "coco", "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "refseg: 1 x duplicate image, first b.png: The image equals a.png. Skip or remove one."
    ]
    assert (
        tmp_path / "out" / "annotations" / "instances_train.json"
    ).is_file() and "exported 2 objects in 2 images" in printed.out
