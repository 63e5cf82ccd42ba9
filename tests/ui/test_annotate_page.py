"""The annotation tab's requests without a page: what is answered, what is on disk, what strangers cannot do."""

import base64
import io
import json
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

from refseg.annotation.records import Layer
from refseg.annotation.store import Project
from refseg.data.masks import encode_rle
from refseg.ui.annotate_page import AWAKE, AnnotatePage
from refseg.ui.runner import Runner
from refseg.ui.shelf import Shelf
from tests.ui.fakes import COLOURS, FakePredictor

RED = (slice(20, 50), slice(10, 40))


class Client:
    """What the script does: asks, in its window's name."""

    def __init__(self, page: AnnotatePage, key: str, window: str = "one") -> None:
        self.page, self.key, self.window = page, key, window

    def __call__(self, do: str, **details: Any) -> dict[str, Any]:
        return self.page.desk({"do": do, "key": self.key, "window": self.window, **details})


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
def page(tmp_path: Path) -> AnnotatePage:
    return AnnotatePage(Runner(FakePredictor()), Shelf(tmp_path / "projects", listed=True))  # type: ignore[arg-type]


@pytest.fixture
def client(page: AnnotatePage, photo: Path) -> Client:
    made = Client(page, page.desk({"do": "create", "name": "dogs"})["key"])
    made("add", path=str(photo), name="photo.png")
    return made


def drawn(uri: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)) >= 128


def test_finding_correcting_and_taking_it_back(client: Client, tmp_path: Path) -> None:
    found = client("find", expression="the red ball")
    (layer,) = found["layers"]
    wanted = np.zeros((80, 120), bool)
    wanted[RED] = True
    np.testing.assert_array_equal(drawn(found["masks"][found["layer"]]), wanted)
    assert layer["expressions"] == ["the red ball"] and layer["movable"] and found["picture"]["state"] == "model"
    corrected = client("draw", layer=layer["id"], points=[[60, 60], [90, 60]], radius=5, add=True)
    assert drawn(corrected["masks"][layer["id"]])[60, 75] and corrected["layers"][0]["corrected"] and corrected["judged"] == 1
    assert corrected["undo"] == 2 and client("undo")["undo"] == 1
    saved = Project.open(tmp_path / "projects" / "dogs").record("photo.png")
    np.testing.assert_array_equal(saved.layers[0].pixels(), wanted)
    assert client("redo")["redo"] == 0
    assert client("describe", layer=layer["id"], expressions=["a ball ", "", "a ball"])["layers"][0]["expressions"] == ["a ball"]


def test_each_thing_is_told_once(client: Client) -> None:
    first = client("find", expression="the red ball")
    second = client("find", expression="the red ball on the left")
    assert set(first["masks"]) == {first["layer"]} and set(second["masks"]) == {second["layer"]} and "uri" not in second["picture"]
    assert client("list")["masks"] == {}
    again = client("enter")
    assert set(again["masks"]) == {first["layer"], second["layer"]} and again["picture"]["uri"].startswith("data:image/jpeg")
    assert again["entries"] == [["photo.png", "model", 2, 0.25]]


def test_from_close_by_the_picture_is_shown_at_its_own_size(client: Client) -> None:
    told = client("detail", points=[[8.5, 18.5], [41.0, 200.0]])
    assert told["box"] == (8, 18, 42, 80)
    data = np.frombuffer(base64.b64decode(told["uri"].split(",", 1)[1]), np.uint8)
    part = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    assert part.shape == (62, 34, 3) and np.abs(part[10, 15].astype(int) - COLOURS["red"]).max() < 20
    assert "expected one inside" in client("detail", points=[[500, 500], [600, 600]])["error"]


def test_clicks_boxes_and_repairs_arrive(client: Client) -> None:
    box = client("box", layer=None, points=[[5, 15], [45, 55]])
    mask = drawn(box["masks"][box["layer"]])
    assert mask[RED].mean() > 0.9 and not mask[:, 50:].any()
    less = client("click", layer=box["layer"], points=[[20, 30]], add=False)
    assert not drawn(less["masks"][box["layer"]])[30, 20]
    filled = client("repair", layer=box["layer"], how="fill")
    assert "error" not in filled and filled["undo"] == 3


def test_a_second_window_is_told_and_overwrites_nothing(client: Client, page: AnnotatePage) -> None:
    other = Client(page, client.key, "two")
    other("enter")
    mine = client("find", expression="the red ball")
    refused = other("find", expression="the green ball")
    assert "another window" in refused["error"]
    assert [layer["id"] for layer in other("enter")["layers"]] == [mine["layer"]]


