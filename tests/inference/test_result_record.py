"""result.json: every fact about an answer, from known answers."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from refseg.inference.predictor import Predictor
from refseg.inference.result_record import result_record, segmentation_entry
from refseg.inference.segmentation import Segmentation
from tests.explain.explained import answer

FOUND = replace(answer(("red", "ball"), presence=0.75), presence_threshold=0.5, gate=0.25)
ABSENT = replace(FOUND, presence=0.25)


def entry(
    found: Segmentation, threshold: float | None = None, refine: str = "none", part: bool = False
) -> dict[str, Any]:
    written = segmentation_entry(found, found.mask(threshold, refine), "mask.png", threshold, refine, part)
    read: dict[str, Any] = json.loads(json.dumps(written, allow_nan=False))
    assert read == written, "JSON types only"
    return read


def steps(found: dict[str, Any]) -> list[str]:
    return [step["step"] for step in found["skipped"]]


def test_what_the_model_says_of_its_answer() -> None:
    found = entry(FOUND)
    assert (found["presence"], found["verdict"], found["gate"], found["refined"], found["skipped"]) == (
        0.75,
        "target",
        0.25,
        False,
        [],
    )
    assert found["confidence"] == pytest.approx(1 - FOUND.uncertainty, abs=1e-6)
    assert found["confidence"] + found["uncertainty"] == pytest.approx(1)
    assert found["threshold"] == 0.5 and found["area_fraction"] == pytest.approx(0.5, abs=0.02)


def test_no_target_empties_the_mask_and_a_threshold_overrules_it() -> None:
    found = entry(ABSENT)
    assert (found["verdict"], found["area_fraction"], found["skipped"]) == ("no-target", 0, [])
    overruled = entry(ABSENT, threshold=0.5)
    assert overruled["verdict"] == "no-target" and overruled["area_fraction"] > 0.4 and steps(overruled) == ["verdict"]


def test_without_a_presence_head_or_regions_nothing_is_claimed() -> None:
    found = entry(replace(FOUND, presence=None, gate=None))
    assert (found["presence"], found["verdict"], found["gate"]) == (None, None, None)
    assert found["confidence"] == pytest.approx(1 - replace(FOUND, presence=None).uncertainty, abs=1e-6)


def test_refinement_is_reported_where_it_was_done_and_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[float] = []

    def refine(image: object, probability: np.ndarray[Any, Any], threshold: float) -> np.ndarray[Any, Any]:
        called.append(threshold)
        return probability >= threshold

    monkeypatch.setattr("refseg.inference.segmentation.refine_mask", refine)
    refined = entry(replace(FOUND), refine="crf")
    assert refined["refined"] is True and refined["skipped"] == [] and called == [0.5]
    skipped = entry(replace(ABSENT), refine="crf")
    assert skipped["refined"] is False and steps(skipped) == ["refinement"] and called == [0.5]
    overruled = entry(replace(ABSENT), threshold=0.3, refine="crf")
    assert overruled["refined"] is True and steps(overruled) == ["verdict"] and called == [0.5, 0.3]


def test_words_beyond_the_limit_and_parts_that_were_left_out() -> None:
    found = entry(replace(FOUND, dropped=("on", "grass")), part=True)
    assert found["truncated"] is True and steps(found) == ["words", "parts"]
    assert found["skipped"][0]["reason"] == "the model reads at most 2 words; not read: on grass"


def test_stray_bytes_do_not_spoil_the_file() -> None:
    stray = b"\xff.png".decode("utf-8", "surrogateescape")
    record = result_record(
        stray, "model", [segmentation_entry(replace(FOUND, dropped=(stray,)), FOUND.mask(), "mask.png")]
    )
    json.dumps(record, ensure_ascii=False).encode("utf-8")
    assert record["image"] == "?.png"


def test_the_gate_of_a_network_with_regions(tiny_predictor: Predictor, sample_image: np.ndarray[Any, Any]) -> None:
    (one,) = tiny_predictor.segment(tiny_predictor.encode(sample_image), ["red circle"])
    assert one.gate is not None and 0 <= one.gate <= 1
    assert entry(one)["gate"] == pytest.approx(one.gate, abs=1e-6)
