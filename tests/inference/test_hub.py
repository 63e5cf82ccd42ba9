"""The Hub, with the real client against a small local server."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from numpy.typing import NDArray

from refseg.cli import main
from refseg.errors import CheckpointError, HubError
from refseg.images import save_png
from refseg.inference.checkpoint import CONFIG, VOCABULARY, WEIGHTS, load_checkpoint
from refseg.inference.hub import UnreachableError, embedded_models, parse_repository, pull, push, resolve_model
from refseg.inference.predictor import Predictor
from tests.hub_server import TOKEN, Hub, serve
from tests.video.clips import make_clip, numbered

# of the client, about its own transport library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "user/model"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A server, and a client that knows it alone, with an empty cache and without a login."""
    with serve() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(variable, raising=False)
        yield hub


@pytest.fixture
def files(tiny_checkpoint: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tiny_checkpoint.iterdir()} | {
        "README.md": b"# card",
        "extra.bin": b"\x80\x04.",
    }


def retrained(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same with another training record."""
    config = json.loads(files[CONFIG])
    config["training"]["steps"] = 99
    return {**files, CONFIG: json.dumps(config).encode()}


def test_pull_takes_a_checkpoints_files_and_no_others(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(NAME, {**files, "sub/config.json": b"{}", "../../escape.txt": b"out", "pytorch_model.bin": b"\x80\x04."})
    folder = pull(NAME)
    assert sorted(path.name for path in folder.rglob("*")) == sorted([CONFIG, WEIGHTS, VOCABULARY, "README.md"])
    assert set(hub.downloads()) == {CONFIG, WEIGHTS, VOCABULARY, "README.md"}
    load_checkpoint(folder)


def test_a_second_pull_downloads_nothing(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(NAME, files)
    first = pull(NAME)
    sent = len(hub.downloads())
    assert pull(NAME) == first
    assert len(hub.downloads()) == sent == 4


def test_revisions(hub: Hub, files: dict[str, bytes]) -> None:
    repository = hub.add(NAME, files)
    old = repository.refs["main"]
    repository.refs["v1.0"] = old
    repository.commit(retrained(files))
    steps = {
        revision: load_checkpoint(pull(NAME, revision))[2]["training"]["steps"] for revision in ("main", "v1.0", old)
    }
    assert steps == {"main": 99, "v1.0": 0, old: 0}
    source = resolve_model(f"{NAME}@v1.0")
    assert (source.name, source.revision) == (f"{NAME}@v1.0", "v1.0")
    with pytest.raises(HubError, match="user/model has no revision 'v9'"):
        pull(NAME, "v9")


def test_without_network_the_last_download_is_used(
    hub: Hub, files: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    hub.add(NAME, files)
    folder = pull(NAME)
    hub.failing = 503
    with caplog.at_level(logging.WARNING, "refseg"):
        assert pull(NAME) == folder
    (record,) = [record for record in caplog.records if record.name == "refseg"]
    assert (
        record.getMessage()
        == "cannot reach the Hub for user/model (it answers with status 503): expected an answer, check the name and"
        f" the network. The cached copy of user/model@main is used, commit {folder.name[:12]}"
    )


def test_without_network_and_download_no_other_model_takes_its_place(hub: Hub, files: dict[str, bytes]) -> None:
    """Neither the embedded model nor another revision of the same repository."""
    repository = hub.add(NAME, files)
    repository.refs["v1"] = repository.refs["main"]
    repository.commit(retrained(files))
    pull(NAME)
    hub.failing = 500
    expected = (
        "cannot reach the Hub for {name} .it answers with status 500.: .* no folder of that name and no cached copy of"
        " {name}@{revision}"
    )
    for name, revision in (("nobody/nothing", "main"), (NAME, "v1")):
        with pytest.raises(UnreachableError, match=expected.format(name=name, revision=revision)) as caught:
            resolve_model(f"{name}@{revision}")
        assert "\n" not in str(caught.value)
        with pytest.raises(UnreachableError):
            Predictor.load(f"{name}@{revision}", device="cpu")


def data_set(root: Path, image: NDArray[np.uint8]) -> Path:
    """Two images of the RefCOCO layout, one to train on and one to validate with."""
    (root / "images").mkdir(parents=True)
    images, annotations, references = [], [], []
    for number, split in enumerate(("train", "val"), start=1):
        save_png(root / "images" / f"{number}.png", image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 90, "height": 60})
        square = [[10, 15, 35, 15, 35, 45, 10, 45]]
        annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": square, "iscrowd": 0})
        references.append(
            {
                "ref_id": number,
                "ann_id": number,
                "image_id": number,
                "split": split,
                "sentences": [{"sent": "the red circle"}],
            }
        )
    instances = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}
    (root / "instances.json").write_text(json.dumps(instances), encoding="utf-8")
    (root / "expressions.json").write_text(json.dumps(references), encoding="utf-8")
    return root


@pytest.mark.parametrize("command", ["segment", "video", "evaluate", "train", "bench", "hub"])
def test_commands_fail_where_the_model_cannot_be_had(
    hub: Hub,
    command: str,
    sample_image: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub.failing = 503
    save_png(tmp_path / "picture.png", sample_image)
    data = data_set(tmp_path / "data", sample_image)
    make_clip(tmp_path / "clip.mp4", numbered(3))
    monkeypatch.chdir(tmp_path)
    arguments = {
        "segment": ["--image", "picture.png", "--expression", "dog", "--output", "out"],
        "video": ["--input", "clip.mp4", "--expression", "dog", "--output", "out"],
        "evaluate": ["--data", str(data), "--json", "out.json"],
        "train": ["--recipe", "finetune", "--data", str(data), "--output", "out", "--steps", "1"],
        "bench": [],
        "hub": ["pull", "nobody/nothing"],
    }[command]
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    status = main([command, *arguments, *([] if command == "hub" else ["--model", "nobody/nothing"])])
    printed = capsys.readouterr()
    assert status == 2 and printed.out == ""
    (line,) = printed.err.splitlines()
    assert (
        line.startswith("refseg: cannot reach the Hub for nobody/nothing") and "check the name and the network" in line
    )
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before, "nothing is written"


@pytest.mark.parametrize("offline", [True, False])
def test_nothing_answers(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: bool) -> None:
    """No server at the address, or a client that was told to stay off the network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(UnreachableError, match="cannot reach the Hub for user/model"):
        pull(NAME, endpoint=hub.endpoint if offline else "http://127.0.0.1:9", cache=tmp_path / "elsewhere")


def test_a_half_download_is_not_used(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(NAME, files)
    (pull(NAME) / WEIGHTS).unlink()
    hub.failing = 503
    with pytest.raises(UnreachableError):
        pull(NAME)


def test_no_such_repository(hub: Hub, files: dict[str, bytes]) -> None:
    with pytest.raises(
        HubError,
        match="no repository user/model on the Hub that this machine has access to, and no folder of that name here",
    ):
        resolve_model(NAME)
    hub.add("user/secret", files).private = True
    with pytest.raises(HubError, match="no repository user/secret"):
        pull("user/secret")


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS, VOCABULARY])
def test_a_repository_without_a_model_of_ours(hub: Hub, files: dict[str, bytes], missing: str) -> None:
    hub.add(NAME, {name: data for name, data in files.items() if name != missing})
    with pytest.raises(
        HubError, match=rf"user/model has no {missing} \(extra.bin may hold pickled code and is never opened\)"
    ):
        pull(NAME)
    assert hub.downloads() == []


