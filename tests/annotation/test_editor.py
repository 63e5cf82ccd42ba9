"""A person's work at a editor: what is saved, what can be taken back, what two windows do to each other."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refseg.annotation.annotation_ref import NewAnnotation
from refseg.annotation.batch import predict_batch
from refseg.annotation.editor import Editor
from refseg.annotation.history import LIMIT
from refseg.annotation.predictions import Prediction
from refseg.annotation.project import Project
from refseg.annotation.record_json import image_to_json
from refseg.annotation.records import MAX_ANNOTATIONS, Origin
from refseg.errors import ConflictError, ExpressionError, ProjectError

SIZE = (40, 60)


class Model:
    """Takes the left half for everything, but for what is said to be no_target; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, image: np.ndarray, expressions: Sequence[str]) -> list[Prediction]:
        self.asked += expressions
        if "" in expressions:
            raise ExpressionError("got no words")
        return [self.prediction(image, text) for text in expressions]

    def prediction(self, image: np.ndarray, text: str) -> Prediction:
        probability = np.full(image.shape[:2], 0.2, np.float32)
        probability[:, : image.shape[1] // 2] = 0.7
        probability[:10, :10] = 0.95
        no_target = "elephant" in text
        mask = np.zeros_like(probability, bool) if no_target else probability >= 0.5
        return Prediction(mask, probability, 0.25, Origin("tiny", "1", 0.5, "none"), no_target, ("a note",))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    for number in range(4):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (*SIZE, 3), dtype=np.uint8)).save(path)
        made.add_image(path)
    return made


@pytest.fixture
def editor(project: Project) -> Editor:
    made = Editor(project, Model(), author="ann")
    made.open("0.png")
    return made


def on_disk(editor: Editor) -> dict:
    return image_to_json(Project.open(editor.project.folder).record(editor.record.name))


def without_revision(values: dict) -> dict:
    return {name: value for name, value in values.items() if name != "revision"}


def test_each_finding_is_a_layer_of_its_own_with_where_it_comes_from(editor: Editor) -> None:
    first, second = editor.predict("  the dog "), editor.predict("the dog")
    record = Project.open(editor.project.folder).record("0.png")
    assert [annotation.id for annotation in record.annotations] == [first.id, second.id] and record.state == "model"
    annotation = record.annotations[0]
    assert annotation.expressions == ("the dog",) and annotation.origin == Origin("tiny", "1", 0.5, "none")
    assert (annotation.uncertainty, annotation.author, annotation.changed) == (0.25, "ann", 0.0) and annotation.created
    assert (
        annotation.color != record.annotations[1].color
        and annotation.decode_mask().sum() == 40 * 30
        and editor.notes == ("a note",)
    )


def test_what_the_model_takes_for_absent_is_a_layer_without_a_mask_until_a_threshold_overrules_it(
    editor: Editor,
) -> None:
    annotation = editor.predict("the elephant")
    assert annotation.no_target and annotation.mask is None
    editor.set_threshold(annotation.id, 0.9)
    found = editor.record.annotation(annotation.id)
    assert not found.no_target and found.decode_mask().sum() == 100 and found.origin.threshold == 0.9


def test_corrections_keep_the_models_own_mask_beside_them(editor: Editor) -> None:
    annotation = editor.predict("the dog")
    own = annotation.decode_mask()
    corrected = editor.brush(annotation.id, np.array([[5.5, 5.5], [5.5, 30.5]]), 3, add=False)
    saved = Project.open(editor.project.folder).record("0.png").annotation(annotation.id)
    np.testing.assert_array_equal(saved.decode_mask(), corrected.decode_mask())
    assert editor.record.state == "corrected" and saved.changed == pytest.approx((own ^ saved.decode_mask()).mean())
    editor.repair(annotation.id, "fill")
    again = editor.record.annotation(annotation.id)
    np.testing.assert_array_equal(again.predicted_mask() and own, own)
    agreement, judged = editor.agreement
    assert judged == 1 and agreement == pytest.approx(
        (own & again.decode_mask()).sum() / (own | again.decode_mask()).sum()
    )
    with pytest.raises(ProjectError, match="has been corrected"):
        editor.set_threshold(annotation.id, 0.3)


