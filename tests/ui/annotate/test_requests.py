"""The annotation tab's requests without a page: what is answered, what is on disk, what strangers cannot do."""

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

from refseg.annotation.importers import IMPORTERS
from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.ui.annotate.requests import EditorRequests
from refseg.ui.annotate.sessions import MAX_ACTIVE
from refseg.ui.model_runner import ModelRunner
from refseg.ui.project_directory import ProjectDirectory
from tests.ui.fakes import COLOURS, FakePredictor

RED = (slice(20, 50), slice(10, 40))


class Client:
    """What the script does: asks, in its window's name."""

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
    image[RED] = COLOURS["red"]
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


def drawn(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)) >= 128


def test_finding_correcting_and_taking_it_back(client: Client, tmp_path: Path) -> None:
    found = client("predict", expression="the red ball")
    (layer,) = found["objects"]
    wanted = np.zeros((80, 120), bool)
    wanted[RED] = True
    np.testing.assert_array_equal(drawn(found["masks"][found["object"]]), wanted)
    assert layer["expressions"] == ["the red ball"] and layer["adjustable"] and found["image"]["state"] == "model"
    corrected = client("brush", object=layer["id"], points=[[60, 60], [90, 60]], radius=5, add=True)
    assert drawn(corrected["masks"][layer["id"]])[60, 75] and corrected["objects"][0]["corrected"] and corrected["agreement"]["count"] == 1
    assert corrected["undo_steps"] == 2 and client("undo")["undo_steps"] == 1
    saved = Project.open(tmp_path / "projects" / "dogs").record("photo.png")
    np.testing.assert_array_equal(saved.layers[0].pixels(), wanted)
    assert client("redo")["redo_steps"] == 0
    assert client("update_object", object=layer["id"], expressions=["a ball ", "", "a ball"])["objects"][0]["expressions"] == ["a ball"]


def test_each_thing_is_told_once(client: Client) -> None:
    first = client("predict", expression="the red ball")
    second = client("predict", expression="the red ball on the left")
    assert set(first["masks"]) == {first["object"]} and set(second["masks"]) == {second["object"]} and "uri" not in second["image"]
    assert client("list_images")["masks"] == {}
    again = client("open_project")
    assert set(again["masks"]) == {first["object"], second["object"]} and again["image"]["uri"].startswith("data:image/jpeg")
    assert again["entries"] == [{"name": "photo.png", "state": "model", "objects": 2, "uncertainty": 0.25}]


def test_from_close_by_the_picture_is_shown_at_its_own_size(client: Client) -> None:
    told = client("crop", points=[[8.5, 18.5], [41.0, 200.0]])
    assert told["box"] == (8, 18, 42, 80)
    data = np.frombuffer(base64.b64decode(told["uri"].split(",", 1)[1]), np.uint8)
    part = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    assert part.shape == (62, 34, 3) and np.abs(part[10, 15].astype(int) - COLOURS["red"]).max() < 20
    assert "Expected a box inside" in client("crop", points=[[500, 500], [600, 600]])["error"]


def test_clicks_boxes_and_repairs_arrive(client: Client) -> None:
    box = client("box", object=None, points=[[5, 15], [45, 55]])
    mask = drawn(box["masks"][box["object"]])
    assert mask[RED].mean() > 0.9 and not mask[:, 50:].any()
    less = client("click", object=box["object"], points=[[20, 30]], add=False)
    assert not drawn(less["masks"][box["object"]])[30, 20]
    filled = client("repair", object=box["object"], method="fill")
    assert "error" not in filled and filled["undo_steps"] == 3


def test_a_second_window_is_told_and_overwrites_nothing(client: Client, page: EditorRequests) -> None:
    other = Client(page, client.project, "two")
    other("open_project")
    mine = client("predict", expression="the red ball")
    refused = other("predict", expression="the green ball")
    assert "another window" in refused["error"]
    assert [layer["id"] for layer in other("open_project")["objects"]] == [mine["object"]]


