"""The command line: names, files and exit statuses are promises."""

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refseg import cli
from refseg.cli import main
from refseg.images import load_image, save_png
from refseg.inference import crf
from refseg.version import __version__

ROOT = Path(__file__).parents[1]
Capture = pytest.CaptureFixture[str]
Segment = Callable[..., int]
Patch = pytest.MonkeyPatch


@pytest.fixture
def picture(tmp_path: Path, sample_image: NDArray[np.uint8]) -> Path:
    path = tmp_path / "picture.png"
    save_png(path, sample_image)
    return path


@pytest.fixture
def segment(tiny_checkpoint: Path, tmp_path: Path) -> Segment:
    """Run `segment` with the tiny model into OUTPUT."""

    def run(image: Path, *arguments: str, output: Path = tmp_path / "out") -> int:
        model = ["--model", str(tiny_checkpoint), "--device", "cpu", "--precision", "float32"]
        return main(["segment", "--image", str(image), "--output", str(output), *model, *arguments])

    return run


def complaint(capture: Capture) -> str:
    """The one line on standard error; nothing else was printed."""
    printed = capture.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1 and printed.err.endswith("\n") and printed.err.startswith("refseg: ")
    return printed.err.removeprefix("refseg: ").strip()


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_segment_writes_what_was_promised(
    segment: Segment, picture: Path, sample_image: NDArray[np.uint8], tmp_path: Path, capsys: Capture
) -> None:
    assert segment(picture, "--expression", "the red circle", "--expression", "florp on the left", "--threshold", "0.5") == 0
    out = tmp_path / "out"
    assert tree(out) == {"result.json", "masks", "masks/000.png", "masks/001.png", "overlays", "overlays/000.png", "overlays/001.png"}
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert list(result) == ["image", "model", "segmentations"]
    assert (result["image"], result["model"]) == (str(picture), "tiny")
    keys = ["expression", "tokens", "unknown", "truncated", "mask", "threshold", "peak", "area_fraction", "word_attention"]
    for number, found in enumerate(result["segmentations"]):
        assert list(found) == keys
        assert found["mask"] == f"masks/{number:03d}.png"
        with Image.open(out / found["mask"]) as mask:
            assert mask.mode == "L" and mask.size == sample_image.shape[1::-1]
            values = np.asarray(mask)
        assert set(np.unique(values)) <= {0, 255}
        assert found["area_fraction"] == pytest.approx((values == 255).mean(), abs=1e-6)
        assert (values == 255).any() == (found["peak"] >= found["threshold"])
        assert np.asarray(found["word_attention"]).shape == (3, len(found["tokens"]))
        assert load_image(out / "overlays" / f"{number:03d}.png").shape == sample_image.shape
    first, second = result["segmentations"]
    assert first["tokens"] == ["the", "red", "circle"] and first["unknown"] == [] and first["truncated"] is False
    assert second["unknown"] == ["florp"] and second["threshold"] == 0.5
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.out.splitlines()] == ["masks/000.png", "masks/001.png"]
    assert "unknown word florp" in printed.out.splitlines()[1] and printed.err == ""


def test_more_than_20_words_are_cut_and_that_is_said(segment: Segment, picture: Path, tmp_path: Path, capsys: Capture) -> None:
    assert segment(picture, "--expression", "the dog " * 11) == 0
    (found,) = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["segmentations"]
    assert found["truncated"] is True and len(found["tokens"]) == 20
    assert "only the first 20 words were read" in capsys.readouterr().out


