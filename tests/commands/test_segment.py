"""`segment`: the files and the JSON keys of its contract."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import refseg.explain.record
import refseg.rendering
from refseg.cli import main
from refseg.images import load_image, save_png
from refseg.inference import crf
from tests.commands.console import Capture, Patch, Segment, complaint, tree


def test_segment_writes_all_files_and_keys(
    segment: Segment, image_path: Path, sample_image: NDArray[np.uint8], tmp_path: Path, capsys: Capture
) -> None:
    assert (
        segment(image_path, "--expression", "the red circle", "--expression", "florp on the left", "--threshold", "0.5")
        == 0
    )
    out = tmp_path / "out"
    assert tree(out) == {
        "result.json",
        "masks",
        "masks/000.png",
        "masks/001.png",
        "overlays",
        "overlays/000.png",
        "overlays/001.png",
    }
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert list(result) == ["image", "model", "segmentations"]
    assert (result["image"], result["model"]) == (str(image_path), "tiny")
    keys = [
        "expression",
        "tokens",
        "unknown",
        "truncated",
        "mask",
        "threshold",
        "peak",
        "area_fraction",
        "word_attention",
    ]
    keys += ["presence", "verdict", "confidence", "uncertainty", "refined", "gate", "skipped"]
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


def test_more_than_20_words_are_truncated_and_reported(
    segment: Segment, image_path: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert segment(image_path, "--expression", "the dog " * 11) == 0
    (found,) = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["segmentations"]
    assert found["truncated"] is True and len(found["tokens"]) == 20
    assert {"step": "words", "reason": "the model reads at most 20 words; not read: the dog"} in found["skipped"]
    assert "only the first 20 words were used" in capsys.readouterr().out


def test_names_and_words_of_any_script(
    segment: Segment, sample_image: NDArray[np.uint8], tmp_path: Path, capsys: Capture
) -> None:
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


@pytest.mark.skipif(not crf.available(), reason="pydensecrf2 is not installed")
def test_refinement(segment: Segment, image_path: Path, tmp_path: Path) -> None:
    assert segment(image_path, "--expression", "dog", "--refine", "crf", "--threshold", "0.5") == 0
    assert (tmp_path / "out" / "masks" / "000.png").is_file()
    (found,) = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["segmentations"]
    assert found["refined"] is True


def test_refinement_that_is_not_installed(
    segment: Segment, image_path: Path, tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    assert segment(image_path, "--expression", "dog", "--refine", "crf") == 2
    assert "pip install pydensecrf2" in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_unknown_words_only(segment: Segment, image_path: Path, tmp_path: Path) -> None:
    assert segment(image_path, "--expression", "florp glorb") == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["segmentations"][0][
        "unknown"
    ] == ["florp", "glorb"]


def test_explain_adds_files(segment: Segment, image_path: Path, tmp_path: Path) -> None:
    expression = ["--expression", "the red florp"]
    assert segment(image_path, *expression, output=tmp_path / "plain") == 0
    assert segment(image_path, *expression, "--explain") == 0
    out = tmp_path / "out"
    words = [f"word_{word:02d}" for word in range(3)]
    maps = {f"maps/{kind}_level_{level}.png" for kind in (*words, "memory_gate", "reset_gate") for level in (1, 2, 3)}
    added = {"explain.json", "report.html", "maps", "maps/probability.png", "maps/response.png"} | maps
    assert tree(out) == tree(tmp_path / "plain") | added
    plain, found = (
        json.loads((folder / "result.json").read_text(encoding="utf-8"))["segmentations"][0]
        for folder in (tmp_path / "plain", out)
    )
    assert list(found) == list(plain) and found["peak"] == pytest.approx(plain["peak"], abs=1e-4), (
        "the answer does not depend on --explain"
    )
    np.testing.assert_allclose(found["word_attention"], plain["word_attention"], atol=1e-4)
    why = json.loads((out / "explain.json").read_text(encoding="utf-8"))
    assert list(why) == ["words", "attention", "leave_one_out", "presence"]
    assert why["words"] == ["the", "red", "florp"] and why["attention"] == found["word_attention"]
    assert [(list(one), one["word"]) for one in why["leave_one_out"]] == [
        (["word", "iou", "presence_change"], word) for word in why["words"]
    ]
    assert all(0 <= one["iou"] <= 1 and -1 <= one["presence_change"] <= 1 for one in why["leave_one_out"])
    assert 0 <= why["presence"] <= 1
    report = (out / "report.html").read_text(encoding="utf-8")
    assert all(
        text in report
        for text in ("photo.png", "tiny", "float32", "SHA-256", "UTC", "\u201cflorp\u201d is not in the model")
    )


def test_explain_of_several_expressions(segment: Segment, image_path: Path, tmp_path: Path) -> None:
    assert (
        segment(image_path, "--expression", "red circle", "--expression", "dog", "--explain", "--threshold", "0.3") == 0
    )
    out = tmp_path / "out"
    whole = json.loads((out / "explain.json").read_text(encoding="utf-8"))
    each = [
        json.loads((out / "explain" / name / "explain.json").read_text(encoding="utf-8")) for name in ("000", "001")
    ]
    assert whole == {"explanations": each} and [one["words"] for one in each] == [["red", "circle"], ["dog"]]
    assert {
        "report.html",
        "explain/000/report.html",
        "explain/001/report.html",
        "explain/001/maps/response.png",
    } <= tree(out)
    assert "maps" not in tree(out)
    assert "explain/001/report.html" in (out / "report.html").read_text(encoding="utf-8")


def test_explain_writes_all_or_nothing(
    segment: Segment, image_path: Path, tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    assert segment(image_path, "--expression", "dog", "--expression", "!?", "--explain") == 2
    assert "the expression " in complaint(capsys)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(refseg.explain.record, "report_html", full)
    assert segment(image_path, "--expression", "dog", "--explain") == 2
    assert "No space left on device" in complaint(capsys)
    assert tree(tmp_path) == {"photo.png"}


def test_unusable_models_devices_and_outputs(
    image_path: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: Capture
) -> None:
    base = ["segment", "--image", str(image_path), "--expression", "dog", "--output"]
    for arguments, message in (
        ([*base, str(tmp_path / "out"), "--model", str(image_path)], "is a file, expected a folder"),
        ([*base, str(tmp_path / "out"), "--model", str(tmp_path)], "has no config.json"),
        ([*base, str(tmp_path / "out"), "--device", "gpu"], "expected auto, cpu, cuda"),
        ([*base, str(tmp_path / "out"), "--precision", "half"], "expected one of auto, float32"),
        ([*base, str(image_path), "--model", str(tiny_checkpoint), "--device", "cpu"], "is a file, expected a folder"),
        ([*base, str(image_path / "below"), "--model", str(tiny_checkpoint), "--device", "cpu"], "cannot write to"),
    ):
        assert main(arguments) == 2
        assert message in complaint(capsys)
        assert tree(tmp_path) == {"photo.png"}


def test_a_write_error_leaves_no_file(
    segment: Segment, image_path: Path, tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(refseg.rendering, "overlay", full)
    assert segment(image_path, "--expression", "dog", output=tmp_path / "a" / "b") == 2
    assert "No space left on device" in complaint(capsys)
    assert tree(tmp_path) == {"photo.png"}