def test_removing_the_picture_at_hand_and_no_other(client: Client, page: AnnotatePage, photo: Path) -> None:
    client("add", path=str(photo), name="second.png")
    other = Client(page, client.key, "two")
    assert other("enter", name="photo.png")["picture"]["name"] == "photo.png"
    assert "another picture" in client("remove", name="second.png")["error"]
    told = client("remove", name="photo.png")
    assert (
        told["picture"]["name"] == "second.png" and "uri" in told["picture"] and [entry[0] for entry in told["entries"]] == ["second.png"]
    )
    assert "no such picture" in other("find", expression="the red ball")["error"]
    assert other("enter", name="photo.png")["picture"]["name"] == "second.png"
    told = client("remove", name="second.png")
    assert told["picture"] is None and told["entries"] == []
    assert other("enter")["picture"] is None
    told = client("add", path=str(photo), name="second.png", last=True)
    assert "uri" in told["picture"], "another one of a name that was there before is shown"


def test_a_picture_that_cannot_be_shown_is_told_of_and_the_rest_goes_on(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add", path=str(photo), name="second.png")
    layer = client("find", expression="the red ball")["layer"]
    copy = tmp_path / "projects" / "dogs" / "pictures" / "photo.png"
    whole = copy.read_bytes()
    for content, said in (
        (None, "is gone"),
        (b"no picture", "not a picture"),
        (cv2.imencode(".png", np.zeros((3, 3), np.uint8))[1].tobytes(), "3 x 3"),
    ):
        copy.unlink() if content is None else copy.write_bytes(content)
        seat = Client(client.page, client.key, said)
        told = seat("enter")
        assert told["picture"]["name"] == "photo.png" and "uri" not in told["picture"] and said in told["picture"]["problem"]
        assert [entry[0] for entry in told["entries"]] == ["photo.png", "second.png"] and set(told["masks"]) == {layer}
        assert said in seat("list")["picture"]["problem"], "as long as it is so"
        told = seat("move", by=1)["picture"]
        assert told["name"] == "second.png" and "uri" in told and "problem" not in told
        assert said in seat("move", by=-1)["picture"]["problem"]
        assert said in seat("find", expression="the red ball")["error"]
    copy.write_bytes(whole)
    told = seat("list")
    assert "uri" in told["picture"] and "problem" not in told["picture"] and set(told["masks"]) == {layer}
    copy.unlink()
    told = seat("remove", name="photo.png")
    assert told["picture"]["name"] == "second.png" and [entry[0] for entry in told["entries"]] == ["second.png"]


def test_a_damaged_mask_or_record_shuts_nobody_out(client: Client, photo: Path, tmp_path: Path) -> None:
    for number in range(8):
        client("add", path=str(photo), name=f"more {number}.png")
    layer = client("find", expression="the red ball")["layer"]
    folder = tmp_path / "projects" / "dogs" / "annotations"
    values = json.loads((folder / "photo.png.json").read_text())
    values["layers"][0]["mask"]["counts"] = "\x7f"
    (folder / "photo.png.json").write_text(json.dumps(values))
    for number in range(7):
        (folder / f"more_{number}.png.json").write_text("{")
    other = Client(client.page, client.key, "two")
    told = other("enter")
    assert [entry[0] for entry in told["entries"]] == ["photo.png", "more_7.png"] and told["masks"] == {layer: None}
    assert len(told["notes"]) == 7 and "more_0.png is left out" in told["notes"][0] and "2 more" in told["notes"][5]
    assert "mask 1 is damaged" in told["notes"][6]
    assert other("delete", layer=layer)["layers"] == []


def test_the_picture_that_was_left_is_told_as_the_list_shows_it(client: Client, photo: Path) -> None:
    client("add", path=str(photo), name="second.png")
    client("find", expression="the red ball")
    told = client("mark", state="accepted", on=True)
    assert told["left"] == ["photo.png", "accepted", 1, 0.25] and told["picture"]["name"] == "second.png"
    assert client("mark", state="skipped")["left"] is None, "it is still at hand"
    assert client("undo")["left"] is None
    assert client("undo")["left"] == ["second.png", "new", 0, 1.0], "to where the step was"
    assert client("move", by=-1)["left"] is None and client("open", name="second.png")["left"] == ["photo.png", "model", 1, 0.25]
    assert client("remove", name="second.png")["left"] is None


def test_what_was_meant_for_one_picture_is_not_done_to_another(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add", path=str(photo), name="second.png")
    layer = client("box", picture="photo.png", layer=None, points=[[5, 15], [45, 55]])["layer"]
    client("move", by=1)
    client("box", layer=None, points=[[5, 15], [45, 55]])
    requests: list[dict[str, Any]] = [
        {"do": "find", "expression": "the red ball"},
        {"do": "threshold", "layer": layer, "value": 0.3},
        {"do": "draw", "layer": None, "points": [[1, 2]], "radius": 2, "add": True},
        {"do": "click", "layer": None, "points": [[20, 30]], "add": True},
        {"do": "box", "layer": None, "points": [[5, 15], [45, 55]]},
        {"do": "repair", "layer": layer, "how": "fill"},
        {"do": "describe", "layer": layer, "category": "ball"},
        {"do": "delete", "layer": layer},
        {"do": "mark", "state": "accepted", "on": True},
    ]
    for request in requests:
        assert "meant for photo.png, but the picture at hand is second.png" in client(**request, picture="photo.png")["error"]
    assert "error" in client("mark", state="accepted", picture=3)
    project = Project.open(tmp_path / "projects" / "dogs")
    assert [(entry.layers, project.record(entry.name).revision) for entry in project.entries] == [(1, 2), (1, 2)]
    assert client("mark", state="accepted", picture="second.png")["picture"]["state"] == "accepted"


def test_two_strokes_of_a_new_mask_land_in_one(client: Client) -> None:
    for place in (20, 60):
        told = client("draw", layer="0a1b2c3d", fresh=True, points=[[place, 20]], radius=4, add=True)
    assert [layer["id"] for layer in told["layers"]] == ["0a1b2c3d"] == [told["layer"]]
    mask = drawn(told["masks"]["0a1b2c3d"])
    assert mask[20, 20] and mask[20, 60]
    client("describe", layer="0a1b2c3d", fresh=True, category="ball")
    client("click", layer="00000001", fresh=True, points=[[20, 30]], add=True)
    told = client("box", layer="00000002", fresh=True, points=[[5, 15], [45, 55]])
    assert [layer["category"] for layer in told["layers"]] == ["ball", "", ""]
    assert "8 hexadecimal digits" in client("draw", layer="<b>", fresh=True, points=[[1, 1]], radius=4, add=True)["error"]
    assert "no mask" in client("draw", layer="00000003", points=[[1, 1]], radius=4, add=True)["error"]


def test_hardest_first_goes_on_to_the_next_of_the_list_that_was_shown(client: Client, photo: Path) -> None:
    for number in range(3):
        client("add", path=str(photo), name=f"{number}.png")
    names = [entry[0] for entry in client("list", hardest=True)["entries"]]
    seen = []
    for _ in names:
        seen.append(client("find", expression="the red ball")["picture"]["name"])
        client("mark", state="accepted", on=True)
    assert seen == names == ["photo.png", "0.png", "1.png", "2.png"]


def test_undoing_a_batch_leaves_alone_what_was_drawn_while_it_ran(client: Client, photo: Path, tmp_path: Path) -> None:
    client("add", path=str(photo), name="second.png")
    client("batch", expressions=["the red ball"])
    client("next")
    client("draw", layer=None, points=[[60, 60]], radius=5, add=True)
    client("next")
    client("stop")
    client("undo")
    project = Project.open(tmp_path / "projects" / "dogs")
    assert [len(project.record(name).layers) for name in ("photo.png", "second.png")] == [2, 0]


def test_a_batch_goes_picture_by_picture_and_can_be_stopped(client: Client, photo: Path) -> None:
    for number in range(3):
        client("add", path=str(photo), name=f"more {number}.png")
    told = client("batch", expressions=["the red ball", "the blue ball"])
    assert told["batch"] == {"done": 0, "total": 4, "added": 0, "problems": []}
    assert client("next")["batch"]["done"] == 1
    assert client("next")["batch"] == {"done": 2, "total": 4, "added": 4, "problems": []}
    stopped = client("stop")
    assert [entry[2] for entry in stopped["entries"]] == [2, 2, 0, 0] and stopped["undo"] == 1
    assert client("next")["batch"] is None
    client("undo")
    assert [entry[2] for entry in client("list")["entries"]] == [0, 0, 0, 0]
    assert "error" in client("batch", expressions=[" "])


def test_an_export_is_fetched_from_the_upload_folder_and_read_again(client: Client, uploads: Path, page: AnnotatePage) -> None:
    client("find", expression="the red ball")
    told = client("export", format="coco")
    path = Path(told["path"])
    assert told["masks"] == 1 and path.is_relative_to(uploads) and told["name"] == "dogs-coco.zip"
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert {"annotations/instances_train.json", "images/train/photo.png"} <= set(archive.namelist())
    again = Client(page, page.desk({"do": "create", "name": "again"})["key"])
    assert again("import", path=str(path), format="coco")["masks"] == 1
    assert again("enter")["entries"][0][:3] == ["photo.png", "model", 1]  # the state that it was exported with


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        {"do": 3},
        {"do": "open"},
        {"do": "magic", "key": "dogs", "window": "one"},
        {"do": "open", "key": "dogs", "window": "one", "name": "../x"},
        {"do": "open", "key": "../dogs", "window": "one", "name": "photo.png"},
        {"do": "draw", "key": "dogs", "window": "one", "layer": None, "points": [[1, float("nan")]], "radius": 2},
        {"do": "draw", "key": "dogs", "window": "one", "layer": None, "points": [[1, 2, 3]], "radius": 2},
        {"do": "draw", "key": "dogs", "window": "one", "layer": None, "points": [[1, 2]], "radius": "2"},
        {"do": "box", "key": "dogs", "window": "one", "layer": None, "points": [[1, 2]]},
        {"do": "mark", "key": "dogs", "window": "one", "state": "done"},
        {"do": "describe", "key": "dogs", "window": "one", "layer": None, "colour": "javascript:"},
        {"do": "describe", "key": "dogs", "window": "one", "layer": None, "expressions": [1]},
        {"do": "export", "key": "dogs", "window": "one", "format": "../../x"},
        {"do": "add", "key": "dogs", "window": "one", "path": "/etc/passwd", "name": "x.png"},
        {"do": "import", "key": "dogs", "window": "one", "path": "/etc/passwd", "format": "coco"},
        {"do": "create", "name": "../x"},
    ],
)
def test_what_nobody_should_ask_is_refused_in_a_sentence(request_: Any, client: Client, tmp_path: Path) -> None:
    answer = client.page.desk(request_)
    assert set(answer) == {"error"} and "Something went wrong" not in answer["error"]
    assert Project.open(tmp_path / "projects" / "dogs").record("photo.png").revision == 1