@pytest.mark.parametrize(
    ("before", "after"), [("new", "model"), ("accepted", "model"), ("corrected", "corrected"), ("skipped", "skipped")]
)
def test_what_a_model_adds_to_an_accepted_picture_has_to_be_looked_at(
    before: str, after: str, editor: Editor, project: Project
) -> None:
    editor.set_state(before)
    editor.predict("the dog")
    assert project.record("0.png").state == after
    editor.undo()
    assert project.record("0.png").state == before
    list(predict_batch(editor, Model(), ["0.png"], ["a cat"]))
    assert project.record("0.png").state == after


def test_everything_can_be_taken_back_and_done_again(editor: Editor) -> None:
    """A hundred steps of all kinds over two pictures: back to the beginning and forth to the end, on disk."""
    rng = np.random.default_rng(0)
    states = [(editor.record.name, without_revision(on_disk(editor)))]
    for step in range(110):
        if step == 50:
            editor.open("1.png")
        if step % 10 == 0:
            annotation = editor.predict(f"thing {step}")
        elif step % 10 == 4:
            editor.update(annotation.id, expressions=("one", "two"), category="dog", color="#00ff00", hidden=True)
        elif step % 10 == 5:
            editor.repair(annotation.id, "smooth")
        elif step % 10 == 6:
            editor.update(annotation.id, no_target=True)
        elif step % 10 == 7:
            editor.set_state("accepted")
        elif step % 10 == 9:
            editor.delete(annotation.id)
        else:
            editor.brush(annotation.id, rng.uniform(0, 40, (3, 2)), 4, add=bool(step % 2))
        states.append((editor.record.name, without_revision(on_disk(editor))))
    assert editor.history.undoable == 110 and LIMIT >= 100
    for name, wanted in reversed([state for state, after in pairwise(states) if state[0] == after[0]]):
        assert editor.undo()
        assert (editor.record.name, without_revision(on_disk(editor))) == (name, wanted)
        if name == "1.png" and not wanted["annotations"]:
            assert editor.undo()  # the last step on the picture before
            break
    while editor.undo():
        pass
    assert without_revision(on_disk(editor)) == states[0][1]
    while editor.redo():
        pass
    assert without_revision(on_disk(editor)) == states[-1][1] and editor.record.name == "1.png"
    assert not editor.redo()
    editor.undo()
    editor.set_state("skipped")
    assert not editor.redo()  # something new was done


def test_two_windows_on_one_picture_are_noticed_and_nothing_is_overwritten(editor: Editor, project: Project) -> None:
    other = Editor(Project.open(project.folder), Model())
    other.open("0.png")
    mine = editor.predict("the dog")
    with pytest.raises(ConflictError, match="another window"):
        other.predict("the cat")
    assert [annotation.id for annotation in Project.open(project.folder).record("0.png").annotations] == [mine.id]
    other.open("0.png")
    other.predict("the cat")
    with pytest.raises(ConflictError):
        editor.undo()  # would take the other's work away
    assert len(Project.open(project.folder).record("0.png").annotations) == 2
    assert not editor.undo()


def test_a_removed_picture_is_gone_and_the_next_takes_its_place(editor: Editor, project: Project) -> None:
    editor.open("2.png")
    editor.predict("the dog")
    editor.open("3.png")
    kept = editor.predict("the cat")
    editor.open("2.png")
    editor.remove_image()
    assert editor.record.name == "3.png" and [entry.name for entry in Project.open(project.folder).summaries] == [
        "0.png",
        "1.png",
        "3.png",
    ]
    assert sorted(path.name for path in (project.folder / "images").iterdir()) == ["0.png", "1.png", "3.png"]
    assert editor.undo() and not editor.undo(), "its own steps went with it, those of others did not"
    assert kept.id not in [annotation.id for annotation in editor.record.annotations]
    editor.remove_image()
    assert editor.record.name == "1.png", "nothing follows: the one before"
    editor.remove_image()
    editor.remove_image()
    assert editor.image_name is None and project.summaries == []


