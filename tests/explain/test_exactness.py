"""What is shown is what the definition says: every number of an answer against Eq. 1-6 written out, from the picture
and the words on.
"""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.explain import attention_at, explain
from refseg.inference.predictor import EncodedImage, Predictor
from refseg.inference.response import strongest_channels
from refseg.models.compact import CompactSystem
from refseg.models.layers.multimodal import coordinate_features
from tests.models import reference

EXPRESSIONS = [
    "dog",
    "the red circle",
    "florp man on the left",
    "the woman holding the umbrella and the man with the dog on the right",
]
TOLERANCE = 1e-5


class Naive(NamedTuple):
    """Per level: word_attention (L, T), word_maps (L, T, h, w), places (L, P, P), memory and reset gates (L, h, w);
    strongest (h, w).
    """

    word_attention: Tensor
    word_maps: Tensor
    places: Tensor
    memory_gate: Tensor
    reset_gate: Tensor
    strongest: Tensor


@torch.no_grad()
def naive(predictor: Predictor, image: NDArray[np.uint8], expression: str) -> Naive:
    """The reference on the visual features and words of the predictor's own network."""
    letterbox, pixels, _ = predictor.letterbox(image)
    with predictor.running() as system:
        assert isinstance(system, CompactSystem)
        network = system.dense
        seen = network.visual_maps(network.backbone(pixels))
        tokens, valid = (
            torch.from_numpy(array) for array in predictor.tokenizer.batch([predictor.tokenizer.encode(expression)])
        )
        words = network.words(tokens, valid)[0]
        coordinates = coordinate_features(*seen.grid)
        levels = [
            reference.attention(layer, visual[0], words, coordinates)
            for layer, visual in zip(network.attention, seen.levels, strict=True)
        ]
        maps = [level.features.T.unflatten(1, seen.grid) for level in levels]
        sentences = [level.word_attention @ words for level in levels]
        features, memory, reset = reference.fusion(network.fusion, maps, sentences)
        return Naive(
            torch.stack([level.word_attention for level in levels]),
            torch.stack([level.word_maps for level in levels]).unflatten(-1, seen.grid),
            torch.stack([level.places for level in levels]),
            memory,
            reset,
            strongest_channels(features.unsqueeze(0), letterbox)[0],
        )


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_attention_maps_gates_and_response(
    sharp_predictor: Predictor, sample_image: NDArray[np.uint8], expression: str
) -> None:
    answer = explain(sharp_predictor, sharp_predictor.encode(sample_image), expression).segmentation
    expected = naive(sharp_predictor, sample_image, expression)
    shown = {name: getattr(answer, name) for name in ("word_attention", "word_maps", "strongest")} | dict(answer.maps)
    for name, values in shown.items():
        np.testing.assert_allclose(values, getattr(expected, name).numpy(), rtol=0, atol=TOLERANCE, err_msg=name)


def test_the_numbers_differ_enough_to_be_wrong(sharp_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    """Words, levels, places and positions all have numbers of their own, farther apart than the tolerance."""
    expected = naive(sharp_predictor, sample_image, EXPRESSIONS[-1])
    assert expected.word_attention.std(1).min() > 100 * TOLERANCE
    assert expected.word_maps.std(1).amax((1, 2)).min() > 1000 * TOLERANCE
    assert expected.places.std(2).amax(1).min() > 1000 * TOLERANCE
    assert expected.places.std(1).amax(1).min() > 1000 * TOLERANCE
    assert min(expected.memory_gate.std(), expected.reset_gate.std()) > 1000 * TOLERANCE


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_each_position_attends_to(
    sharp_predictor: Predictor, sample_image: NDArray[np.uint8], expression: str
) -> None:
    encoded = sharp_predictor.encode(sample_image)
    expected = naive(sharp_predictor, sample_image, expression)
    h, w = encoded.features.dense.grid
    seen = set()
    for y in (0, 15, 30, 45, 59.9):
        for x in (0, 22.5, 50, 70, 89.9):
            point = attention_at(sharp_predictor, encoded, expression, x, y)
            row, column = point.cell
            position = row * w + column
            places = expected.places[:, position].unflatten(-1, (h, w))
            np.testing.assert_allclose(point.places, places.numpy(), rtol=0, atol=TOLERANCE)
            np.testing.assert_allclose(
                point.words, expected.word_maps[:, :, row, column].numpy(), rtol=0, atol=TOLERANCE
            )
            seen.add(position)
    assert len(seen) > 5


def test_of_each_counterfactual_too(sharp_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    """All come from one batch, padded to its longest expression: none may feel the others."""
    explanation = explain(sharp_predictor, sharp_predictor.encode(sample_image), "the man with the red umbrella")
    for left_out in explanation.left_out:
        words = list(explanation.segmentation.tokens)
        del words[left_out.word]
        expected = naive(sharp_predictor, sample_image, " ".join(words))
        assert left_out.segmentation is not None
        np.testing.assert_allclose(
            left_out.segmentation.word_attention, expected.word_attention.numpy(), rtol=0, atol=TOLERANCE
        )
        np.testing.assert_allclose(left_out.segmentation.strongest, expected.strongest.numpy(), rtol=0, atol=TOLERANCE)


def test_in_half_precision_a_point_agrees_with_the_answer(encoded: EncodedImage, sharp_predictor: Predictor) -> None:
    """The attention itself is computed in float32, whatever the rest: a point's words are the answer's word
    maps there.
    """
    half = Predictor(
        sharp_predictor._system, sharp_predictor.vocabulary, device="cpu", precision="bfloat16", name="sharp"
    )
    picture = half.encode(encoded.image)
    (answer,) = half.segment(picture, ["the red circle"])
    point = attention_at(half, picture, "the red circle", 22, 30)
    row, column = point.cell
    np.testing.assert_allclose(point.words, answer.word_maps[:, :, row, column], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(point.places.sum((1, 2)), 1, atol=TOLERANCE)
