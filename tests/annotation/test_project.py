"""Projects: what is acknowledged is on the disk, whatever happens; two windows notice each other; large ones open at
once.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock, SoftFileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.annotation.lint import lint
from refseg.annotation.project import Project
from refseg.annotation.record_json import image_from_json, image_to_json, upgrade_record
from refseg.annotation.records import AnnotatedImage, Annotation, Origin, utc_now
from refseg.data.masks import encode_rle
from refseg.errors import ConflictError, ImageError, ProjectError

ROOT = Path(__file__).parents[2]


def box(x: int = 5, size: tuple[int, int] = (40, 60)) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(size, dtype=bool)
    mask[10:30, x : x + 20] = True
    return mask


def drawn(id_: str = "1", x: int = 5) -> Annotation:
    return Annotation(
        id_,
        ("the dog", "größter Hund"),
        "dog",
        mask=encode_rle(box(x)),
        origin=Origin("embedded", None, 0.5, "crf"),
        uncertainty=0.25,
        created=utc_now(),
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", "my <b>dogs</b>")


def test_the_order_of_the_list_survives_changes_and_a_lost_index(tmp_path: Path, photos: list[Path]) -> None:
    project = Project.create(tmp_path / "p")
    names = [project.add_image(photos[place]).name for place in (2, 0, 1)]
    project.save(replace(project.record(names[0]), state="accepted"))
    for _ in range(2):
        assert [entry.name for entry in Project.open(tmp_path / "p").summaries] == names
        (tmp_path / "p" / "index.json").unlink(missing_ok=True)


def test_what_is_saved_is_read_again(project: Project, photos: list[Path]) -> None:
    record = project.add_image(photos[0])
    assert (record.name, record.height, record.width, record.state, record.revision) == ("dog.png", 40, 60, "new", 1)
    saved = project.save(replace(record.with_annotation(drawn()), state="model"))
    again = Project.open(project.folder)
    assert again.name == "my <b>dogs</b>"
    read = again.record("dog.png")
    assert image_to_json(read) == image_to_json(saved) and read.revision == 2
    annotation = read.annotation("1")
    assert annotation.expressions == ("the dog", "größter Hund") and annotation.origin == Origin(
        "embedded", None, 0.5, "crf"
    )
    np.testing.assert_array_equal(annotation.decode_mask(), box())
    assert again.image_path(read).read_bytes() == photos[0].read_bytes()
    assert [(entry.name, entry.state, entry.annotations, entry.uncertainty) for entry in again.summaries] == [
        ("dog.png", "model", 1, 0.25)
    ]


def test_pictures_of_one_name_are_told_apart(project: Project, photos: list[Path]) -> None:
    names = [project.add_image(path).name for path in [*photos, photos[0]]]
    assert names == ["dog.png", "dog-2.png", "häuser & co.jpg", "dog-3.png"]
    assert [entry.name for entry in Project.open(project.folder).summaries] == names


def test_a_linked_picture_stays_where_it_is(project: Project, photos: list[Path]) -> None:
    record = project.add_image(photos[1], copy=False)
    assert project.image_path(record) == photos[1].resolve() and not list((project.folder / "images").iterdir())
    photos[1].unlink()
    with pytest.raises(ImageError, match="is missing"):
        project.image_path(record)
    project.remove_images([record.name])
    assert project.summaries == []


def test_a_name_that_another_window_has_taken_meanwhile_is_not_taken_again(
    project: Project, photos: list[Path]
) -> None:
    other = Project.open(project.folder)
    first = project.add_image(photos[0])
    project.save(replace(first.with_annotation(drawn()), state="accepted"))
    second = other.add_image(photos[1], name="dog.png")
    assert second.name == "dog-2.png" and project.record("dog.png").state == "accepted"


def test_a_new_picture_of_a_removed_ones_name_is_not_taken_for_it(project: Project, photos: list[Path]) -> None:
    old = project.add_image(photos[0])
    project.remove(old)
    new = Project.open(project.folder).add_image(photos[0])
    assert (old.name, old.revision) == (new.name, new.revision)
    with pytest.raises(ConflictError):
        project.save(replace(old, state="accepted"))
    with pytest.raises(ConflictError):
        project.remove(old)


def test_of_windows_that_save_at_one_moment_one_is_heard_at_a_time(project: Project, photos: list[Path]) -> None:
    """Each saves what it has read; whoever was overtaken is told. So the revision counts exactly those who were not."""
    name = project.add_image(photos[0]).name

    def work(number: int) -> int:
        mine, heard = Project.open(project.folder), 0
        for place in range(15):
            try:
                mine.save(mine.record(name).with_annotation(drawn(f"{number}-{place}")))
                heard += 1
            except ConflictError:
                pass
        return heard

    with ThreadPoolExecutor(6) as pool:
        heard = sum(pool.map(work, range(6)))
    record = project.record(name)
    assert heard >= 15 and len(record.annotations) == heard and record.revision == 1 + heard


def test_a_project_that_another_program_holds_is_waited_for_and_then_told(
    project: Project, photos: list[Path], monkeypatch: Any
) -> None:
    monkeypatch.setattr("refseg.annotation.storage.LOCK_SECONDS", 0.05)
    record = project.add_image(photos[0])
    with FileLock(project.folder / ".lock"), pytest.raises(ProjectError, match="locked by another program"):
        project.save(record)
    assert project.save(record).revision == 2


def test_two_windows_on_one_picture_notice_each_other(project: Project, photos: list[Path]) -> None:
    name = project.add_image(photos[0]).name
    here, there = Project.open(project.folder), Project.open(project.folder)
    mine, theirs = here.record(name), there.record(name)
    here.save(replace(mine, state="accepted"))
    with pytest.raises(ConflictError, match="changed in another window"):
        there.save(replace(theirs, state="skipped"))
    assert there.record(name).state == "accepted"
    there.refresh()
    assert there.summaries[0].state == "accepted"
    there.save(replace(there.record(name), state="skipped"))


def test_a_correction_keeps_the_models_mask_beside_it() -> None:
    annotation = drawn(x=5)
    corrected = annotation.with_mask(box(7))
    assert corrected.model_mask == annotation.mask and corrected.changed == pytest.approx(2 * 2 * 20 / 2400)
    again = corrected.with_mask(box(5))
    assert again.model_mask == annotation.mask and again.changed == 0
    by_hand = Annotation("2").with_mask(box())
    assert by_hand.model_mask is None and by_hand.changed == 0


def test_the_queue_by_state_and_by_doubt(project: Project, photos: list[Path]) -> None:
    for path, uncertainty in zip(photos, (0.2, 0.9, 0.5), strict=True):
        record = project.add_image(path)
        project.save(replace(record.with_annotation(replace(drawn(), uncertainty=uncertainty)), state="model"))
    fresh = project.add_image(photos[0])
    assert [entry.name for entry in project.summaries_in(uncertain_first=True)] == [
        fresh.name,
        "dog-2.png",
        "häuser & co.jpg",
        "dog.png",
    ]
    assert [entry.name for entry in project.summaries_in(("new",))] == [fresh.name]


def test_what_is_no_project_is_refused(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ProjectError, match="is a project already"):
        Project.create(project.folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(ProjectError, match="is not empty"):
        Project.create(tmp_path / "full")
    with pytest.raises(ProjectError, match="is not a project"):
        Project.open(tmp_path / "full")
    for text, reason in (
        ('{"format": "other"}', "has another format"),
        ('{"format": "refseg-project", "version": 3}', "newer refseg"),
        ("{", "cannot be read"),
    ):
        (project.folder / "project.json").write_text(text)
        with pytest.raises(ProjectError, match=reason):
            Project.open(project.folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "done"}, "Expected one of new, model"),
        ({"height": 0}, "at least 1"),
        ({"annotations": {}}, "not a list"),
        ({"annotations": [{"id": "1", "mask": {"size": [1, 1], "counts": "1"}}]}, "not COCO run lengths of 40 x 60"),
        ({"annotations": [{"id": "1", "uncertainty": 7}]}, "from 0 to 1"),
        ({"annotations": [{"id": "1", "expressions": [5]}]}, '"expressions" is not a list'),
        ({"name": "other.png"}, "Undo the renaming"),
        ({"file": "../../etc/passwd"}, None),
    ],
)
def test_damaged_records_are_one_sentence(
    change: dict[str, Any], reason: str | None, project: Project, photos: list[Path]
) -> None:
    record = project.add_image(photos[0])
    path = project.folder / "annotations" / "dog.png.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    if reason is not None:
        with pytest.raises(ProjectError, match=reason):
            project.record(record.name)
    else:
        with pytest.raises(ProjectError, match="a file inside the project"):
            project.image_path(project.record(record.name))


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_names_that_leave_the_folder_are_refused(name: str, project: Project) -> None:
    with pytest.raises(ProjectError):
        project.record(name)


def test_a_damaged_record_keeps_nobody_from_the_others(project: Project, photos: list[Path]) -> None:
    names = [project.add_image(path).name for path in photos]
    folder = project.folder / "annotations"
    whole = (folder / names[0]).with_suffix(".png.json").read_text()
    for content in (
        "",
        "{",
        "[]",
        whole.replace('"name":"dog.png"', '"name":"cat.png"'),
        whole.replace('"height":40', '"height":0'),
    ):
        (folder / f"{names[0]}.json").write_text(content)
        for opened in (Project.open(project.folder), project):
            opened.refresh()
            assert [entry.name for entry in opened.summaries] == names[1:]
            assert set(opened.damaged) == {names[0]} and f"{names[0]}.json" in opened.damaged[names[0]]
        assert (folder / f"{names[0]}.json").read_text() == content, "it is never written to"
    assert project.add_image(photos[0]).name == "dog-3.png", "its name is still taken"
    assert [finding.kind for finding in lint(project) if finding.image == names[0]] == ["unreadable"]
    (folder / f"{names[0]}.json").write_text(whole)
    project.refresh()
    assert project.summaries[0].name == names[0] and not project.damaged


@pytest.mark.parametrize("file", ["../outside.png", "images/\0", f"images/{'x' * 500}"])
def test_a_picture_whose_record_points_astray_can_be_removed_and_nothing_else_with_it(
    file: str, project: Project, photos: list[Path]
) -> None:
    record = project.add_image(photos[0])
    outside = project.folder.parent / "outside.png"
    outside.write_bytes(b"of somebody else")
    lost = project.save(replace(record, file=file))
    with pytest.raises((ImageError, ProjectError)):
        project.image_path(lost)
    project.remove(lost)
    assert project.summaries == [] and outside.exists()


def test_a_lost_or_damaged_index_costs_nothing(project: Project, photos: list[Path]) -> None:
    for path in photos:
        project.add_image(path)
    names = {entry.name for entry in project.summaries}
    for content in ("", "[]", '{"dog.png": 5}', '{"dog.png": [1, 2, "x", 0, 0]}'):
        (project.folder / "index.json").write_text(content)
        assert {entry.name for entry in Project.open(project.folder).summaries} == names
    (project.folder / "index.json").unlink()
    assert {entry.name for entry in Project.open(project.folder).summaries} == names


@settings(max_examples=50)
@given(
    texts=st.lists(st.text(max_size=40), max_size=3),
    category=st.text(max_size=20),
    uncertainty=st.one_of(st.none(), st.floats(0, 1)),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_records_survive_json(
    texts: list[str], category: str, uncertainty: float | None, flags: tuple[bool, bool]
) -> None:
    annotation = Annotation(
        "7",
        tuple(texts),
        category,
        hidden=flags[0],
        no_target=flags[1],
        uncertainty=uncertainty,
        mask=encode_rle(box()),
    )
    record = AnnotatedImage("ä.png", "images/ä.png", 40, 60, "corrected", "val", (annotation,), 3)
    assert image_to_json(image_from_json(json.loads(json.dumps(image_to_json(record))))) == image_to_json(record)


WRITER = """
import sys
from dataclasses import replace
from refseg.annotation.project import Project
from tests.annotation.test_project import drawn
project = Project.open(sys.argv[1])
for number in range(10_000):
    record = project.record("dog.png")
    project.save(replace(record.with_annotation(replace(drawn(str(number % 7)), category=str(number)))))
    print(number, flush=True)