def test_gigantic_files_are_not_downloaded(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(NAME, files)
    hub.sizes[CONFIG] = 10**12
    with pytest.raises(HubError, match=r"config.json has 1000000000000 bytes, expected at most"):
        pull(NAME)
    assert hub.downloads() == []


def test_a_hostile_config_is_refused_after_the_download(hub: Hub, files: dict[str, bytes]) -> None:
    config = json.loads(files[CONFIG])
    config["network"]["image_size"] = 10**12
    hub.add(NAME, {**files, CONFIG: json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match="image_size is 1000000000000"):
        load_checkpoint(resolve_model(NAME).folder)


def test_a_pickle_in_the_place_of_the_weights(hub: Hub, files: dict[str, bytes]) -> None:
    hub.add(NAME, {**files, WEIGHTS: b"\x80\x04cposix\nsystem\n."})
    with pytest.raises(CheckpointError, match="damaged or not the file"):
        load_checkpoint(pull(NAME))


def test_a_server_that_refuses(hub: Hub) -> None:
    for status in (400, 403, 410):
        hub.failing = status
        with pytest.raises(HubError, match=f"status {status}") as caught:
            pull(NAME)
        assert not isinstance(caught.value, UnreachableError) and "\n" not in str(caught.value)


@pytest.mark.parametrize("private", [False, True])
def test_push_and_pull_again(hub: Hub, tiny_checkpoint: Path, tmp_path: Path, private: bool) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "mine"))
    (folder / "README.md").write_text("# card", encoding="utf-8")
    (folder / "notes.txt").write_text("stays here", encoding="utf-8")
    url = push(folder, NAME, private=private, token=TOKEN, message="First")
    repository = hub.repositories[NAME]
    commit = repository.refs["main"]
    assert url == f"{hub.endpoint}/{NAME}/commit/{commit}"
    assert repository.private == private and repository.messages[-1] == "First"
    stored = repository.commits[commit]
    assert {name: stored[name] for name in stored if name != ".gitattributes"} == {
        name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS, VOCABULARY, "README.md")
    }
    assert list(hub.large_files.values()) == [stored[WEIGHTS]]
    repository.private = False
    load_checkpoint(pull(NAME))