def test_names_and_words_of_any_script(segment: Segment, sample_image: NDArray[np.uint8], tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "Äpfel 🍎 木.png"
    save_png(path, sample_image)
    assert segment(path, "--expression", "the dög 🐶 ‘naïve’\n\x1b[31m 木", output=tmp_path / "wohin ü" / "木") == 0
    result = json.loads((tmp_path / "wohin ü" / "木" / "result.json").read_text(encoding="utf-8"))
    assert result["image"] == str(path)
    assert result["segmentations"][0]["tokens"] == ["the", "dög", "naïve", "31m", "木"]
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "\x1b" not in printed


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_a_file_name_that_is_not_unicode(segment: Segment, sample_image: NDArray[np.uint8], tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    save_png(path, sample_image)
    assert segment(path, "--expression", "dog") == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["image"].endswith("??.png")


@pytest.mark.skipif(not crf.available(), reason="pydensecrf2 is not installed here")
def test_refinement(segment: Segment, picture: Path, tmp_path: Path) -> None:
    assert segment(picture, "--expression", "dog", "--refine", "crf") == 0
    assert (tmp_path / "out" / "masks" / "000.png").is_file()


def test_refinement_where_it_is_missing(segment: Segment, picture: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    assert segment(picture, "--expression", "dog", "--refine", "crf") == 2
    assert "pip install pydensecrf2" in complaint(capsys)
    assert not (tmp_path / "out").exists()


# What a person can get wrong: the picture, the expression, or the rest.

EXPRESSIONS = {"empty": "", "blank": " \t\n", "emoji": "🐶🎈", "10,000 characters": "dog " * 2500, "symbols": "!?"}


@pytest.mark.parametrize("text", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_unusable_expressions(segment: Segment, picture: Path, tmp_path: Path, capsys: Capture, text: str) -> None:
    assert segment(picture, "--expression", "dog", f"--expression={text}") == 2
    assert complaint(capsys).startswith("the expression ")
    assert tree(tmp_path) == {"picture.png"}


def test_only_unknown_words_still_answer(segment: Segment, picture: Path, tmp_path: Path) -> None:
    assert segment(picture, "--expression", "florp glorb") == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["segmentations"][0]["unknown"] == ["florp", "glorb"]


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises that size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


PICTURES = {
    "text renamed": (b"This is no picture.", "not a picture"),
    "empty": (b"", "not a picture"),
    "cut off": (bomb(64, 64)[:60], "cannot be decoded"),
    "20,000 x 20,000": (bomb(20_000, 20_000), "expected at most 50 megapixels"),
}


@pytest.mark.parametrize("data, message", PICTURES.values(), ids=PICTURES)
def test_unusable_pictures(segment: Segment, tmp_path: Path, capsys: Capture, data: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert segment(path, "--expression", "dog") == 2
    assert message in complaint(capsys)
    assert tree(tmp_path) == {"photo.jpg"}


def test_no_picture(segment: Segment, tmp_path: Path, capsys: Capture) -> None:
    for path in (tmp_path / "nothing.jpg", tmp_path):
        assert segment(path, "--expression", "dog") == 2
        assert "there is no picture" in complaint(capsys)
    assert segment(tmp_path / ("x" * 400), "--expression", "dog") == 2
    assert "File name too long" in complaint(capsys)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def kinds_of_pictures() -> dict[str, bytes]:
    grey = Image.fromarray(np.linspace(0, 255, 20 * 30).reshape(20, 30).astype(np.uint8))
    colour = grey.convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "1x1": saved(colour.resize((1, 1)), "PNG"),
        "cmyk": saved(colour.convert("CMYK"), "JPEG"),
        "16 bit": saved(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100), "PNG"),
        "palette": saved(colour.quantize(8), "PNG"),
        "alpha": saved(colour.convert("RGBA"), "PNG"),
        "animation": saved(colour, "GIF", save_all=True, append_images=[colour.rotate(90), colour]),
        "turned": saved(colour, "JPEG", exif=turned),
    }


@pytest.mark.parametrize("kind", kinds_of_pictures())
def test_odd_pictures(segment: Segment, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(kinds_of_pictures()[kind])
    assert segment(path, "--expression", "dog") == 0
    size = {"1x1": (1, 1), "turned": (20, 30)}.get(kind, (30, 20))
    with Image.open(tmp_path / "out" / "masks" / "000.png") as mask:
        assert mask.size == size


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "COMMAND"),
        (["segmnt"], "did you mean segment?"),
        (["segment"], "--image"),
        (["segment", "--imge", "x"], "there is no option --imge; did you mean --image?"),
        (["segment", "--image", "x", "--expression", "d", "--output", "o", "--threshold", "1.5"], "expected a number from 0 to 1"),
        (["segment", "--image", "x", "--expression", "d", "--output", "o", "--threshold", "nan"], "expected a number from 0 to 1"),
        (["segment", "--image", "x", "--expression", "d", "--output", "o", "--refine", "crff"], "did you mean crf?"),
        (["segment", "--image", "x", "--expression", "d", "--output", "o", "more"], "more"),
        (["segment", "--image", "--expression", "d", "--output", "o"], "expected one argument"),
        (["evaluate", "--data", "nowhere", "--limit", "0"], "whole number of at least 1"),
        (["evaluate", "--data", "nowhere", "--format", "cocoo"], "refcoco"),
        (["evaluate", "--data", "nowhere"], "nowhere"),
        (["train", "--recipe", "compact", "--data", "nowhere", "--output", "o"], "there is no data folder nowhere"),
        (["train", "--recipe", "compact", "--data", "nowhere", "--output", "o", "--resumed"], "did you mean --resume?"),
        (["hub"], "push|pull"),
        (["hub", "pul", "a/b"], "did you mean pull?"),
        (["hub", "pull"], "USER/NAME"),
        (["bench", "--runs", "many"], "whole number of at least 1"),
        (["bench", "--model", "./no/such/folder"], "no model './no/such/folder'"),
    ],
)
def test_unusable_arguments(arguments: list[str], message: str, capsys: Capture, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in complaint(capsys)
    assert tree(tmp_path) == set()


def test_unusable_models_devices_and_outputs(picture: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: Capture) -> None:
    base = ["segment", "--image", str(picture), "--expression", "dog", "--output"]
    for arguments, message in (
        ([*base, str(tmp_path / "out"), "--model", str(picture)], "is a file, expected a folder"),
        ([*base, str(tmp_path / "out"), "--model", str(tmp_path)], "has no config.json"),
        ([*base, str(tmp_path / "out"), "--device", "gpu"], "expected auto, cpu, cuda"),
        ([*base, str(tmp_path / "out"), "--precision", "half"], "expected one of auto, float32"),
        ([*base, str(picture), "--model", str(tiny_checkpoint), "--device", "cpu"], "is a file, expected a folder"),
        ([*base, str(picture / "below"), "--model", str(tiny_checkpoint), "--device", "cpu"], "cannot write to"),
    ):
        assert main(arguments) == 2
        assert message in complaint(capsys)
        assert tree(tmp_path) == {"picture.png"}


def test_nothing_is_left_when_writing_fails(segment: Segment, picture: Path, tmp_path: Path, capsys: Capture, monkeypatch: Patch) -> None:
    import refseg.rendering

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(refseg.rendering, "overlay", full)
    assert segment(picture, "--expression", "dog", output=tmp_path / "a" / "b") == 2
    assert "No space left on device" in complaint(capsys)
    assert tree(tmp_path) == {"picture.png"}


def test_what_should_not_happen(segment: Segment, picture: Path, capsys: Capture, monkeypatch: Patch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(cli.segment, "load_predictor", broken)
    monkeypatch.delenv("REFSEG_DEBUG", raising=False)
    assert segment(picture, "--expression", "dog") == 1
    assert "please report it (ZeroDivisionError: first line second line)" in complaint(capsys)
    monkeypatch.setenv("REFSEG_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        segment(picture, "--expression", "dog")


def test_being_stopped(segment: Segment, picture: Path, capsys: Capture, monkeypatch: Patch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.segment, "load_predictor", stopped)
    assert segment(picture, "--expression", "dog") == 130
    assert complaint(capsys) == "stopped"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["segment", "--help"], ["evaluate", "-h"], ["train", "-h"], ["hub", "push", "-h"], ["bench", "-h"]]
)
def test_help(arguments: list[str], capsys: Capture) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("usage: python -m refseg")


def test_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"refseg {__version__}"


@pytest.fixture
def data_set(tmp_path: Path, sample_image: NDArray[np.uint8]) -> Path:
    """Two pictures, three expressions, one of them without words."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    images, annotations, references = [], [], []
    for number, (split, sentences) in enumerate((("val", ["the red circle", "left"]), ("train", ["!"])), start=1):
        save_png(root / "images" / f"{number}.png", sample_image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 90, "height": 60})
        square = [[10, 15, 35, 15, 35, 45, 10, 45]]
        annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": square, "iscrowd": 0})
        said = [{"sent": sentence} for sentence in sentences]
        references.append({"ref_id": number, "ann_id": number, "image_id": number, "split": split, "sentences": said})
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    (root / "instances.json").write_text(json.dumps(coco), encoding="utf-8")
    (root / "expressions.json").write_text(json.dumps(references), encoding="utf-8")
    return root


def test_evaluate(data_set: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "new" / "figures.json"
    base = ["evaluate", "--data", str(data_set), "--format", "refcoco", "--model", str(tiny_checkpoint), "--device", "cpu"]
    assert main([*base, "--split", "val", "--json", str(target)]) == 0
    printed = capsys.readouterr()
    assert "overall IoU" in printed.out and "P@0.5" in printed.out and printed.err == ""
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert set(figures) >= {"n", "overall_iou", "mean_iou", "precision", "seconds", "protocol"}
    assert figures["n"] == 2 and set(figures["precision"]) == {"0.5", "0.6", "0.7", "0.8", "0.9"}
    assert tree(target.parent) == {"figures.json"}
    assert main([*base, "--threshold", "0.3", "--limit", "2"]) == 0
    assert "3 expressions, 2 pictures" in capsys.readouterr().out
    assert main([*base, "--split", "test"]) == 2
    assert "got the split 'test', expected one of those there: train, val" in complaint(capsys)
    assert main([*base, "--json", str(data_set)]) == 2
    assert "cannot write to" in complaint(capsys)


def test_train_is_called_with_what_was_asked_for(tmp_path: Path, capsys: Capture, monkeypatch: Patch) -> None:
    import refseg.training.loop

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def train(*arguments: Any, **options: Any) -> Path:
        calls.append((arguments, options))
        return tmp_path / "run" / "checkpoint"

    monkeypatch.setattr(refseg.training.loop, "train_from_recipe", train)
    base = ["train", "--recipe", "compact", "--data", str(tmp_path), "--output", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*base, "--resume", "--steps", "7"]) == 0
    assert calls == [(("compact", tmp_path, tmp_path / "run"), {"resume": True, "steps": 7, "device": "cpu"})]
    assert capsys.readouterr().out.strip() == str(tmp_path / "run" / "checkpoint")


def test_train_without_such_a_recipe(tmp_path: Path, capsys: Capture) -> None:
    assert main(["train", "--recipe", "no_such", "--data", str(tmp_path), "--output", str(tmp_path / "run"), "--device", "cpu"]) == 2
    assert "no_such" in complaint(capsys)
    assert tree(tmp_path) == set()


def test_bench(tiny_checkpoint: Path, capsys: Capture) -> None:
    assert main(["bench", "--model", str(tiny_checkpoint), "--device", "cpu", "--runs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "first answer on a picture" in printed and "further expression" in printed and "model tiny on cpu" in printed
    assert ("CRF" in printed) and "640 x 480" in printed


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "refseg", *arguments], cwd=ROOT, text=True, timeout=120, check=False, capture_output=True, **options
    )


def test_a_process_of_its_own() -> None:
    done = run("segment", "--image", "nowhere.jpg", "--expression", "dog", "--output", "never")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "refseg: there is no picture nowhere.jpg: expected the path of a file\n"
    assert not (ROOT / "never").exists()


def test_complaints_come_without_torch() -> None:
    code = "import sys; from refseg.cli import main; status = main(['segment', '--help']); sys.exit(status or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True).returncode == 0


def test_a_console_without_unicode() -> None:
    done = run("segment", "--image", "木.jpg", "--expression", "dog", "--output", "never", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stderr == "refseg: there is no picture \\u6728.jpg: expected the path of a file\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_reader_that_has_gone() -> None:
    """`python -m refseg --help | head -0`, with buffered output as a shell has it."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "refseg", "--help"]
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(command, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
