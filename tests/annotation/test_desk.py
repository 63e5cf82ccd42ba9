"""A person's work at a desk: what is saved, what can be taken back, what two windows do to each other."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.batch import find_everywhere
from refseg.annotation.desk import Desk
from refseg.annotation.history import LIMIT
from refseg.annotation.proposals import Proposal
from refseg.annotation.records import MAX_LAYERS, Origin, picture_to_json
from refseg.annotation.store import Project
from refseg.annotation.targets import Fresh
from refseg.errors import ConflictError, ExpressionError, ProjectError

SIZE = (40, 60)


class Model:
    """Takes the left half for everything, but for what is said to be absent; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, image: np.ndarray, expressions: Sequence[str]) -> list[Proposal]:
        self.asked += expressions
        if "" in expressions:
            raise ExpressionError("got no words")
        return [self.proposal(image, text) for text in expressions]

    def proposal(self, image: np.ndarray, text: str) -> Proposal:
        probability = np.full(image.shape[:2], 0.2, np.float32)
        probability[:, : image.shape[1] // 2] = 0.7
        probability[:10, :10] = 0.95
        absent = "elephant" in text
        mask = np.zeros_like(probability, bool) if absent else probability >= 0.5
        return Proposal(mask, probability, 0.25, Origin("tiny", "1", 0.5, "none"), absent, ("a note",))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    for number in range(4):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (*SIZE, 3), dtype=np.uint8)).save(path)
        made.add_picture(path)
    return made


@pytest.fixture
def desk(project: Project) -> Desk:
    made = Desk(project, Model(), author="ann")
    made.open("0.png")
    return made


def on_disk(desk: Desk) -> dict:
    return picture_to_json(Project.open(desk.project.folder).record(desk.record.name))


def without_revision(values: dict) -> dict:
    return {name: value for name, value in values.items() if name != "revision"}


def test_each_finding_is_a_layer_of_its_own_with_where_it_comes_from(desk: Desk) -> None:
    first, second = desk.find("  the dog "), desk.find("the dog")
    record = Project.open(desk.project.folder).record("0.png")
    assert [layer.id for layer in record.layers] == [first.id, second.id] and record.state == "model"
    layer = record.layers[0]
    assert layer.expressions == ("the dog",) and layer.origin == Origin("tiny", "1", 0.5, "none")
    assert (layer.doubt, layer.author, layer.changed) == (0.25, "ann", 0.0) and layer.created
    assert layer.colour != record.layers[1].colour and layer.pixels().sum() == 40 * 30 and desk.notes == ("a note",)


def test_what_the_model_takes_for_absent_is_a_layer_without_a_mask_until_a_threshold_overrules_it(desk: Desk) -> None:
    layer = desk.find("the elephant")
    assert layer.absent and layer.mask is None
    desk.set_threshold(layer.id, 0.9)
    found = desk.record.layer(layer.id)
    assert not found.absent and found.pixels().sum() == 100 and found.origin.threshold == 0.9


def test_corrections_keep_the_models_own_mask_beside_them(desk: Desk) -> None:
    layer = desk.find("the dog")
    own = layer.pixels()
    corrected = desk.draw(layer.id, np.array([[5.5, 5.5], [5.5, 30.5]]), 3, add=False)
    saved = Project.open(desk.project.folder).record("0.png").layer(layer.id)
    np.testing.assert_array_equal(saved.pixels(), corrected.pixels())
    assert desk.record.state == "corrected" and saved.changed == pytest.approx((own ^ saved.pixels()).mean())
    desk.repair(layer.id, "fill")
    again = desk.record.layer(layer.id)
    np.testing.assert_array_equal(again.model_drew() and own, own)
    agreement, judged = desk.agreement
    assert judged == 1 and agreement == pytest.approx((own & again.pixels()).sum() / (own | again.pixels()).sum())
    with pytest.raises(ProjectError, match="has been corrected"):
        desk.set_threshold(layer.id, 0.3)


@pytest.mark.parametrize(("before", "after"), [("new", "model"), ("accepted", "model"), ("corrected", "corrected"), ("skipped", "skipped")])
def test_what_a_model_adds_to_an_accepted_picture_has_to_be_looked_at(before: str, after: str, desk: Desk, project: Project) -> None:
    desk.mark(before)
    desk.find("the dog")
    assert project.record("0.png").state == after
    desk.undo()
    assert project.record("0.png").state == before
    list(find_everywhere(desk, Model(), ["0.png"], ["a cat"]))
    assert project.record("0.png").state == after


