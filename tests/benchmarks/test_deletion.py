"""Deletion test: rankings, figures, intervals, and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.deletion import RANKINGS, Deletion, content_words, deletion, figures_of, intervals, main, share_below
from refseg.explain import explain
from refseg.inference.predictor import Predictor
from refseg.mask_iou import iou


def sample(image: int = 0, **changes: tuple[float, ...] | tuple[int, ...]) -> Deletion:
    """Create "the red dog": red changes most; dog has the most attention of the content words, "the" of all words."""
    known = {"change": (0.1, 0.8, 0.4), "attention": (0.5, 0.2, 0.3), "content": (1, 2), "label_ious": (0.6, 0.1, 0.3)}
    return Deletion(image=image, first=1, label_iou=0.7, **(known | changes))  # type: ignore[arg-type]


def test_ties_count_half() -> None:
    assert share_below(0.5, [0.1, 0.5, 0.9, 0.2]) == 2.5 / 4
    assert share_below(0.0, [0.0]) == 0.5


def test_content_words_are_objects_and_positions() -> None:
    words = "the man 's hat on the left behind a dog that is in front of it".split()
    assert [words[position] for position in content_words(words)] == ["man", "hat", "left", "behind", "dog", "front"]


def test_first_word_of_each_ranking() -> None:
    assert {name: ranking(sample()) for name, ranking in RANKINGS.items()} == {
        "leave one out": 1,
        "attention": 0,
        "attention, content words": 2,
    }


def test_figures_of_the_rankings() -> None:
    by_change, by_attention, among_content = (
        figures_of([sample(), sample(1)], ranking) for ranking in RANKINGS.values()
    )
    assert (by_change["any"], by_change["others"], by_change["content"]) == (0.75, 1, 1)
    assert (by_attention["any"], by_attention["others"], by_attention["content"]) == (0, 0, 0)
    assert (among_content["any"], among_content["others"]) == (0.25, 0)
    assert by_change["random_change"] == pytest.approx(0.6) and by_change["change"] == 0.8
    assert (by_change["label"], by_change["label_without"], by_change["label_without_random"]) == pytest.approx(
        (0.7, 0.1, 0.2)
    )
    assert by_change["any_interval"] == [0.75, 0.75]


def test_intervals_sample_whole_images() -> None:
    """100 expressions about one image are one observation; about 100 images, they are 100."""
    values = np.array([[0.0], [1.0]] * 50)
    ((low, high),) = intervals(values, np.arange(100))
    assert 0.35 < low < 0.45 and 0.55 < high < 0.65
    ((low, high),) = intervals(values, np.arange(100) % 2)
    assert (low, high) == (0, 1)
    assert intervals(values, np.zeros(100, int)) == [[0.5, 0.5]]


def test_result_of_an_explanation(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    encoded = tiny_predictor.encode(sample_image)
    (answer,) = tiny_predictor.segment(encoded, ["the red dog"])
    threshold = float(np.median(answer.probability))
    explanation = explain(tiny_predictor, encoded, "the red dog", threshold)
    label = np.zeros(sample_image.shape[:2], bool)
    label[10:40, 10:60] = True
    one = deletion(3, explanation, label)
    assert (one.image, one.content) == (3, (1, 2))
    assert one.label_iou == iou(answer.mask(threshold), label)
    for word, text in enumerate(("red dog", "the dog", "the red")):
        (without,) = tiny_predictor.segment(encoded, [text])
        assert one.label_ious[word] == pytest.approx(iou(without.mask(threshold), label), abs=0.01)
        assert one.change[word] == pytest.approx(
            1 - iou(answer.input_mask(threshold), without.input_mask(threshold)), abs=0.01
        )
    assert one.attention == pytest.approx(answer.word_attention.mean(0).tolist(), abs=1e-5)
    assert one.change[one.first] == max(one.change)


@pytest.fixture
def folder(tmp_path: Path, sample_image: NDArray[np.uint8]) -> Path:
    """Two images; three of five expressions have two content words."""
    (tmp_path / "images").mkdir()
    annotations, images, refs = [], [], []
    for number, sentences in ((1, ["the red circle", "a dog", "!?"]), (2, ["blue square on the right", "man left"])):
        Image.fromarray(sample_image).save(tmp_path / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 90, "height": 60, "split": "val"})
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "segmentation": [[10, 10, 40, 10, 40, 50, 10, 50]]}
        )
        refs.append({"ref_id": number, "ann_id": number, "sentences": [{"sent": sentence} for sentence in sentences]})
    (tmp_path / "instances.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]})
    )
    (tmp_path / "expressions.json").write_text(json.dumps(refs))
    return tmp_path


def test_the_command(folder: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(folder), "--split", "val", "--model", str(tiny_checkpoint)]
    assert main([*arguments, "--json", str(folder / "figures.json")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("3 expressions of 2 images:")
    figures = json.loads((folder / "figures.json").read_text())
    assert (figures["n"], figures["pictures"], list(figures["rankings"])) == (3, 2, list(RANKINGS))
    assert figures["rankings"]["leave one out"]["others"] >= 0.5
    assert main([*arguments, "--limit", "1"]) == 0
    assert capsys.readouterr().out.startswith("1 expressions of 1 images:")


def test_invalid_arguments(folder: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "expressions.json").write_text(json.dumps([{"ref_id": 1, "ann_id": 1, "sentences": [{"sent": "a dog"}]}]))
    for extra, reason in (
        (["--limit", "0"], "--limit must be at least 1, got 0"),
        ([], "no expression has two content words"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["--data", str(folder), "--model", str(tiny_checkpoint), *extra])
        assert stopped.value.code == 2 and reason in capsys.readouterr().err
