"""The annotation tab's requests without a page: answers, what is on disk, and what is refused."""

import base64
import io
import json
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import pytest

from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle
from refseg.ui.annotate.requests import EditorRequests
from refseg.ui.annotate.sessions import MAX_ACTIVE
from refseg.ui.model_runner import ModelRunner
from refseg.ui.project_directory import ProjectDirectory
from tests.ui.fakes import COLORS, FakePredictor

RED = (slice(20, 50), slice(10, 40))


class Client:
    """Sends requests as the script of one window does."""

    def __init__(self, page: EditorRequests, project: str, window: str = "one") -> None:
        self.page, self.project, self.window = page, project, window

    def __call__(self, action: str, **details: Any) -> dict[str, Any]:
        return self.page.edit({"action": action, "project": self.project, "window": self.window, **details})


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


@pytest.fixture
def photo(uploads: Path) -> Path:
    image = np.full((80, 120, 3), 128, np.uint8)
    image[RED] = COLORS["red"]
    path = uploads / "photo.png"
    cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture
def page(tmp_path: Path) -> EditorRequests:
    return EditorRequests(ModelRunner(FakePredictor()), ProjectDirectory(tmp_path / "projects", listed=True))  # type: ignore[arg-type]


@pytest.fixture
def client(page: EditorRequests, photo: Path) -> Client:
    made = Client(page, page.edit({"action": "create_project", "name": "dogs"})["key"])
    made("add_image", path=str(photo), name="photo.png")
    return made


def entry(name: str, state: str, objects: int, uncertainty: float) -> dict[str, Any]:
    return {"name": name, "state": state, "objects": objects, "uncertainty": uncertainty}


def decode_mask(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)) >= 128


def test_predict_correct_undo_redo(client: Client, tmp_path: Path) -> None:
    found = client("predict", expression="the red ball")
    (annotation,) = found["objects"]
    wanted = np.zeros((80, 120), bool)
    wanted[RED] = True
    np.testing.assert_array_equal(decode_mask(found["masks"][found["object"]]), wanted)
    assert (
        annotation["expressions"] == ["the red ball"]
        and annotation["adjustable"]
        and found["image"]["state"] == "model"
    )
    corrected = client("brush", object=annotation["id"], points=[[60, 60], [90, 60]], radius=5, add=True)
    assert (
        decode_mask(corrected["masks"][annotation["id"]])[60, 75]
        and corrected["objects"][0]["corrected"]
        and corrected["agreement"]["count"] == 1
    )
    assert corrected["undo_steps"] == 2 and client("undo")["undo_steps"] == 1
    saved = Project.open(tmp_path / "projects" / "dogs").record("photo.png")
    np.testing.assert_array_equal(saved.annotations[0].decode_mask(), wanted)
    assert client("redo")["redo_steps"] == 0
    assert client("update_object", object=annotation["id"], expressions=["a ball ", "", "a ball"])["objects"][0][
        "expressions"
    ] == ["a ball"]


def test_images_and_masks_are_sent_once(client: Client) -> None:
    first = client("predict", expression="the red ball")
    second = client("predict", expression="the red ball on the left")
    assert (
        set(first["masks"]) == {first["object"]}
        and set(second["masks"]) == {second["object"]}
        and "uri" not in second["image"]
    )
    assert client("list_images")["masks"] == {}
    again = client("open_project")
    assert set(again["masks"]) == {first["object"], second["object"]} and again["image"]["uri"].startswith(
        "data:image/jpeg"
    )
    assert again["entries"] == [{"name": "photo.png", "state": "model", "objects": 2, "uncertainty": 0.25}]


def test_a_crop_has_the_original_resolution(client: Client) -> None:
    answer = client("crop", points=[[8.5, 18.5], [41.0, 200.0]])
    assert answer["box"] == (8, 18, 42, 80)
    data = np.frombuffer(base64.b64decode(answer["uri"].split(",", 1)[1]), np.uint8)
    part = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    assert part.shape == (62, 34, 3) and np.abs(part[10, 15].astype(int) - COLORS["red"]).max() < 20
    assert "Expected a box inside" in client("crop", points=[[500, 500], [600, 600]])["error"]