def test_everything_can_be_taken_back_and_done_again(desk: Desk) -> None:
    """A hundred steps of all kinds over two pictures: back to the beginning and forth to the end, on disk."""
    rng = np.random.default_rng(0)
    states = [(desk.record.name, without_revision(on_disk(desk)))]
    for step in range(110):
        if step == 50:
            desk.open("1.png")
        if step % 10 == 0:
            layer = desk.find(f"thing {step}")
        elif step % 10 == 4:
            desk.describe(layer.id, expressions=("one", "two"), category="dog", colour="#00ff00", hidden=True)
        elif step % 10 == 5:
            desk.repair(layer.id, "smooth")
        elif step % 10 == 6:
            desk.describe(layer.id, absent=True)
        elif step % 10 == 7:
            desk.mark("accepted")
        elif step % 10 == 9:
            desk.delete(layer.id)
        else:
            desk.draw(layer.id, rng.uniform(0, 40, (3, 2)), 4, add=bool(step % 2))
        states.append((desk.record.name, without_revision(on_disk(desk))))
    assert desk.history.undoable == 110 and LIMIT >= 100
    for name, wanted in reversed([state for state, after in pairwise(states) if state[0] == after[0]]):
        assert desk.undo()
        assert (desk.record.name, without_revision(on_disk(desk))) == (name, wanted)
        if name == "1.png" and not wanted["layers"]:
            assert desk.undo()  # the last step on the picture before
            break
    while desk.undo():
        pass
    assert without_revision(on_disk(desk)) == states[0][1]
    while desk.redo():
        pass
    assert without_revision(on_disk(desk)) == states[-1][1] and desk.record.name == "1.png"
    assert not desk.redo()
    desk.undo()
    desk.mark("skipped")
    assert not desk.redo()  # something new was done


def test_two_windows_on_one_picture_are_noticed_and_nothing_is_overwritten(desk: Desk, project: Project) -> None:
    other = Desk(Project.open(project.folder), Model())
    other.open("0.png")
    mine = desk.find("the dog")
    with pytest.raises(ConflictError, match="another window"):
        other.find("the cat")
    assert [layer.id for layer in Project.open(project.folder).record("0.png").layers] == [mine.id]
    other.open("0.png")
    other.find("the cat")
    with pytest.raises(ConflictError):
        desk.undo()  # would take the other's work away
    assert len(Project.open(project.folder).record("0.png").layers) == 2
    assert not desk.undo()


def test_a_removed_picture_is_gone_and_the_next_takes_its_place(desk: Desk, project: Project) -> None:
    desk.open("2.png")
    desk.find("the dog")
    desk.open("3.png")
    kept = desk.find("the cat")
    desk.open("2.png")
    desk.remove()
    assert desk.record.name == "3.png" and [entry.name for entry in Project.open(project.folder).entries] == ["0.png", "1.png", "3.png"]
    assert sorted(path.name for path in (project.folder / "pictures").iterdir()) == ["0.png", "1.png", "3.png"]
    assert desk.undo() and not desk.undo(), "its own steps went with it, those of others did not"
    assert kept.id not in [layer.id for layer in desk.record.layers]
    desk.remove()
    assert desk.record.name == "1.png", "nothing follows: the one before"
    desk.remove()
    desk.remove()
    assert desk.here is None and project.entries == []


def test_a_picture_that_somebody_else_works_on_is_not_removed(desk: Desk, project: Project) -> None:
    other = Desk(Project.open(project.folder), Model())
    other.open("0.png")
    other.find("the cat")
    with pytest.raises(ConflictError):
        desk.remove()
    assert len(project.record("0.png").layers) == 1 and desk.record.name == "0.png"


def test_moving_about_and_the_hardest_first(desk: Desk) -> None:
    desk.move(-1)
    assert desk.record.name == "0.png"
    desk.find("the dog")  # doubt 0.25; the others are unknown, which is as bad as can be
    desk.listing.sort(hardest_first=True)
    assert desk.listing.names() == ["1.png", "2.png", "3.png", "0.png"]
    desk.listing.sort()
    desk.move(5)
    assert desk.record.name == "3.png"
    desk.mark("skipped")
    desk.open("1.png")
    desk.listing.sort(("new",))
    assert desk.listing.names() == ["1.png", "2.png"]
    desk.mark("accepted")
    desk.move(1)
    assert desk.record.name == "2.png"
    nobody = Desk(desk.project)
    nobody.listing.sort(("corrected",))
    with pytest.raises(ProjectError, match="no picture in this list"):
        nobody.move(1)


def test_hardest_first_comes_to_every_picture_once_whatever_their_doubt_becomes(desk: Desk, project: Project, tmp_path: Path) -> None:
    desk.listing.sort(hardest_first=True)
    seen = []
    for _ in range(3):
        seen.append(desk.record.name)
        desk.find("the dog")  # its doubt falls from 1 to 0.25: sorted anew it would be last
        desk.mark("accepted")
        desk.move(1)
    assert [*seen, desk.record.name] == ["0.png", "1.png", "2.png", "3.png"]
    desk.move(-2)
    assert desk.record.name == "1.png"
    desk.listing.sort(hardest_first=True)
    assert desk.listing.names() == ["3.png", "0.png", "1.png", "2.png"]
    added = project.add_picture(tmp_path / "0.png").name  # as doubtful as can be, but the order is told already
    desk.move(5)
    assert desk.record.name == added
    desk.move(-1)
    assert desk.record.name == "2.png"