def test_a_picture_that_somebody_else_works_on_is_not_removed(editor: Editor, project: Project) -> None:
    other = Editor(Project.open(project.folder), Model())
    other.open("0.png")
    other.predict("the cat")
    with pytest.raises(ConflictError):
        editor.remove_image()
    assert len(project.record("0.png").annotations) == 1 and editor.record.name == "0.png"


def test_moving_about_and_the_hardest_first(editor: Editor) -> None:
    editor.open_relative(-1)
    assert editor.record.name == "0.png"
    editor.predict("the dog")  # uncertainty 0.25; the others are unknown, which is as bad as can be
    editor.image_list.sort(uncertain_first=True)
    assert editor.image_list.names() == ["1.png", "2.png", "3.png", "0.png"]
    editor.image_list.sort()
    editor.open_relative(5)
    assert editor.record.name == "3.png"
    editor.set_state("skipped")
    editor.open("1.png")
    editor.image_list.sort(("new",))
    assert editor.image_list.names() == ["1.png", "2.png"]
    editor.set_state("accepted")
    editor.open_relative(1)
    assert editor.record.name == "2.png"
    nobody = Editor(editor.project)
    nobody.image_list.sort(("corrected",))
    with pytest.raises(ProjectError, match="no image in this list"):
        nobody.open_relative(1)


def test_hardest_first_comes_to_every_picture_once_whatever_their_doubt_becomes(
    editor: Editor, project: Project, tmp_path: Path
) -> None:
    editor.image_list.sort(uncertain_first=True)
    seen = []
    for _ in range(3):
        seen.append(editor.record.name)
        editor.predict("the dog")  # its uncertainty falls from 1 to 0.25: sorted anew it would be last
        editor.set_state("accepted")
        editor.open_relative(1)
    assert [*seen, editor.record.name] == ["0.png", "1.png", "2.png", "3.png"]
    editor.open_relative(-2)
    assert editor.record.name == "1.png"
    editor.image_list.sort(uncertain_first=True)
    assert editor.image_list.names() == ["3.png", "0.png", "1.png", "2.png"]
    added = project.add_image(tmp_path / "0.png").name  # as doubtful as can be, but the order is told already
    editor.open_relative(5)
    assert editor.record.name == added
    editor.open_relative(-1)
    assert editor.record.name == "2.png"


def test_what_is_gone_or_in_another_state_is_passed_by(editor: Editor, project: Project) -> None:
    editor.image_list.sort(("new",), uncertain_first=True)
    other = Editor(project, Model())
    other.open("1.png")
    other.set_state("accepted")
    other.open("2.png")
    other.remove_image()
    assert other.record.name == "3.png"
    editor.set_state("accepted")
    assert editor.image_list.names() == ["3.png"] and editor.image_list.names("0.png") == ["0.png", "3.png"]
    editor.open_relative(1)
    assert editor.record.name == "3.png"
    editor.remove_image()
    assert editor.image_name is None and not editor.image_list.names()


def test_a_batch_adds_what_is_missing_says_what_failed_and_is_one_step(editor: Editor, project: Project) -> None:
    project.image_path(project.record("2.png")).unlink()
    editor.predict("the dog")
    model = Model()
    names = [entry.name for entry in project.summaries]
    told = list(predict_batch(editor, model, names, ["the dog", " the  dog", "a cat", " "]))
    assert [one.done for one in told] == [0, 1, 2, 3, 4] and told[-1].added == 5
    assert model.asked == ["a cat", "the dog", "a cat", "the dog", "a cat"]
    assert len(told[-1].problems) == 1 and "2.png" in told[-1].problems[0] and "missing" in told[-1].problems[0]
    assert [len(record.annotations) for record in map(project.record, names)] == [2, 2, 0, 2]
    assert editor.undo() and [len(record.annotations) for record in map(project.record, names)] == [1, 0, 0, 0]
    editor.open("0.png")
    assert len(editor.record.annotations) == 1 and editor.redo()
    assert [len(record.annotations) for record in map(project.record, names)] == [2, 2, 0, 2]