"""


def test_killed_at_any_moment_every_acknowledged_save_is_there(project: Project, photos: list[Path]) -> None:
    if os.name != "posix":
        pytest.skip("needs SIGKILL")
    project.add_image(photos[0])
    rng, acknowledged = np.random.default_rng(0), 0
    while acknowledged < 200:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(project.folder)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(int(rng.integers(20, 60)))]
        time.sleep(float(rng.uniform(0, 0.01)))
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        last = int(lines[-1]) if lines[-1].strip() else int(lines[-2])
        acknowledged += last + 1
        for file in project.folder.rglob("*.json"):
            json.loads(file.read_text(encoding="utf-8"))
        record = Project.open(project.folder).record("dog.png")
        said = {int(annotation.category) for annotation in record.annotations}
        # the save after the last acknowledged one may or may not have reached the disk
        assert max(said) in (last, last + 1)


def test_two_thousand_pictures_open_at_once(project: Project) -> None:
    masks = [
        encode_rle(np.random.default_rng(n).random((120, 160)) > 0.5) for n in range(5)
    ]  # noise: the worst run lengths
    annotations = tuple(
        Annotation(str(n), (f"thing {n}",), "thing", mask=mask, uncertainty=0.1) for n, mask in enumerate(masks)
    )
    template = json.dumps(image_to_json(AnnotatedImage("NAME", "images/NAME", 120, 160, "model", "", annotations, 1)))
    for number in range(2000):
        name = f"{number:05d}.png"
        (project.folder / "annotations" / f"{name}.json").write_text(template.replace("NAME", name), encoding="utf-8")
    Project.open(project.folder)  # makes the index
    started = time.perf_counter()
    opened = Project.open(project.folder)
    opening = time.perf_counter() - started
    assert len(opened.summaries) == 2000 and opening < 2
    record = opened.record("01000.png")
    started = time.perf_counter()
    opened.save(replace(record, state="accepted"))
    assert time.perf_counter() - started < 0.3
    started = time.perf_counter()
    opened.record("01001.png")
    assert time.perf_counter() - started < 0.3


@pytest.mark.skipif(os.name != "posix", reason="Windows has no flock")
@pytest.mark.filterwarnings("ignore")  # newer versions of filelock warn when they do the same
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_folders_without_locks_of_the_system(code: int, project: Project, photos: list[Path], monkeypatch: Any) -> None:
    import fcntl

    def fails(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fails)
    monkeypatch.setattr("refseg.annotation.storage.LOCK_SECONDS", 0.05)
    record = project.add_image(photos[0])
    assert project.save(replace(record, state="accepted")).revision == record.revision + 1
    if code != errno.ENOSYS:
        with (
            SoftFileLock(project.folder / ".lock-file"),
            pytest.raises(ProjectError, match=r"Delete the file \.lock-file"),
        ):
            project.save(project.record(record.name))
    assert project.record(record.name).state == "accepted"


def test_records_keep_original_names_and_ids(project: Project, photos: list[Path]) -> None:
    record = project.add_image(
        photos[0], filled=lambda known: replace(known, original_name="тест/a.png", original_id=2**62)
    )
    annotation = replace(drawn(), original_id="00017", category_id=-1)
    project.save(record.with_annotation(annotation))
    again = Project.open(project.folder).record(record.name)
    assert (again.original_name, again.original_id) == ("тест/a.png", 2**62)
    assert (again.annotations[0].original_id, again.annotations[0].category_id) == ("00017", -1)
    for wrong in (2**63, 1.5, True, "x" * 1001, "\ud800", ["1"]):
        with pytest.raises(ProjectError, match="original_id"):
            project.save(replace(again, original_id=wrong))
        with pytest.raises(ProjectError, match="category_id"):
            project.save(replace(again, annotations=(replace(annotation, category_id=wrong),)))


def test_records_of_older_versions_have_no_original_ids(project: Project, photos: list[Path]) -> None:
    record = project.save(project.add_image(photos[0]).with_annotation(drawn()))
    path = project.folder / "annotations" / f"{record.name}.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    for key in ("original_name", "original_id"):
        del values[key]
    for key in ("original_id", "category_id"):
        del values["annotations"][0][key]
    path.write_text(json.dumps(values), encoding="utf-8")
    again = Project.open(project.folder).record(record.name)
    assert (again.original_name, again.original_id, again.annotations[0].category_id) == ("", None, None)


@pytest.mark.parametrize(
    "name", ["чашка.JPG", "杯子 (2).png", "e\u0301.png", "a" * 300 + ".png", "CON.png", ".x.png", "a%20b#c.png"]
)
def test_a_picture_of_any_name_is_read_again(name: str, project: Project, photos: list[Path]) -> None:
    record = project.add_image(photos[0], name=name)
    other = Project.open(project.folder)
    assert [entry.name for entry in other.summaries] == [record.name]
    assert other.image_path(other.record(record.name)).read_bytes() == photos[0].read_bytes()
    (project.folder / "index.json").unlink()
    assert [entry.name for entry in Project.open(project.folder).summaries] == [record.name]
    second = other.add_image(photos[1], name=name)
    assert second.name != record.name
    other.remove_images([record.name, second.name])
    assert not list((project.folder / "images").iterdir()) and not Project.open(project.folder).summaries


def as_version_1(project: Project) -> None:
    """Rewrites a project as programs before version 2 wrote it."""
    keys = {"annotations": "layers", "color": "colour", "no_target": "absent", "uncertainty": "doubt"}
    (project.folder / "images").rename(project.folder / "images")
    for file in (project.folder / "annotations").glob("*.json"):
        values = json.loads(file.read_text(encoding="utf-8"))
        values["file"] = values["file"].replace("images/", "images/")
        values["annotations"] = [
            {keys.get(key, key): value for key, value in one.items()} for one in values["annotations"]
        ]
        file.write_text(json.dumps({keys.get(key, key): value for key, value in values.items()}), encoding="utf-8")
    (project.folder / "project.json").write_text(json.dumps({"format": "refseg-project", "version": 1, "name": "old"}))
    (project.folder / "index.json").unlink(missing_ok=True)


def test_a_project_of_version_1_is_read_and_becomes_version_2_with_the_first_save(
    project: Project, photos: list[Path]
) -> None:
    annotations = (drawn(), Annotation("2", ("a cat",), color="#00ff00", no_target=True, uncertainty=0.75))
    saved = project.save(replace(project.add_image(photos[0]), annotations=annotations))
    as_version_1(project)
    before = {path.name: path.read_bytes() for path in project.folder.rglob("*.json")}
    old = Project.open(project.folder)
    assert image_to_json(old.record("dog.png")) == {**image_to_json(saved), "file": "images/dog.png"}
    assert [(summary.annotations, summary.uncertainty) for summary in old.summaries] == [(2, 0.75)] and not old.damaged
    assert old.image_path(old.record("dog.png")).read_bytes() == photos[0].read_bytes()
    assert before == {
        path.name: path.read_bytes() for path in project.folder.rglob("*.json") if path.name != "index.json"
    }
    added = old.add_image(photos[2])
    assert old.image_path(added) == project.folder / "images" / added.name
    assert json.loads((project.folder / "project.json").read_text()) == {
        "format": "refseg-project",
        "version": 2,
        "name": "old",
    }
    old.save(old.record("dog.png"))
    values = json.loads((project.folder / "annotations" / "dog.png.json").read_text(encoding="utf-8"))
    assert "layers" not in values and set(values["annotations"][0]) >= {"color", "no_target", "uncertainty"}
    assert len(Project.open(project.folder).summaries) == 2


def test_a_record_of_version_2_is_not_altered_by_the_upgrade() -> None:
    annotations = (drawn(), Annotation("2", ("a cat",), color="#00ff00", no_target=True, uncertainty=0.75))
    values = image_to_json(AnnotatedImage("a.png", "images/a.png", 40, 60, annotations=annotations))
    assert upgrade_record(values) == values
    assert upgrade_record({"layers": [{"absent": True}, 5], "file": "a"}) == {
        "annotations": [{"no_target": True}, 5],
        "file": "a",
    }
    assert upgrade_record({"layers": [], "annotations": 7}) == {"annotations": 7}
