"""Answers to the script of "Why this mask", compared with the model's own values."""

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from refseg.explain import attention_at, compare, explain, find_candidates
from refseg.inference.predictor import Predictor
from refseg.ui.image.events import ImageEvents
from refseg.ui.model_runner import ModelRunner
from refseg.ui.session import ImageSession
from refseg.ui.why.events import WhyEvents
from refseg.ui.why.maps import COMPARISON_LABELS, comparison_uri

EXPRESSION = "the red ball on the left"


@pytest.fixture
def why(tiny_predictor: Predictor) -> WhyEvents:
    return WhyEvents(ModelRunner(tiny_predictor))


@pytest.fixture
def session(why: WhyEvents, tiny_predictor: Predictor) -> ImageSession:
    image = np.random.default_rng(0).integers(0, 255, (48, 80, 3), dtype=np.uint8)
    encoded = tiny_predictor.encode(image)
    (found,) = tiny_predictor.segment(encoded, [EXPRESSION])
    made = ImageSession("photo.png", "photo.png", image, encoded).with_segmentation(found)
    why.value(made)
    return made


def pixels(uri: str) -> np.ndarray:
    return np.asarray(
        cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8), cv2.IMREAD_UNCHANGED)
    )


def request(why: WhyEvents, session: ImageSession, action: str, **details: Any) -> dict[str, Any]:
    answer = why.why({"action": action, "token": session.token, **details})
    assert "error" not in answer, answer
    return answer


def test_a_point_has_the_attention_of_the_model(
    why: WhyEvents, session: ImageSession, tiny_predictor: Predictor
) -> None:
    answer = request(why, session, "point", x=0.3, y=0.7)
    wanted = attention_at(tiny_predictor, session.encoded, EXPRESSION, 24.0, 33.6)
    np.testing.assert_allclose(answer["words"], wanted.words, atol=1e-5)
    assert len(answer["maps"]) == 3
    for level, one in enumerate(answer["maps"]):
        assert one["high"] == pytest.approx(float(wanted.place_map(level).max()), rel=1e-3)
    assert "error" not in why.why({"action": "point", "token": session.token, "x": 1.0, "y": 1.0})


def test_maps_have_the_values_of_the_segmentation(why: WhyEvents, session: ImageSession) -> None:
    found = session.segmentation
    assert request(why, session, "map", kind="probability")["high"] == pytest.approx(found.peak, rel=1e-3)
    word = request(why, session, "map", kind="word", level=1, word=2)
    assert word["high"] == pytest.approx(float(found.word_map(1, 2).max()), rel=1e-3) and word["uri"].startswith(
        "data:image/jpeg"
    )
    assert set(found.maps) == {"memory_gate", "reset_gate"}
    for kind, gates in found.maps.items():
        answer = request(why, session, "map", kind=kind, level=2)
        inside = found.letterbox.inverse(gates[2])
        assert answer["low"] == pytest.approx(float(inside.min()), rel=1e-3) and answer["high"] == pytest.approx(
            float(inside.max()), rel=1e-3
        )


def test_ablations_are_ranked_and_have_their_pixels(
    why: WhyEvents, session: ImageSession, tiny_predictor: Predictor
) -> None:
    rows = request(why, session, "ablations")["rows"]
    wanted = explain(tiny_predictor, session.encoded, EXPRESSION)
    assert [row["word"] for row in rows] == [word.word for word in wanted.ranked()]
    assert [row["iou"] for row in rows] == sorted(row["iou"] for row in rows)
    left = wanted.left_out[1]
    codes = pixels(request(why, session, "ablation", word=1)["classes"])
    np.testing.assert_array_equal(codes == COMPARISON_LABELS[1], left.lost)
    np.testing.assert_array_equal(codes == COMPARISON_LABELS[2], left.gained)