def test_clicks_boxes_and_repairs(client: Client) -> None:
    box = client("box", object=None, points=[[5, 15], [45, 55]])
    mask = decode_mask(box["masks"][box["object"]])
    assert mask[RED].mean() > 0.9 and not mask[:, 50:].any()
    less = client("click", object=box["object"], points=[[20, 30]], add=False)
    assert not decode_mask(less["masks"][box["object"]])[30, 20]
    filled = client("repair", object=box["object"], method="fill")
    assert "error" not in filled and filled["undo_steps"] == 3


def test_a_second_window_overwrites_nothing(client: Client, page: EditorRequests) -> None:
    other = Client(page, client.project, "two")
    other("open_project")
    mine = client("predict", expression="the red ball")
    refused = other("predict", expression="the green ball")
    assert "another window" in refused["error"]
    assert [annotation["id"] for annotation in other("open_project")["objects"]] == [mine["object"]]


def test_only_the_open_image_can_be_removed(client: Client, page: EditorRequests, photo: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    other = Client(page, client.project, "two")
    assert other("open_project", name="photo.png")["image"]["name"] == "photo.png"
    assert "another image" in client("remove_image", name="second.png")["error"]
    answer = client("remove_image", name="photo.png")
    assert (
        answer["image"]["name"] == "second.png"
        and "uri" in answer["image"]
        and [entry["name"] for entry in answer["entries"]] == ["second.png"]
    )
    assert "no such image" in other("predict", expression="the red ball")["error"]
    assert other("open_project", name="photo.png")["image"]["name"] == "second.png"
    answer = client("remove_image", name="second.png")
    assert answer["image"] is None and answer["entries"] == []
    assert other("open_project")["image"] is None
    answer = client("add_image", path=str(photo), name="second.png")
    assert "uri" in answer["image"], "a new image with an old name is sent"


def test_an_image_that_cannot_be_shown_has_a_problem_and_the_others_work(
    client: Client, photo: Path, tmp_path: Path
) -> None:
    client("add_image", path=str(photo), name="second.png")
    annotation = client("predict", expression="the red ball")["object"]
    copy = tmp_path / "projects" / "dogs" / "images" / "photo.png"
    whole = copy.read_bytes()
    for content, said in (
        (None, "is missing"),
        (b"no image", "not an image"),
        (cv2.imencode(".png", np.zeros((3, 3), np.uint8))[1].tobytes(), "3 x 3"),
    ):
        copy.unlink() if content is None else copy.write_bytes(content)
        other = Client(client.page, client.project, said)
        answer = other("open_project")
        assert (
            answer["image"]["name"] == "photo.png"
            and "uri" not in answer["image"]
            and said in answer["image"]["problem"]
        )
        assert [entry["name"] for entry in answer["entries"]] == ["photo.png", "second.png"] and set(
            answer["masks"]
        ) == {annotation}
        assert said in other("list_images")["image"]["problem"], "the problem is sent with every answer"
        answer = other("step", by=1)["image"]
        assert answer["name"] == "second.png" and "uri" in answer and "problem" not in answer
        assert said in other("step", by=-1)["image"]["problem"]
        assert said in other("predict", expression="the red ball")["error"]
    copy.write_bytes(whole)
    answer = other("list_images")
    assert "uri" in answer["image"] and "problem" not in answer["image"] and set(answer["masks"]) == {annotation}
    copy.unlink()
    answer = other("remove_image", name="photo.png")
    assert answer["image"]["name"] == "second.png" and [entry["name"] for entry in answer["entries"]] == ["second.png"]


def test_a_damaged_mask_or_record_leaves_the_rest_usable(client: Client, photo: Path, tmp_path: Path) -> None:
    for number in range(8):
        client("add_image", path=str(photo), name=f"more {number}.png")
    annotation = client("predict", expression="the red ball")["object"]
    folder = tmp_path / "projects" / "dogs" / "annotations"
    values = json.loads((folder / "photo.png.json").read_text())
    values["annotations"][0]["mask"]["counts"] = "\x7f"
    (folder / "photo.png.json").write_text(json.dumps(values))
    for number in range(7):
        (folder / f"more {number}.png.json").write_text("{")
    other = Client(client.page, client.project, "two")
    answer = other("open_project")
    assert [entry["name"] for entry in answer["entries"]] == ["photo.png", "more 7.png"] and answer["masks"] == {
        annotation: None
    }
    assert (
        len(answer["notes"]) == 7
        and "more 0.png is not listed" in answer["notes"][0]
        and "2 more" in answer["notes"][5]
    )
    assert "mask of object 1 is damaged" in answer["notes"][6]
    assert other("delete_object", object=annotation)["objects"] == []


def test_the_entry_of_the_image_that_was_left_is_sent(client: Client, photo: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    client("predict", expression="the red ball")
    answer = client("set_state", state="accepted", then_next=True)
    assert answer["left"] == entry("photo.png", "accepted", 1, 0.25) and answer["image"]["name"] == "second.png"
    assert client("set_state", state="skipped")["left"] is None, "it is still open"
    assert client("undo")["left"] is None
    assert client("undo")["left"] == entry("second.png", "new", 0, 1.0), "undo opens the image of the step"
    assert client("step", by=-1)["left"] is None and client("open_image", name="second.png")["left"] == entry(
        "photo.png", "model", 1, 0.25
    )
    assert client("remove_image", name="second.png")["left"] is None


def test_a_change_for_one_image_is_not_made_to_another(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    annotation = client("box", image="photo.png", object=None, points=[[5, 15], [45, 55]])["object"]
    client("step", by=1)
    client("box", object=None, points=[[5, 15], [45, 55]])
    requests: list[dict[str, Any]] = [
        {"action": "predict", "expression": "the red ball"},
        {"action": "set_threshold", "object": annotation, "value": 0.3},
        {"action": "brush", "object": None, "points": [[1, 2]], "radius": 2, "add": True},
        {"action": "click", "object": None, "points": [[20, 30]], "add": True},
        {"action": "box", "object": None, "points": [[5, 15], [45, 55]]},
        {"action": "repair", "object": annotation, "method": "fill"},
        {"action": "update_object", "object": annotation, "category": "ball"},
        {"action": "delete_object", "object": annotation},
        {"action": "set_state", "state": "accepted", "then_next": True},
    ]
    for request in requests:
        assert (
            "The change was for photo.png, but the open image is second.png"
            in client(**request, image="photo.png")["error"]
        )
    assert "error" in client("set_state", state="accepted", image=3)
    project = Project.open(tmp_path / "projects" / "dogs")
    assert [(entry.annotations, project.record(entry.name).revision) for entry in project.summaries] == [(1, 2), (1, 2)]
    assert client("set_state", state="accepted", image="second.png")["image"]["state"] == "accepted"


def test_two_strokes_of_a_new_object_change_one_mask(client: Client) -> None:
    for place in (20, 60):
        answer = client("brush", object="0a1b2c3d", is_new=True, points=[[place, 20]], radius=4, add=True)
    assert [annotation["id"] for annotation in answer["objects"]] == ["0a1b2c3d"] == [answer["object"]]
    mask = decode_mask(answer["masks"]["0a1b2c3d"])
    assert mask[20, 20] and mask[20, 60]
    client("update_object", object="0a1b2c3d", is_new=True, category="ball")
    client("click", object="00000001", is_new=True, points=[[20, 30]], add=True)
    answer = client("box", object="00000002", is_new=True, points=[[5, 15], [45, 55]])
    assert [annotation["category"] for annotation in answer["objects"]] == ["ball", "", ""]
    assert (
        "8 hexadecimal digits"
        in client("brush", object="<b>", is_new=True, points=[[1, 1]], radius=4, add=True)["error"]
    )
    assert "no mask" in client("brush", object="00000003", points=[[1, 1]], radius=4, add=True)["error"]


def test_the_next_image_is_the_next_of_the_sorted_list(client: Client, photo: Path) -> None:
    for number in range(3):
        client("add_image", path=str(photo), name=f"{number}.png")
    names = [entry["name"] for entry in client("list_images", by_uncertainty=True)["entries"]]
    seen = []
    for _ in names:
        seen.append(client("predict", expression="the red ball")["image"]["name"])
        client("set_state", state="accepted", then_next=True)
    assert seen == names == ["photo.png", "0.png", "1.png", "2.png"]


def test_undoing_a_batch_keeps_what_was_drawn_during_it(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    client("start_batch", expressions=["the red ball"])
    client("continue_batch")
    client("brush", object=None, points=[[60, 60]], radius=5, add=True)
    client("continue_batch")
    client("stop_batch")
    client("undo")
    project = Project.open(tmp_path / "projects" / "dogs")
    assert [len(project.record(name).annotations) for name in ("photo.png", "second.png")] == [2, 0]


def test_a_batch_runs_image_by_image_and_can_be_stopped(client: Client, photo: Path) -> None:
    for number in range(3):
        client("add_image", path=str(photo), name=f"more {number}.png")
    answer = client("start_batch", expressions=["the red ball", "the blue ball"])
    assert answer["batch"] == {"done": 0, "total": 4, "added": 0, "problems": []}
    assert client("continue_batch")["batch"]["done"] == 1
    assert client("continue_batch")["batch"] == {"done": 2, "total": 4, "added": 4, "problems": []}
    stopped = client("stop_batch")
    assert [entry["objects"] for entry in stopped["entries"]] == [2, 2, 0, 0] and stopped["undo_steps"] == 1
    assert client("continue_batch")["batch"] is None
    client("undo")
    assert [entry["objects"] for entry in client("list_images")["entries"]] == [0, 0, 0, 0]
    assert "error" in client("start_batch", expressions=[" "])


def test_an_export_is_fetched_from_the_upload_folder_and_imported_again(
    client: Client, uploads: Path, page: EditorRequests
) -> None:
    client("predict", expression="the red ball")
    answer = client("export", format="labelme")
    path = Path(answer["path"])
    assert path.is_relative_to(uploads) and answer["name"] == "dogs-labelme.zip"
    report = answer["report"]
    assert report["objects"] == 1 and report["summary"][0].startswith("exported 1 object in 1 image")
    assert any("not reviewed" in line for line in report["lint"]) and set(report["lint"]) <= set(report["summary"])
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert any(name.endswith("photo.png") for name in archive.namelist())
    again = Client(page, page.edit({"action": "create_project", "name": "again"})["key"])
    report = again("import", path=str(path), format="labelme")["report"]
    assert (report["format"], report["images"], report["objects"]) == ("labelme", 1, 1)
    assert again("open_project")["entries"][0]["name"] == "photo.png"


def test_an_export_has_the_accepted_images_only_and_splits_by_share(client: Client, photo: Path) -> None:
    for number in range(9):
        client("add_image", path=str(photo), name=f"{number}.png")
    client("predict", expression="the red ball")
    client("set_state", state="accepted")
    report = client("export", format="coco", accepted_only=True)["report"]
    assert report["images"] == 1 and report["skipped"][0]["count"] == 9
    assert any("not accepted" in line for line in report["summary"])
    path = Path(client("export", format="coco", shares={"train": 0.8, "val": 0.2, "test": 0})["path"])
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert {name for name in names if "instances_" in name} == {
        "annotations/instances_train.json",
        "annotations/instances_val.json",
    }
    assert sum(name.endswith(".png") for name in names) == 10
    for shares in ({"train": 0.8}, {"dev": 1.0}, {"train": "1"}, [1], {"train": float("nan")}):
        assert set(client("export", format="coco", shares=shares)) == {"error"}


@pytest.mark.parametrize(
    ("name", "file"), [("犬と猫", "犬と猫-png.zip"), ("a b/c:d", "a_b_c_d-png.zip"), ("..", "project-png.zip")]
)
def test_an_export_has_the_projects_name_in_any_script(name: str, file: str, tmp_path: Path, photo: Path) -> None:
    requests = EditorRequests(ModelRunner(FakePredictor()), ProjectDirectory(tmp_path / "hidden", listed=False))  # type: ignore[arg-type]
    client = Client(requests, requests.edit({"action": "create_project", "name": name})["key"])
    client("add_image", path=str(photo), name="photo.png")
    assert client("export", format="png")["name"] == file


@pytest.mark.parametrize("format_", ["coco", "refcoco", "yolo", "voc", "labelme", "datasets"])
def test_the_format_of_an_import_is_guessed(format_: str, client: Client, page: EditorRequests) -> None:
    client("predict", expression="the red ball")
    client("set_state", state="accepted")
    path = client("export", format=format_)["path"]
    again = Client(page, page.edit({"action": "create_project", "name": "again"})["key"])
    report = again("import", path=path, format=None)["report"]
    assert (report["format"], report["images"], report["objects"]) == (format_, 1, 1)


def test_a_refused_import_names_no_path_of_the_server(client: Client, uploads: Path, tmp_path: Path) -> None:
    data = uploads / "0a1b" / "données #1.zip"
    data.parent.mkdir()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("deep/notes.txt", "no data set")
    (uploads / "text.zip").write_text("no archive")
    for path in (data, uploads / "text.zip"):
        for format_ in (None, "coco", "refcoco", "ytvos", "png", "datasets", "yolo", "voc", "labelme", "grefcoco"):
            error = client("import", path=str(path), format=format_)["error"]
            assert (
                str(tmp_path) not in error and tempfile.gettempdir() not in error and "The program failed" not in error
            ), error
    assert "Expected one of" in client("import", path=str(data), format="magic")["error"]
    assert [entry["name"] for entry in client("list_images")["entries"]] == ["photo.png"]


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        {"action": 3},
        {"action": "open_image"},
        {"action": "magic", "project": "dogs", "window": "one"},
        {"action": "open_image", "project": "dogs", "window": "one", "name": "../x"},
        {"action": "open_image", "project": "../dogs", "window": "one", "name": "photo.png"},
        {
            "action": "brush",
            "project": "dogs",
            "window": "one",
            "object": None,
            "points": [[1, float("nan")]],
            "radius": 2,
        },
        {"action": "brush", "project": "dogs", "window": "one", "object": None, "points": [[1, 2, 3]], "radius": 2},
        {"action": "brush", "project": "dogs", "window": "one", "object": None, "points": [[1, 2]], "radius": "2"},
        {"action": "box", "project": "dogs", "window": "one", "object": None, "points": [[1, 2]]},
        {"action": "set_state", "project": "dogs", "window": "one", "state": "done"},
        {"action": "update_object", "project": "dogs", "window": "one", "object": None, "color": "javascript:"},
        {"action": "update_object", "project": "dogs", "window": "one", "object": None, "expressions": [1]},
        {"action": "export", "project": "dogs", "window": "one", "format": "../../x"},
        {"action": "add_image", "project": "dogs", "window": "one", "path": "/etc/passwd", "name": "x.png"},
        {"action": "import", "project": "dogs", "window": "one", "path": "/etc/passwd", "format": "coco"},
        {"action": "create_project", "name": "../x"},
    ],
)
def test_invalid_requests_are_refused_with_one_sentence(request_: Any, client: Client, tmp_path: Path) -> None:
    answer = client.page.edit(request_)
    assert set(answer) == {"error"} and "The program failed" not in answer["error"]
    assert Project.open(tmp_path / "projects" / "dogs").record("photo.png").revision == 1


def test_idle_sessions_keep_their_image_and_history(client: Client, page: EditorRequests, tmp_path: Path) -> None:
    client("start_batch", expressions=["the blue ball"])
    client("continue_batch")
    client("predict", expression="the red ball")
    for number in range(MAX_ACTIVE):
        Client(page, client.project, f"other {number}")("open_project")
    (session,) = [one for (_, window), one in page._sessions._sessions.items() if window == "one"]
    assert session.editor._image is None and not session.editor._predictions
    assert session.client._last is None and session.batch_client._last is None and session.batch is not None
    annotation = Project.open(tmp_path / "projects" / "dogs").record("photo.png").annotations[-1].id
    assert "no longer in memory" in client("set_threshold", object=annotation, value=0.3)["error"]
    assert client("predict", expression="the red ball on the left")["undo_steps"] == 2


def test_a_project_that_takes_long_to_open_keeps_nobody_waiting_and_is_opened_into_one_other(
    client: Client, page: EditorRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests of a new window wait for their project. A third, of an open window, is answered meanwhile."""
    waiting, go_on, open_project = threading.Barrier(3), threading.Event(), page._projects.open

    def slow(key: str) -> Project:
        waiting.wait(10)
        assert go_on.wait(10)
        return open_project(key)

    monkeypatch.setattr(page._projects, "open", slow)
    new = Client(page, client.project, "new")
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(new, "open_project") for _ in range(2)]
        waiting.wait(10)
        other = pool.submit(client, "list_images")
        try:
            assert "entries" in other.result(10)
        finally:
            go_on.set()
        assert all("entries" in one.result(10) for one in asked)
    new("predict", expression="the red ball")
    assert (
        new("list_images")["undo_steps"] == 1 and [window for _, window in page._sessions._sessions].count("new") == 1
    )


def test_a_file_that_is_not_an_image_is_refused(client: Client, uploads: Path) -> None:
    (uploads / "text.png").write_text("no picture")
    assert "not an image" in client("add_image", path=str(uploads / "text.png"), name="text.png")["error"]
    assert [entry["name"] for entry in client("open_project")["entries"]] == ["photo.png"]


def test_two_thousand_images_open_and_step_quickly(
    tmp_path: Path, page: EditorRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The goals are 2 s to open, 50 ms to save and 0.3 s to the next image. The limits here are wider, for busy
    machines.
    """
    project = Project.create(tmp_path / "projects" / "large")
    rng = np.random.default_rng(0)
    small = encode_rle(cv2.blur(rng.random((480, 640)).astype(np.float32), (31, 31)) > 0.5)
    source = tmp_path / "large.jpg"
    cv2.imwrite(str(source), rng.integers(0, 255, (480, 640, 3), dtype=np.uint8))
    annotations = tuple(Annotation(str(number), (f"thing {number}",), mask=small) for number in range(5))
    with monkeypatch.context() as quick:
        quick.setattr("os.fsync", lambda _: None)  # creating the project is not timed
        for number in range(2000):
            project.add_image(
                source,
                copy=False,
                name=f"{number:04d}.jpg",
                filled=lambda record: replace(record, annotations=annotations),
            )
    project.write_index()
    client = Client(page, "large")
    start = perf_counter()
    answer = client("open_project")
    opened = perf_counter() - start
    assert len(answer["entries"]) == 2000 and answer["image"]["name"] == "0000.jpg"
    start = perf_counter()
    for _ in range(5):
        client("step", by=1)
    paged = (perf_counter() - start) / 5
    start = perf_counter()
    for number in range(5):
        client("update_object", object="0", category=f"dog {number}")
    saved = (perf_counter() - start) / 5
    print(f"opened in {opened:.2f} s, next in {paged:.3f} s, saved in {saved:.3f} s")
    assert opened < 6 and paged < 1.5 and saved < 0.5
