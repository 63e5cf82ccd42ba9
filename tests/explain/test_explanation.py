"""Words left out: one pass, the right words, and numbers that are what they are called."""

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import refseg
from refseg.errors import ExpressionError, InputError
from refseg.explain import Explanation, WordLeftOut, explain
from refseg.inference.predictor import EncodedImage, Predictor
from refseg.language import Tokenizer, Vocabulary
from refseg.mask_iou import iou
from tests.explain.answers import answer_with

EXPRESSION = "the man's red umbrella on the left"


@pytest.fixture
def threshold(sharp_predictor: Predictor, encoded: EncodedImage) -> float:
    """One at which the masks of an untrained network are neither empty nor full."""
    (answer,) = sharp_predictor.segment(encoded, [EXPRESSION])
    return float(np.median(answer.probability))


def test_it_is_reached_from_the_package() -> None:
    assert refseg.explain.explain is explain


def test_one_pass_and_no_backbone(
    sharp_predictor: Predictor, encoded: EncodedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    network = sharp_predictor._system
    original = network.answer

    def answer(features: Any, tokens: Any, *rest: Any) -> Any:
        passes.append(len(tokens))
        return original(features, tokens, *rest)

    def encode(*_: Any) -> Any:
        raise AssertionError("the backbone ran")

    monkeypatch.setattr(network, "answer", answer)
    monkeypatch.setattr(network.dense.backbone, "forward", encode)
    explain(sharp_predictor, encoded, EXPRESSION)
    assert passes == [9]  # eight words with the 's


def test_each_word_is_left_out_once_and_answered_as_if_typed_so(
    sharp_predictor: Predictor, encoded: EncodedImage, threshold: float
) -> None:
    explanation = explain(sharp_predictor, encoded, EXPRESSION, threshold)
    assert explanation.threshold == threshold
    assert explanation.segmentation.tokens == ("the", "man", "'s", "red", "umbrella", "on", "the", "left")
    assert [(one.word, one.text) for one in explanation.left_out] == list(enumerate(explanation.segmentation.tokens))
    for one in explanation.left_out:
        shortened = [word for place, word in enumerate(explanation.segmentation.tokens) if place != one.word]
        (alone,) = sharp_predictor.segment(encoded, [" ".join(shortened)])
        assert one.segmentation is not None and one.segmentation.tokens == alone.tokens == tuple(shortened)
        np.testing.assert_allclose(one.segmentation.logits, alone.logits, atol=2e-5)
        assert alone.presence is not None and explanation.segmentation.presence is not None
        assert one.presence_change == pytest.approx(alone.presence - explanation.segmentation.presence, abs=1e-5)


def test_the_iou_is_that_of_the_masks(sharp_predictor: Predictor, encoded: EncodedImage, threshold: float) -> None:
    explanation = explain(sharp_predictor, encoded, EXPRESSION, threshold)
    whole = explanation.segmentation
    assert 0 < whole.mask(threshold).sum() < whole.mask(threshold).size
    for one in explanation.left_out:
        assert one.segmentation is not None
        assert one.iou == iou(whole.input_mask(threshold), one.segmentation.input_mask(threshold)) == 1 - one.change
        # 64 rows and columns of the square against 90 of the picture: edges differ by a pixel
        assert one.iou == pytest.approx(iou(whole.mask(threshold), one.segmentation.mask(threshold)), abs=0.05)
    assert len({one.iou for one in explanation.left_out}) > 4


def test_gained_and_lost_lead_from_one_mask_to_the_other(
    sharp_predictor: Predictor, encoded: EncodedImage, threshold: float
) -> None:
    explanation = explain(sharp_predictor, encoded, EXPRESSION, threshold)
    mask = explanation.segmentation.mask(threshold)
    for one in explanation.left_out:
        assert one.segmentation is not None
        assert one.gained.shape == one.lost.shape == encoded.image.shape[:2]
        assert not (one.gained & mask).any() and not (one.lost & ~mask).any()
        np.testing.assert_array_equal((mask | one.gained) & ~one.lost, one.segmentation.mask(threshold))
    assert any(one.gained.any() for one in explanation.left_out) and any(one.lost.any() for one in explanation.left_out)


def test_counterfactuals_keep_no_map_of_the_pictures_size(
    sharp_predictor: Predictor, encoded: EncodedImage, threshold: float
) -> None:
    explanation = explain(sharp_predictor, encoded, EXPRESSION, threshold)
    for one in explanation.left_out:
        assert one.gained.shape == one.lost.shape
    assert all("probability" not in vars(one.segmentation) for one in explanation.left_out)


def test_the_last_word(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    (answer,) = sharp_predictor.segment(encoded, ["dog"])
    for threshold, agreement in ((float(answer.probability.min()) / 2, 0.0), ((1 + answer.peak) / 2, 1.0)):
        (one,) = explain(sharp_predictor, encoded, "dog", threshold).left_out
        assert (one.segmentation, one.presence_change, one.iou) == (None, None, agreement)
        assert not one.gained.any()
        np.testing.assert_array_equal(one.lost, answer.mask(threshold))


def test_unknown_repeated_and_too_many_words(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    explanation = explain(sharp_predictor, encoded, "florp dog florp glorb")
    assert [one.segmentation.unknown for one in explanation.left_out if one.segmentation] == [
        ("florp", "glorb"),
        ("florp", "glorb"),
        ("florp", "glorb"),
        ("florp",),
    ]
    long = explain(sharp_predictor, encoded, " ".join(["dog"] * 19 + ["cat", "man"]))
    assert long.segmentation.dropped == ("man",) and len(long.left_out) == 20
    last = long.left_out[-1].segmentation
    assert last is not None and last.tokens == ("dog",) * 19 and last.dropped == ()


def test_an_unknown_word_is_looked_up_once(
    sharp_predictor: Predictor, encoded: EncodedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(Vocabulary, "nearest", lambda _, word: looked_up.append(word) or [word])
    explanation = explain(sharp_predictor, encoded, "the florp dog on the left")
    assert looked_up == ["florp"]
    assert explanation.segmentation.suggestions == {"florp": ["florp"]}
    assert [bool(one.segmentation.suggestions) for one in explanation.left_out if one.segmentation] == [
        True,
        False,
        True,
        True,
        True,
        True,
    ]


def test_a_verdict_of_absence_leaves_the_masks_alone(
    sharp_predictor: Predictor, encoded: EncodedImage, threshold: float
) -> None:
    before = explain(sharp_predictor, encoded, EXPRESSION, threshold)
    calibrated = Predictor(
        sharp_predictor._system, sharp_predictor.vocabulary, device="cpu", precision="float32", name="sharp"
    )
    calibrated.presence = type(calibrated.presence)(threshold=1.0)
    after = explain(calibrated, calibrated.encode(encoded.image), EXPRESSION, threshold)
    assert after.segmentation.no_target
    assert [one.iou for one in after.left_out] == [one.iou for one in before.left_out]


def test_no_presence_head(tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8]) -> None:
    from refseg.models.compact import CompactConfig, CompactSystem

    config = CompactConfig.from_dict({**CompactConfig.tiny().to_dict(), "presence": False})
    predictor = Predictor(
        CompactSystem(config, len(tiny_vocabulary)), tiny_vocabulary, device="cpu", precision="float32"
    )
    explanation = explain(predictor, predictor.encode(sample_image), "red dog")
    assert [one.presence_change for one in explanation.left_out] == [None, None]
    assert len(explanation.ranked()) == 2


def test_the_models_threshold_is_the_default(sharp_predictor: Predictor, encoded: EncodedImage) -> None:
    assert explain(sharp_predictor, encoded, "dog").threshold == sharp_predictor.threshold


def test_what_is_refused(sharp_predictor: Predictor, tiny_predictor: Predictor, encoded: EncodedImage) -> None:
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="expected a probability from 0 to 1"):
            explain(sharp_predictor, encoded, "dog", threshold)
    with pytest.raises(ExpressionError):
        explain(sharp_predictor, encoded, " ")
    with pytest.raises(InputError, match="encoded by the model sharp, expected tiny"):
        explain(tiny_predictor, encoded, "dog")


def test_an_explanation_can_go_to_another_process(
    sharp_predictor: Predictor, encoded: EncodedImage, threshold: float
) -> None:
    """Where a GPU is lent, it comes back pickled; the picture must not be in it once for each word."""
    explanation = explain(sharp_predictor, encoded, EXPRESSION, threshold)
    data = pickle.dumps(explanation)
    assert data.count(encoded.image.tobytes()) == 1
    there = pickle.loads(data)  # noqa: S301
    np.testing.assert_array_equal(there.left_out[2].lost, explanation.left_out[2].lost)


@settings(deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(-1, 1)), max_size=8))
def test_ranking(changes: list[tuple[float, float | None]]) -> None:
    answer = answer_with(np.full((2, 2), 0.5, np.float32))
    left_out = tuple(
        WordLeftOut(word, str(word), None, agreement, presence, answer, 0.5)
        for word, (agreement, presence) in enumerate(changes)
    )
    ranked = Explanation(answer, left_out, 0.5).ranked()
    assert sorted(one.word for one in ranked) == list(range(len(changes)))
    for one, following in pairwise(ranked):
        assert one.change >= following.change
        if one.change == following.change:
            assert abs(one.presence_change or 0) >= abs(following.presence_change or 0)
            if abs(one.presence_change or 0) == abs(following.presence_change or 0):
                assert one.word < following.word


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=60)
    | st.lists(st.sampled_from(["the", "dog's", "T-Shirt", "left-hand", "Ünïcode", "42", "florp"])).map(" ".join)
)
def test_what_is_left_reads_as_if_typed_so(tiny_vocabulary: Vocabulary, text: str) -> None:
    tokenizer = Tokenizer(tiny_vocabulary, 8)
    try:
        read = tokenizer.encode(text)
    except ExpressionError:
        return
    for place in range(len(read.tokens)):
        rest = read.without(place)
        if rest is None:
            assert len(read.tokens) == 1
        else:
            assert len(rest.tokens) == len(read.tokens) - 1
            again = tokenizer.encode(rest.text)
            assert again == rest


def test_words_that_are_not_there(tiny_vocabulary: Vocabulary) -> None:
    read = Tokenizer(tiny_vocabulary).encode("red dog")
    for place in (-1, 2):
        with pytest.raises(IndexError, match="expected 0 to 1"):
            read.without(place)