def test_comparing_one_and_several(why: WhyEvents, session: ImageSession, tiny_predictor: Predictor) -> None:
    answer = request(why, session, "compare", expressions=["the green ball", " "])
    (other,) = tiny_predictor.segment(session.encoded, ["the green ball"])
    pair = compare(session.segmentation, other, session.segmentation.threshold)
    assert answer["iou"] == pytest.approx(pair.iou, abs=1e-4) and "agreement" not in answer
    np.testing.assert_array_equal(pixels(answer["classes"]) == COMPARISON_LABELS[2], pair.second_only)
    several = request(why, session, "compare", expressions=[EXPRESSION, "the green ball"])["agreement"]
    assert several["texts"] == [EXPRESSION, EXPRESSION, "the green ball"]
    assert several["iou"][0][1] == 1.0 and several["mean"] == pytest.approx((1 + 2 * pair.iou) / 3, abs=2e-3)


def test_a_chosen_candidate_is_shown_and_saved(
    why: WhyEvents, session: ImageSession, tiny_predictor: Predictor
) -> None:
    threshold = float(np.quantile(session.segmentation.probability, 0.9))
    parts = find_candidates(session.segmentation, threshold)
    answer = request(why, session, "candidates", threshold=threshold)["candidates"]
    assert [one["number"] for one in answer] == [part.number for part in parts] and parts
    page = ImageEvents(ModelRunner(tiny_predictor), why)
    result, chosen = page.choose_candidate({"number": 1}, threshold, False, session)
    np.testing.assert_array_equal(chosen.mask(threshold, False), parts[0].mask)
    np.testing.assert_array_equal(
        pixels(result["probability"]) > 0, parts[0].mask & (session.segmentation.probability > 1 / 510)
    )
    assert request(why, chosen, "ablations")["rows"]
    _, all_ = page.choose_candidate({"number": 0}, threshold, False, chosen)
    np.testing.assert_array_equal(all_.mask(threshold, False), session.segmentation.mask(threshold))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "report"])
def test_figures_and_the_report_can_be_fetched(
    kind: str, why: WhyEvents, session: ImageSession, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    fresh = ImageSession("photo.png", "<b>photo</b>.png", session.image, session.encoded).with_segmentation(
        session.segmentation
    )
    why.value(fresh)
    answer = request(why, fresh, "report") if kind == "report" else request(why, fresh, "figure", kind=kind)
    data = Path(answer["path"]).read_bytes()
    assert Path(answer["path"]).is_relative_to(tmp_path)
    assert data.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "report": b"<!"}[kind])
    assert b"<b>photo" not in data


@pytest.mark.parametrize(
    "request_",
    [
        None,
        {"action": "map"},
        {"action": "map", "token": "x"},
        {"action": "magic"},
        {"action": "map", "kind": "secret"},
        {"action": "map", "kind": "word", "level": 3},
        {"action": "map", "kind": "word", "word": -1},
        {"action": "point", "x": "a", "y": 0},
        {"action": "ablation", "word": 99},
        {"action": "compare", "expressions": []},
        {"action": "compare", "expressions": "x"},
        {"action": "figure", "kind": "../x"},
    ],
)
def test_invalid_requests_are_refused_with_one_sentence(request_: Any, why: WhyEvents, session: ImageSession) -> None:
    answer = why.why(
        {"token": session.token, **request_} if isinstance(request_, dict) and "token" not in request_ else request_
    )
    assert set(answer) == {"error"} and "The program failed" not in answer["error"]


def test_sessions_end_with_their_visitors(why: WhyEvents, session: ImageSession) -> None:
    token = session.token
    other = ImageSession("a", "a", session.image, session.encoded).with_segmentation(session.segmentation)
    why.value(other)
    gone = other.token
    del other
    assert "no longer in memory" in why.why({"action": "candidates", "token": gone})["error"]
    assert "candidates" in why.why({"action": "candidates", "token": token})


def test_without_cached_features_the_error_says_so(why: WhyEvents, session: ImageSession) -> None:
    lent = ImageSession("a", "a", session.image, None).with_segmentation(session.segmentation)
    why.value(lent)
    assert "cannot cache them" in why.why({"action": "ablations", "token": lent.token})["error"]
    assert "uri" in why.why({"action": "map", "kind": "response", "token": lent.token})


def test_a_label_map_has_three_classes() -> None:
    masks = [np.zeros((4, 6), bool) for _ in range(3)]
    for number, mask in enumerate(masks):
        mask[number] = True
    assert [set(row) for row in pixels(comparison_uri(*masks))] == [{85}, {170}, {255}, {0}]