def test_a_batch_that_is_stopped_keeps_what_it_found(editor: Editor, project: Project) -> None:
    batch = predict_batch(editor, Model(), ["0.png", "1.png", "3.png"], ["a cat"])
    next(batch), next(batch)
    editor.set_state("accepted")  # the picture at hand goes on being worked at meanwhile
    batch.close()
    assert [len(project.record(name).annotations) for name in ("0.png", "1.png", "3.png")] == [1, 0, 0]
    assert project.record("0.png").state == "accepted" and editor.history.undoable == 1, (
        "what was done since is not the batch's to undo"
    )


def test_undoing_a_batch_leaves_alone_what_was_done_while_it_ran(editor: Editor, project: Project) -> None:
    early = editor.predict("the dog")
    batch = predict_batch(editor, Model(), ["0.png", "1.png", "2.png", "3.png"], ["a cat"])
    next(batch), next(batch), next(batch)  # 0 and 1 are done
    editor.open("0.png")
    drawn = editor.brush(None, np.array([[5.0, 5.0]]), 3, add=True)
    editor.open("3.png")
    before = editor.brush(None, np.array([[9.0, 9.0]]), 3, add=True)
    *_, last = batch
    assert last.added == 4 and [len(project.record(f"{number}.png").annotations) for number in range(4)] == [3, 1, 1, 2]
    assert editor.undo()
    assert [len(project.record(f"{number}.png").annotations) for number in range(4)] == [3, 0, 0, 1]
    assert {early.id, drawn.id} < {annotation.id for annotation in project.record("0.png").annotations}
    assert editor.redo() and editor.undo()
    assert (
        editor.undo()
        and not project.record("3.png").annotations
        and before.id not in [annotation.id for annotation in editor.record.annotations]
    )
    assert editor.undo() and editor.record.annotations[0].id == early.id and len(editor.record.annotations) == 2
    with pytest.raises(ConflictError, match=r"0\.png has changed since"):
        editor.undo()  # would take the batch's mask away with the first
    assert len(project.record("0.png").annotations) == 2 and not editor.undo()


def test_undo_while_a_batch_runs_does_not_take_its_masks_away(editor: Editor, project: Project) -> None:
    editor.predict("the dog")
    batch = predict_batch(editor, Model(), ["0.png", "1.png"], ["a cat"])
    next(batch), next(batch)
    with pytest.raises(ConflictError):
        editor.undo()
    assert len(project.record("0.png").annotations) == 2
    list(batch)
    assert editor.undo() and len(project.record("0.png").annotations) == 1


def test_a_step_over_many_pictures_is_taken_back_from_all_that_may_be_or_from_none(
    editor: Editor, project: Project
) -> None:
    names = [f"{number}.png" for number in range(4)]
    list(predict_batch(editor, Model(), names, ["a cat"]))
    other = Editor(Project.open(project.folder), Model())
    other.open("2.png")
    theirs = other.predict("the dog")
    with pytest.raises(ConflictError, match=r"2\.png has changed"):
        editor.undo()
    assert [len(project.record(name).annotations) for name in names] == [1, 1, 2, 1], "nothing was written"
    other.open("1.png")
    other.remove_image()
    assert editor.undo(), "2.png was dropped when it was told, 1.png is gone"
    assert [len(project.record(name).annotations) for name in ("0.png", "2.png", "3.png")] == [0, 2, 0]
    assert theirs.id in [annotation.id for annotation in project.record("2.png").annotations]
    assert editor.redo() and [len(project.record(name).annotations) for name in ("0.png", "2.png", "3.png")] == [
        1,
        2,
        1,
    ]