def test_what_is_gone_or_in_another_state_is_passed_by(desk: Desk, project: Project) -> None:
    desk.listing.sort(("new",), hardest_first=True)
    other = Desk(project, Model())
    other.open("1.png")
    other.mark("accepted")
    other.open("2.png")
    other.remove()
    assert other.record.name == "3.png"
    desk.mark("accepted")
    assert desk.listing.names() == ["3.png"] and desk.listing.names("0.png") == ["0.png", "3.png"]
    desk.move(1)
    assert desk.record.name == "3.png"
    desk.remove()
    assert desk.here is None and not desk.listing.names()


def test_a_batch_adds_what_is_missing_says_what_failed_and_is_one_step(desk: Desk, project: Project) -> None:
    project.picture_path(project.record("2.png")).unlink()
    desk.find("the dog")
    model = Model()
    names = [entry.name for entry in project.entries]
    told = list(find_everywhere(desk, model, names, ["the dog", " the  dog", "a cat", " "]))
    assert [one.done for one in told] == [0, 1, 2, 3, 4] and told[-1].added == 5
    assert model.asked == ["a cat", "the dog", "a cat", "the dog", "a cat"]
    assert len(told[-1].problems) == 1 and "2.png" in told[-1].problems[0] and "gone" in told[-1].problems[0]
    assert [len(layer.layers) for layer in map(project.record, names)] == [2, 2, 0, 2]
    assert desk.undo() and [len(layer.layers) for layer in map(project.record, names)] == [1, 0, 0, 0]
    desk.open("0.png")
    assert len(desk.record.layers) == 1 and desk.redo()
    assert [len(layer.layers) for layer in map(project.record, names)] == [2, 2, 0, 2]


def test_a_batch_that_is_stopped_keeps_what_it_found(desk: Desk, project: Project) -> None:
    batch = find_everywhere(desk, Model(), ["0.png", "1.png", "3.png"], ["a cat"])
    next(batch), next(batch)
    desk.mark("accepted")  # the picture at hand goes on being worked at meanwhile
    batch.close()
    assert [len(project.record(name).layers) for name in ("0.png", "1.png", "3.png")] == [1, 0, 0]
    assert project.record("0.png").state == "accepted" and desk.history.undoable == 1, "what was done since is not the batch's to undo"


def test_undoing_a_batch_leaves_alone_what_was_done_while_it_ran(desk: Desk, project: Project) -> None:
    early = desk.find("the dog")
    batch = find_everywhere(desk, Model(), ["0.png", "1.png", "2.png", "3.png"], ["a cat"])
    next(batch), next(batch), next(batch)  # 0 and 1 are done
    desk.open("0.png")
    drawn = desk.draw(None, np.array([[5.0, 5.0]]), 3, add=True)
    desk.open("3.png")
    before = desk.draw(None, np.array([[9.0, 9.0]]), 3, add=True)
    *_, last = batch
    assert last.added == 4 and [len(project.record(f"{number}.png").layers) for number in range(4)] == [3, 1, 1, 2]
    assert desk.undo()
    assert [len(project.record(f"{number}.png").layers) for number in range(4)] == [3, 0, 0, 1]
    assert {early.id, drawn.id} < {layer.id for layer in project.record("0.png").layers}
    assert desk.redo() and desk.undo()
    assert desk.undo() and not project.record("3.png").layers and before.id not in [layer.id for layer in desk.record.layers]
    assert desk.undo() and desk.record.layers[0].id == early.id and len(desk.record.layers) == 2
    with pytest.raises(ConflictError, match=r"0\.png has changed since"):
        desk.undo()  # would take the batch's mask away with the first
    assert len(project.record("0.png").layers) == 2 and not desk.undo()


def test_undo_while_a_batch_runs_does_not_take_its_masks_away(desk: Desk, project: Project) -> None:
    desk.find("the dog")
    batch = find_everywhere(desk, Model(), ["0.png", "1.png"], ["a cat"])
    next(batch), next(batch)
    with pytest.raises(ConflictError):
        desk.undo()
    assert len(project.record("0.png").layers) == 2
    list(batch)
    assert desk.undo() and len(project.record("0.png").layers) == 1