def test_removing_the_picture_at_hand_and_no_other(client: Client, page: EditorRequests, photo: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    other = Client(page, client.project, "two")
    assert other("open_project", name="photo.png")["image"]["name"] == "photo.png"
    assert "another image" in client("remove_image", name="second.png")["error"]
    told = client("remove_image", name="photo.png")
    assert (
        told["image"]["name"] == "second.png" and "uri" in told["image"] and [entry["name"] for entry in told["entries"]] == ["second.png"]
    )
    assert "no such picture" in other("predict", expression="the red ball")["error"]
    assert other("open_project", name="photo.png")["image"]["name"] == "second.png"
    told = client("remove_image", name="second.png")
    assert told["image"] is None and told["entries"] == []
    assert other("open_project")["image"] is None
    told = client("add_image", path=str(photo), name="second.png")
    assert "uri" in told["image"], "another one of a name that was there before is shown"


def test_a_picture_that_cannot_be_shown_is_told_of_and_the_rest_goes_on(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    layer = client("predict", expression="the red ball")["object"]
    copy = tmp_path / "projects" / "dogs" / "pictures" / "photo.png"
    whole = copy.read_bytes()
    for content, said in (
        (None, "is gone"),
        (b"no picture", "not a picture"),
        (cv2.imencode(".png", np.zeros((3, 3), np.uint8))[1].tobytes(), "3 x 3"),
    ):
        copy.unlink() if content is None else copy.write_bytes(content)
        seat = Client(client.page, client.project, said)
        told = seat("open_project")
        assert told["image"]["name"] == "photo.png" and "uri" not in told["image"] and said in told["image"]["problem"]
        assert [entry["name"] for entry in told["entries"]] == ["photo.png", "second.png"] and set(told["masks"]) == {layer}
        assert said in seat("list_images")["image"]["problem"], "as long as it is so"
        told = seat("step", by=1)["image"]
        assert told["name"] == "second.png" and "uri" in told and "problem" not in told
        assert said in seat("step", by=-1)["image"]["problem"]
        assert said in seat("predict", expression="the red ball")["error"]
    copy.write_bytes(whole)
    told = seat("list_images")
    assert "uri" in told["image"] and "problem" not in told["image"] and set(told["masks"]) == {layer}
    copy.unlink()
    told = seat("remove_image", name="photo.png")
    assert told["image"]["name"] == "second.png" and [entry["name"] for entry in told["entries"]] == ["second.png"]


def test_a_damaged_mask_or_record_shuts_nobody_out(client: Client, photo: Path, tmp_path: Path) -> None:
    for number in range(8):
        client("add_image", path=str(photo), name=f"more {number}.png")
    layer = client("predict", expression="the red ball")["object"]
    folder = tmp_path / "projects" / "dogs" / "annotations"
    values = json.loads((folder / "photo.png.json").read_text())
    values["layers"][0]["mask"]["counts"] = "\x7f"
    (folder / "photo.png.json").write_text(json.dumps(values))
    for number in range(7):
        (folder / f"more_{number}.png.json").write_text("{")
    other = Client(client.page, client.project, "two")
    told = other("open_project")
    assert [entry["name"] for entry in told["entries"]] == ["photo.png", "more_7.png"] and told["masks"] == {layer: None}
    assert len(told["notes"]) == 7 and "more_0.png is not listed" in told["notes"][0] and "2 more" in told["notes"][5]
    assert "mask of object 1 is damaged" in told["notes"][6]
    assert other("delete_object", object=layer)["objects"] == []


def test_the_picture_that_was_left_is_told_as_the_list_shows_it(client: Client, photo: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    client("predict", expression="the red ball")
    told = client("set_state", state="accepted", then_next=True)
    assert told["left"] == entry("photo.png", "accepted", 1, 0.25) and told["image"]["name"] == "second.png"
    assert client("set_state", state="skipped")["left"] is None, "it is still at hand"
    assert client("undo")["left"] is None
    assert client("undo")["left"] == entry("second.png", "new", 0, 1.0), "to where the step was"
    assert client("step", by=-1)["left"] is None and client("open_image", name="second.png")["left"] == entry("photo.png", "model", 1, 0.25)
    assert client("remove_image", name="second.png")["left"] is None


def test_what_was_meant_for_one_picture_is_not_done_to_another(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    layer = client("box", image="photo.png", object=None, points=[[5, 15], [45, 55]])["object"]
    client("step", by=1)
    client("box", object=None, points=[[5, 15], [45, 55]])
    requests: list[dict[str, Any]] = [
        {"action": "predict", "expression": "the red ball"},
        {"action": "set_threshold", "object": layer, "value": 0.3},
        {"action": "brush", "object": None, "points": [[1, 2]], "radius": 2, "add": True},
        {"action": "click", "object": None, "points": [[20, 30]], "add": True},
        {"action": "box", "object": None, "points": [[5, 15], [45, 55]]},
        {"action": "repair", "object": layer, "method": "fill"},
        {"action": "update_object", "object": layer, "category": "ball"},
        {"action": "delete_object", "object": layer},
        {"action": "set_state", "state": "accepted", "then_next": True},
    ]
    for request in requests:
        assert "The change was for photo.png, but the open image is second.png" in client(**request, image="photo.png")["error"]
    assert "error" in client("set_state", state="accepted", image=3)
    project = Project.open(tmp_path / "projects" / "dogs")
    assert [(entry.layers, project.record(entry.name).revision) for entry in project.entries] == [(1, 2), (1, 2)]
    assert client("set_state", state="accepted", image="second.png")["image"]["state"] == "accepted"


def test_two_strokes_of_a_new_mask_land_in_one(client: Client) -> None:
    for place in (20, 60):
        told = client("brush", object="0a1b2c3d", is_new=True, points=[[place, 20]], radius=4, add=True)
    assert [layer["id"] for layer in told["objects"]] == ["0a1b2c3d"] == [told["object"]]
    mask = drawn(told["masks"]["0a1b2c3d"])
    assert mask[20, 20] and mask[20, 60]
    client("update_object", object="0a1b2c3d", is_new=True, category="ball")
    client("click", object="00000001", is_new=True, points=[[20, 30]], add=True)
    told = client("box", object="00000002", is_new=True, points=[[5, 15], [45, 55]])
    assert [layer["category"] for layer in told["objects"]] == ["ball", "", ""]
    assert "8 hexadecimal digits" in client("brush", object="<b>", is_new=True, points=[[1, 1]], radius=4, add=True)["error"]
    assert "no mask" in client("brush", object="00000003", points=[[1, 1]], radius=4, add=True)["error"]


def test_hardest_first_goes_on_to_the_next_of_the_list_that_was_shown(client: Client, photo: Path) -> None:
    for number in range(3):
        client("add_image", path=str(photo), name=f"{number}.png")
    names = [entry["name"] for entry in client("list_images", by_uncertainty=True)["entries"]]
    seen = []
    for _ in names:
        seen.append(client("predict", expression="the red ball")["image"]["name"])
        client("set_state", state="accepted", then_next=True)
    assert seen == names == ["photo.png", "0.png", "1.png", "2.png"]


def test_undoing_a_batch_leaves_alone_what_was_drawn_while_it_ran(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add_image", path=str(photo), name="second.png")
    client("start_batch", expressions=["the red ball"])
    client("continue_batch")
    client("brush", object=None, points=[[60, 60]], radius=5, add=True)
    client("continue_batch")
    client("stop_batch")
    client("undo")
    project = Project.open(tmp_path / "projects" / "dogs")
    assert [len(project.record(name).layers) for name in ("photo.png", "second.png")] == [2, 0]


def test_a_batch_goes_picture_by_picture_and_can_be_stopped(client: Client, photo: Path) -> None:
    for number in range(3):
        client("add_image", path=str(photo), name=f"more {number}.png")
    told = client("start_batch", expressions=["the red ball", "the blue ball"])
    assert told["batch"] == {"done": 0, "total": 4, "added": 0, "problems": []}
    assert client("continue_batch")["batch"]["done"] == 1
    assert client("continue_batch")["batch"] == {"done": 2, "total": 4, "added": 4, "problems": []}
    stopped = client("stop_batch")
    assert [entry["objects"] for entry in stopped["entries"]] == [2, 2, 0, 0] and stopped["undo_steps"] == 1
    assert client("continue_batch")["batch"] is None
    client("undo")
    assert [entry["objects"] for entry in client("list_images")["entries"]] == [0, 0, 0, 0]
    assert "error" in client("start_batch", expressions=[" "])


def test_an_export_is_fetched_from_the_upload_folder_and_imported_again(client: Client, uploads: Path, page: EditorRequests) -> None:
    client("predict", expression="the red ball")
    answer = client("export", format="labelme")
    path = Path(answer["path"])
    assert path.is_relative_to(uploads) and answer["name"] == "dogs-labelme.zip"
    report = answer["report"]
    assert report["objects"] == 1 and report["summary"][0].startswith("exported 1 object in 1 image")
    assert any("not been looked at" in line for line in report["lint"]) and set(report["lint"]) <= set(report["summary"])
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


@pytest.mark.parametrize(("name", "file"), [("犬と猫", "犬と猫-png.zip"), ("a b/c:d", "a_b_c_d-png.zip"), ("..", "project-png.zip")])
def test_an_export_has_the_projects_name_in_any_script(name: str, file: str, tmp_path: Path, photo: Path) -> None:
    requests = EditorRequests(ModelRunner(FakePredictor()), ProjectDirectory(tmp_path / "hidden", listed=False))  # type: ignore[arg-type]
    client = Client(requests, requests.edit({"action": "create_project", "name": name})["key"])
    client("add_image", path=str(photo), name="photo.png")
    assert client("export", format="png")["name"] == file


def test_the_format_of_an_import_is_guessed(client: Client, page: EditorRequests, monkeypatch: pytest.MonkeyPatch) -> None:
    client("predict", expression="the red ball")
    path = client("export", format="labelme")["path"]
    known = {name: replace(IMPORTERS[name], detect=lambda _, name=name: name == "labelme") for name in IMPORTERS}
    for name, importer in known.items():
        monkeypatch.setitem(IMPORTERS, name, importer)
    again = Client(page, page.edit({"action": "create_project", "name": "again"})["key"])
    assert again("import", path=path, format=None)["report"]["format"] == "labelme"


def test_a_refused_import_names_no_path_of_the_server(client: Client, uploads: Path, tmp_path: Path) -> None:
    data = uploads / "0a1b" / "données #1.zip"
    data.parent.mkdir()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("deep/notes.txt", "no data set")
    (uploads / "text.zip").write_text("no archive")
    for path in (data, uploads / "text.zip"):
        for format_ in (None, "coco", "refcoco", "ytvos", "png", "datasets", "yolo", "voc", "labelme", "grefcoco"):
            error = client("import", path=str(path), format=format_)["error"]
            assert str(tmp_path) not in error and tempfile.gettempdir() not in error and "The program failed" not in error, error
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
        {"action": "brush", "project": "dogs", "window": "one", "object": None, "points": [[1, float("nan")]], "radius": 2},
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
def test_what_nobody_should_ask_is_refused_in_a_sentence(request_: Any, client: Client, tmp_path: Path) -> None:
    answer = client.page.edit(request_)
    assert set(answer) == {"error"} and "The program failed" not in answer["error"]
    assert Project.open(tmp_path / "projects" / "dogs").record("photo.png").revision == 1


def test_seats_that_rest_keep_their_place_and_their_history(client: Client, page: EditorRequests, tmp_path: Path) -> None:
    client("start_batch", expressions=["the blue ball"])
    client("continue_batch")
    client("predict", expression="the red ball")
    for number in range(MAX_ACTIVE):
        Client(page, client.project, f"other {number}")("open_project")
    (seat,) = [seat for (_, window), seat in page._sessions._sessions.items() if window == "one"]
    assert session.editor._image is None and not session.editor._proposals
    assert seat.client._last is None and seat.batch_client._last is None and seat.batch is not None
    layer = Project.open(tmp_path / "projects" / "dogs").record("photo.png").layers[-1].id
    assert "no longer at hand" in client("set_threshold", object=layer, value=0.3)["error"]
    assert client("predict", expression="the red ball on the left")["undo_steps"] == 2


def test_a_project_that_takes_long_to_open_keeps_nobody_waiting_and_is_opened_into_one_seat(
    client: Client, page: EditorRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests of a new window wait for their project; a third, of a window that is there, is answered meanwhile."""
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
    assert new("list_images")["undo_steps"] == 1 and [window for _, window in page._sessions._sessions].count("new") == 1


def test_a_file_that_is_no_picture_is_refused_and_the_rest_goes_on(client: Client, uploads: Path) -> None:
    (uploads / "text.png").write_text("no picture")
    assert "not a picture" in client("add_image", path=str(uploads / "text.png"), name="text.png")["error"]
    assert [entry["name"] for entry in client("open_project")["entries"]] == ["photo.png"]


def test_two_thousand_pictures_are_opened_and_paged_through_at_once(
    tmp_path: Path, page: EditorRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's own limits: 2 s to open, 50 ms a save, 0.3 s to the next picture; here with slack, for busy machines."""
    project = Project.create(tmp_path / "projects" / "large")
    rng = np.random.default_rng(0)
    small = encode_rle(cv2.blur(rng.random((480, 640)).astype(np.float32), (31, 31)) > 0.5)
    source = tmp_path / "large.jpg"
    cv2.imwrite(str(source), rng.integers(0, 255, (480, 640, 3), dtype=np.uint8))
    layers = tuple(Layer(str(number), (f"thing {number}",), mask=small) for number in range(5))
    with monkeypatch.context() as quick:
        quick.setattr("os.fsync", lambda _: None)  # making the project is not what is timed
        for number in range(2000):
            project.add_picture(source, copy=False, name=f"{number:04d}.jpg", filled=lambda record: replace(record, layers=layers))
    project.write_index()
    client = Client(page, "large")
    start = perf_counter()
    told = client("open_project")
    opened = perf_counter() - start
    assert len(told["entries"]) == 2000 and told["image"]["name"] == "0000.jpg"
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