def test_push_to_a_branch_of_a_repository_that_exists(hub: Hub, tiny_checkpoint: Path) -> None:
    hub.add(NAME, {"README.md": b"old"})
    push(tiny_checkpoint, NAME, revision="better", token=TOKEN)
    repository = hub.repositories[NAME]
    assert set(repository.commits[repository.refs["main"]]) == {"README.md"}
    assert set(repository.commits[repository.refs["better"]]) == {"README.md", CONFIG, WEIGHTS, VOCABULARY}


def test_push_refuses_what_nobody_could_load(hub: Hub, tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "broken"))
    (folder / WEIGHTS).write_bytes(b"broken")
    with pytest.raises(CheckpointError):
        push(folder, NAME, token=TOKEN)
    assert hub.requests == []
    with pytest.raises(HubError, match=r"refuses access to user/model .status 401.: log in, or set HF_TOKEN"):
        push(tiny_checkpoint, NAME)
    hub.failing = 404
    with pytest.raises(HubError, match="status 404"):
        push(tiny_checkpoint, NAME, token=TOKEN)
    assert hub.repositories == {}


@pytest.mark.parametrize("name, expected", [("a/b", ("a/b", "main")), ("a-1/b.c_2@v1/x", ("a-1/b.c_2", "v1/x"))])
def test_names(name: str, expected: tuple[str, str]) -> None:
    assert parse_repository(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", "a", "a/b/c", "a/b@", "a/../b", "../x", "a/b@..", "a b/c", "a/b@-x", "https://x/y", "a/b.", "a--b/c", "é/b"],
)
def test_no_names(name: str) -> None:
    with pytest.raises(HubError, match="expected user/name or user/name@revision"):
        parse_repository(name)


def test_folders_come_first(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_checkpoint, tmp_path / "user" / "model")
    assert resolve_model(NAME).folder == Path(NAME) and resolve_model(NAME).name == "model"
    assert resolve_model(None).name == "embedded"
    (tmp_path / "file.bin").touch()
    with pytest.raises(CheckpointError, match=r"'file.bin' is a file, expected a folder"):
        resolve_model("file.bin")
    for name in ("nothing", "./runs/nothing", "C:\\models", "x" * 5000, "a\0b"):
        with pytest.raises(CheckpointError, match="one of the embedded models"):
            resolve_model(name)


def test_the_command_line(
    hub: Hub, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main(["hub", "push", str(tiny_checkpoint), f"{NAME}@v2", "--private", "--message", "Zweite"]) == 0
    assert hub.repositories[NAME].private and "/commit/" in capsys.readouterr().out
    assert main(["hub", "pull", f"{NAME}@v2", "--output", str(tmp_path / "here")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "here")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted([CONFIG, WEIGHTS, VOCABULARY])
    assert not any(path.is_symlink() for path in (tmp_path / "here").iterdir())
    load_checkpoint(tmp_path / "here")
    for arguments in (
        ["pull", "user/other"],
        ["push", str(tmp_path / "none"), NAME],
        ["pull", "no name"],
        ["push", str(tiny_checkpoint), NAME, "--message="],
    ):
        assert main(["hub", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_model_of_the_hub_in_a_process_of_its_own(
    hub: Hub, files: dict[str, bytes], sample_image: NDArray[np.uint8], tmp_path: Path
) -> None:
    """HF_ENDPOINT and nothing else; then once more with the server out of order."""
    repository = hub.add(NAME, files)
    repository.refs["v1"] = repository.refs["main"]
    picture = tmp_path / "picture.png"
    save_png(picture, sample_image)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ},
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        "-m",
        "refseg",
        "segment",
        "--image",
        str(picture),
        "--expression",
        "the dog",
        "--model",
        f"{NAME}@v1",
        "--device",
        "cpu",
    ]
    for failing, folder in ((0, "online"), (503, "offline")):
        hub.failing = failing
        done = subprocess.run(
            [*command, "--output", str(tmp_path / folder)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads((tmp_path / folder / "result.json").read_text(encoding="utf-8"))["model"] == f"{NAME}@v1"
        warnings = [line for line in done.stderr.splitlines() if "The cached copy of user/model@v1 is used" in line]
        assert len(warnings) == (1 if failing else 0)


def test_embedded_models_go_by_their_names() -> None:
    assert "cmsa" in embedded_models()
    named, default = resolve_model("cmsa"), resolve_model(None)
    assert named.folder == default.folder and named.name == "cmsa"