def test_a_step_over_many_pictures_is_taken_back_from_all_that_may_be_or_from_none(desk: Desk, project: Project) -> None:
    names = [f"{number}.png" for number in range(4)]
    list(find_everywhere(desk, Model(), names, ["a cat"]))
    other = Desk(Project.open(project.folder), Model())
    other.open("2.png")
    theirs = other.find("the dog")
    with pytest.raises(ConflictError, match=r"2\.png has changed"):
        desk.undo()
    assert [len(project.record(name).layers) for name in names] == [1, 1, 2, 1], "nothing was written"
    other.open("1.png")
    other.remove()
    assert desk.undo(), "2.png was dropped when it was told, 1.png is gone"
    assert [len(project.record(name).layers) for name in ("0.png", "2.png", "3.png")] == [0, 2, 0]
    assert theirs.id in [layer.id for layer in project.record("2.png").layers]
    assert desk.redo() and [len(project.record(name).layers) for name in ("0.png", "2.png", "3.png")] == [1, 2, 1]


def test_a_picture_that_has_gone_or_is_damaged_does_not_stop_undo_for_ever(desk: Desk, project: Project) -> None:
    kept = desk.find("the dog")
    for name in ("1.png", "2.png"):
        desk.open(name)
        desk.find("the dog")
    other = Project.open(project.folder)
    other.remove(other.record("2.png"))
    (project.folder / "annotations" / "1.png.json").write_text("{")
    with pytest.raises(ConflictError, match=r"1\.png"):
        desk.undo()  # that of 2.png has gone without a word
    assert desk.undo() and desk.record.name == "0.png" and kept.id not in [layer.id for layer in desk.record.layers]
    assert not desk.undo()


def test_two_strokes_of_a_mask_that_is_not_there_yet_land_in_one(desk: Desk, project: Project) -> None:
    for place in (5.0, 30.0):
        desk.draw(Fresh("0a1b2c3d"), np.array([[place, 5.0]]), 3, add=True)
    desk.describe(Fresh("0a1b2c3d"), category="dog")
    (layer,) = project.record("0.png").layers
    assert layer.id == "0a1b2c3d" and layer.category == "dog" and layer.pixels()[5, 5] and layer.pixels()[5, 30]
    desk.box(Fresh("11111111"), (5, 5, 30, 30))
    desk.click(Fresh("22222222"), [(20.0, 20.0)], [])
    assert [layer.id for layer in desk.record.layers] == ["0a1b2c3d", "11111111", "22222222"] and desk.history.undoable == 5
    for odd in ("", "0a1b2c3", "0a1b2c3d4", "0A1B2C3D", "../../..", "0a1b2c3d\n"):
        with pytest.raises(ProjectError, match="8 hexadecimal digits"):
            desk.draw(Fresh(odd), np.array([[5.0, 5.0]]), 3, add=True)
    with pytest.raises(ProjectError, match="no mask '33333333'"):
        desk.draw("33333333", np.array([[5.0, 5.0]]), 3, add=True)
    full = replace(desk.record, layers=tuple(replace(layer, id=f"{number:08x}") for number in range(MAX_LAYERS)))
    project.save(full)
    desk.open("0.png")
    with pytest.raises(ProjectError, match="which is the most"):
        desk.draw(Fresh("ffffffff"), np.array([[5.0, 5.0]]), 3, add=True)
    desk.draw(Fresh("00000001"), np.array([[50.0, 35.0]]), 3, add=True)
    assert desk.record.layer("00000001").pixels()[35, 50]


def test_what_cannot_be_done_is_said(desk: Desk, project: Project) -> None:
    with pytest.raises(ProjectError, match="no picture is open"):
        Desk(project, Model()).find("x")
    with pytest.raises(ProjectError, match="no mask 'x'"):
        desk.delete("x")
    with pytest.raises(ExpressionError):
        desk.find("  ")
    layer = desk.describe(None, expressions=("a",))
    for values in ({"expressions": ("x" * 2000,)}, {"colour": "red"}, {"size": 3}):
        with pytest.raises(ProjectError):
            desk.describe(layer.id, **values)
    for how in ("magic", "edges"):
        with pytest.raises(ProjectError):
            desk.repair(layer.id, how)
    with pytest.raises(ProjectError, match="no longer at hand"):
        desk.set_threshold(layer.id, 0.5)
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(project.folder / "pictures" / "1.png")
    desk.open("1.png")
    with pytest.raises(ProjectError, match="3 x 3 pixels now"):
        desk.find("the dog")
    assert not desk.record.layers


def test_another_category_has_not_the_id_of_the_one_that_was_imported(desk: Desk) -> None:
    layer = desk.describe(None, category="mug")
    desk.project.save(desk.record.with_layer(replace(layer, category_id=7, original_id="a1")))
    desk.open(desk.record.name)
    assert desk.describe(layer.id, expressions=("mug",), category="mug").category_id == 7
    changed = desk.describe(layer.id, category="cup")
    assert (changed.category_id, changed.original_id) == (None, "a1")