def test_a_picture_that_has_gone_or_is_damaged_does_not_stop_undo_for_ever(editor: Editor, project: Project) -> None:
    kept = editor.predict("the dog")
    for name in ("1.png", "2.png"):
        editor.open(name)
        editor.predict("the dog")
    other = Project.open(project.folder)
    other.remove(other.record("2.png"))
    (project.folder / "annotations" / "1.png.json").write_text("{")
    with pytest.raises(ConflictError, match=r"1\.png"):
        editor.undo()  # that of 2.png has gone without a word
    assert (
        editor.undo()
        and editor.record.name == "0.png"
        and kept.id not in [annotation.id for annotation in editor.record.annotations]
    )
    assert not editor.undo()


def test_two_strokes_of_a_mask_that_is_not_there_yet_land_in_one(editor: Editor, project: Project) -> None:
    for place in (5.0, 30.0):
        editor.brush(NewAnnotation("0a1b2c3d"), np.array([[place, 5.0]]), 3, add=True)
    editor.update(NewAnnotation("0a1b2c3d"), category="dog")
    (annotation,) = project.record("0.png").annotations
    assert (
        annotation.id == "0a1b2c3d"
        and annotation.category == "dog"
        and annotation.decode_mask()[5, 5]
        and annotation.decode_mask()[5, 30]
    )
    editor.box(NewAnnotation("11111111"), (5, 5, 30, 30))
    editor.click(NewAnnotation("22222222"), [(20.0, 20.0)], [])
    assert [annotation.id for annotation in editor.record.annotations] == [
        "0a1b2c3d",
        "11111111",
        "22222222",
    ] and editor.history.undoable == 5
    for odd in ("", "0a1b2c3", "0a1b2c3d4", "0A1B2C3D", "../../..", "0a1b2c3d\n"):
        with pytest.raises(ProjectError, match="8 hexadecimal digits"):
            editor.brush(NewAnnotation(odd), np.array([[5.0, 5.0]]), 3, add=True)
    with pytest.raises(ProjectError, match="no mask '33333333'"):
        editor.brush("33333333", np.array([[5.0, 5.0]]), 3, add=True)
    full = replace(
        editor.record, annotations=tuple(replace(annotation, id=f"{number:08x}") for number in range(MAX_ANNOTATIONS))
    )
    project.save(full)
    editor.open("0.png")
    with pytest.raises(ProjectError, match="has 500 masks"):
        editor.brush(NewAnnotation("ffffffff"), np.array([[5.0, 5.0]]), 3, add=True)
    editor.brush(NewAnnotation("00000001"), np.array([[50.0, 35.0]]), 3, add=True)
    assert editor.record.annotation("00000001").decode_mask()[35, 50]


def test_what_cannot_be_done_is_said(editor: Editor, project: Project) -> None:
    with pytest.raises(ProjectError, match="No image is open"):
        Editor(project, Model()).predict("x")
    with pytest.raises(ProjectError, match="no mask 'x'"):
        editor.delete("x")
    with pytest.raises(ExpressionError):
        editor.predict("  ")
    annotation = editor.update(None, expressions=("a",))
    for values in ({"expressions": ("x" * 2000,)}, {"color": "red"}, {"size": 3}):
        with pytest.raises(ProjectError):
            editor.update(annotation.id, **values)
    for how in ("magic", "edges"):
        with pytest.raises(ProjectError):
            editor.repair(annotation.id, how)
    with pytest.raises(ProjectError, match="no longer in memory"):
        editor.set_threshold(annotation.id, 0.5)
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(project.folder / "images" / "1.png")
    editor.open("1.png")
    with pytest.raises(ProjectError, match="3 x 3 pixels now"):
        editor.predict("the dog")
    assert not editor.record.annotations


def test_another_category_has_not_the_id_of_the_one_that_was_imported(editor: Editor) -> None:
    annotation = editor.update(None, category="mug")
    editor.project.save(editor.record.with_annotation(replace(annotation, category_id=7, original_id="a1")))
    editor.open(editor.record.name)
    assert editor.update(annotation.id, expressions=("mug",), category="mug").category_id == 7
    changed = editor.update(annotation.id, category="cup")
    assert (changed.category_id, changed.original_id) == (None, "a1")
