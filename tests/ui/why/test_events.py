"""What the script of "Why this mask" is told, against the network's own numbers."""

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
    return np.asarray(cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",", 1)[1]), np.uint8), cv2.IMREAD_UNCHANGED))


def asked(why: WhyEvents, session: ImageSession, action: str, **details: Any) -> dict[str, Any]:
    answer = why.why({"action": action, "token": session.token, **details})
    assert "error" not in answer, answer
    return answer


def test_the_point_tells_what_the_network_attends_to(why: WhyEvents, session: ImageSession, tiny_predictor: Predictor) -> None:
    told = asked(why, session, "point", x=0.3, y=0.7)
    wanted = attention_at(tiny_predictor, session.encoded, EXPRESSION, 24.0, 33.6)
    np.testing.assert_allclose(told["words"], wanted.words, atol=1e-5)
    assert len(told["maps"]) == 3
    for level, one in enumerate(told["maps"]):
        assert one["high"] == pytest.approx(float(wanted.place_map(level).max()), rel=1e-3)
    assert "error" not in why.why({"action": "point", "token": session.token, "x": 1.0, "y": 1.0})


def test_maps_have_the_numbers_of_the_answer(why: WhyEvents, session: ImageSession) -> None:
    found = session.segmentation
    assert asked(why, session, "map", kind="probability")["high"] == pytest.approx(found.peak, rel=1e-3)
    word = asked(why, session, "map", kind="word", level=1, word=2)
    assert word["high"] == pytest.approx(float(found.word_map(1, 2).max()), rel=1e-3) and word["uri"].startswith("data:image/jpeg")
    for kind, gates in (("memory", found.memory_gates), ("reset", found.reset_gates)):
        told = asked(why, session, "map", kind=kind, level=2)
        inside = found.letterbox.inverse(gates[2])
        assert told["low"] == pytest.approx(float(inside.min()), rel=1e-3) and told["high"] == pytest.approx(float(inside.max()), rel=1e-3)


def test_words_left_out_are_ranked_and_their_pixels_shown(why: WhyEvents, session: ImageSession, tiny_predictor: Predictor) -> None:
    rows = asked(why, session, "ablations")["rows"]
    wanted = explain(tiny_predictor, session.encoded, EXPRESSION)
    assert [row["word"] for row in rows] == [word.word for word in wanted.ranked()]
    assert [row["iou"] for row in rows] == sorted(row["iou"] for row in rows)
    left = wanted.left_out[1]
    codes = pixels(asked(why, session, "ablation", word=1)["classes"])
    np.testing.assert_array_equal(codes == COMPARISON_LABELS[1], left.lost)
    np.testing.assert_array_equal(codes == COMPARISON_LABELS[2], left.gained)


def test_comparing_one_and_several(why: WhyEvents, session: ImageSession, tiny_predictor: Predictor) -> None:
    told = asked(why, session, "compare", expressions=["the green ball", " "])
    (other,) = tiny_predictor.segment(session.encoded, ["the green ball"])
    pair = compare(session.segmentation, other, session.segmentation.threshold)
    assert told["iou"] == pytest.approx(pair.iou, abs=1e-4) and "agreement" not in told
    np.testing.assert_array_equal(pixels(told["classes"]) == COMPARISON_LABELS[2], pair.second_only)
    several = asked(why, session, "compare", expressions=[EXPRESSION, "the green ball"])["agreement"]
    assert several["texts"] == [EXPRESSION, EXPRESSION, "the green ball"]
    assert several["iou"][0][1] == 1.0 and several["mean"] == pytest.approx((1 + 2 * pair.iou) / 3, abs=2e-3)


def test_a_chosen_piece_is_what_is_shown_and_saved(why: WhyEvents, session: ImageSession, tiny_predictor: Predictor) -> None:
    threshold = float(np.quantile(session.segmentation.probability, 0.9))
    parts = find_candidates(session.segmentation, threshold)
    told = asked(why, session, "candidates", threshold=threshold)["candidates"]
    assert [one["number"] for one in told] == [part.number for part in parts] and parts
    page = ImageEvents(ModelRunner(tiny_predictor), why)
    result, chosen = page.choose_candidate({"number": 1}, threshold, False, session)
    np.testing.assert_array_equal(chosen.mask(threshold, False), parts[0].mask)
    np.testing.assert_array_equal(pixels(result["probability"]) > 0, parts[0].mask & (session.segmentation.probability > 1 / 510))
    assert asked(why, chosen, "ablations")["rows"]
    _, all_ = page.choose_candidate({"number": 0}, threshold, False, chosen)
    np.testing.assert_array_equal(all_.mask(threshold, False), session.segmentation.mask(threshold))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "report"])
def test_figures_and_the_report_can_be_fetched(kind: str, why: WhyEvents, session: ImageSession, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    fresh = ImageSession("photo.png", "<b>photo</b>.png", session.image, session.encoded).with_segmentation(session.segmentation)
    why.value(fresh)
    told = asked(why, fresh, "report") if kind == "report" else asked(why, fresh, "figure", kind=kind)
    data = Path(told["path"]).read_bytes()
    assert Path(told["path"]).is_relative_to(tmp_path)
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
def test_what_cannot_be_answered_is_said(request_: Any, why: WhyEvents, session: ImageSession) -> None:
    told = why.why({"token": session.token, **request_} if isinstance(request_, dict) and "token" not in request_ else request_)
    assert set(told) == {"error"} and "The program failed" not in told["error"]


def test_sessions_are_forgotten_with_their_visitors(why: WhyEvents, session: ImageSession) -> None:
    token = session.token
    other = ImageSession("a", "a", session.image, session.encoded).with_segmentation(session.segmentation)
    why.value(other)
    gone = other.token
    del other
    assert "no longer in memory" in why.why({"action": "candidates", "token": gone})["error"]
    assert "candidates" in why.why({"action": "candidates", "token": token})


def test_where_no_features_are_kept_it_is_said(why: WhyEvents, session: ImageSession) -> None:
    lent = ImageSession("a", "a", session.image, None).with_segmentation(session.segmentation)
    why.value(lent)
    assert "cannot cache them" in why.why({"action": "ablations", "token": lent.token})["error"]
    assert "uri" in why.why({"action": "map", "kind": "response", "token": lent.token})


def test_classes_are_three_and_nothing() -> None:
    masks = [np.zeros((4, 6), bool) for _ in range(3)]
    for number, mask in enumerate(masks):
        mask[number] = True
    assert [set(row) for row in pixels(comparison_uri(*masks))] == [{85}, {170}, {255}, {0}]