def test_seats_that_rest_keep_their_place_and_their_history(client: Client, page: AnnotatePage, tmp_path: Path) -> None:
    client("batch", expressions=["the blue ball"])
    client("next")
    client("find", expression="the red ball")
    for number in range(AWAKE):
        Client(page, client.key, f"other {number}")("enter")
    (seat,) = [seat for (_, window), seat in page._seats.items() if window == "one"]
    assert seat.desk._image is None and not seat.desk._proposals
    assert seat.proposer._last is None and seat.batch_proposer._last is None and seat.batch is not None
    layer = Project.open(tmp_path / "projects" / "dogs").record("photo.png").layers[-1].id
    assert "no longer at hand" in client("threshold", layer=layer, value=0.3)["error"]
    assert client("find", expression="the red ball on the left")["undo"] == 2


def test_a_project_that_takes_long_to_open_keeps_nobody_waiting_and_is_opened_into_one_seat(
    client: Client, page: AnnotatePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests of a new window wait for their project; a third, of a window that is there, is answered meanwhile."""
    waiting, go_on, open_project = threading.Barrier(3), threading.Event(), page._shelf.open

    def slow(key: str) -> Project:
        waiting.wait(10)
        assert go_on.wait(10)
        return open_project(key)

    monkeypatch.setattr(page._shelf, "open", slow)
    new = Client(page, client.key, "new")
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(new, "enter") for _ in range(2)]
        waiting.wait(10)
        other = pool.submit(client, "list")
        try:
            assert "entries" in other.result(10)
        finally:
            go_on.set()
        assert all("entries" in one.result(10) for one in asked)
    new("find", expression="the red ball")
    assert new("list")["undo"] == 1 and [window for _, window in page._seats].count("new") == 1


def test_a_file_that_is_no_picture_is_refused_and_the_rest_goes_on(client: Client, uploads: Path) -> None:
    (uploads / "text.png").write_text("no picture")
    assert "not a picture" in client("add", path=str(uploads / "text.png"), name="text.png")["error"]
    assert [entry[0] for entry in client("enter")["entries"]] == ["photo.png"]


def test_two_thousand_pictures_are_opened_and_paged_through_at_once(
    tmp_path: Path, page: AnnotatePage, monkeypatch: pytest.MonkeyPatch
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
    told = client("enter")
    opened = perf_counter() - start
    assert len(told["entries"]) == 2000 and told["picture"]["name"] == "0000.jpg"
    start = perf_counter()
    for _ in range(5):
        client("move", by=1)
    paged = (perf_counter() - start) / 5
    start = perf_counter()
    for number in range(5):
        client("describe", layer="0", category=f"dog {number}")
    saved = (perf_counter() - start) / 5
    print(f"opened in {opened:.2f} s, next in {paged:.3f} s, saved in {saved:.3f} s")
    assert opened < 6 and paged < 1.5 and saved < 0.5
