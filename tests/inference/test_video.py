"""Clips: what streams out equals the definition over whole windows; nothing waits or is kept longer than it must."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from refseg.errors import ExpressionError, VideoError
from refseg.inference.predictor import Predictor
from refseg.inference.segmentation import Segmentation
from refseg.inference.timeline import Timeline
from refseg.inference.video import FrameResult, VideoPredictor, window_around
from refseg.language import Vocabulary
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.models.cmsa.outputs import VisualMaps
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.regions.linking import link_choices
from refseg.video.reader import Frame
from refseg.video.sampling import Sampling
from tests.video.clips import make_clip

TAU, EXPRESSION = 2, "the red circle on the left"


def moving(count: int) -> list[NDArray[np.uint8]]:
    """60 x 90: a red disc that goes to the right before a ramp, and a blue square that stays."""
    y, x = np.mgrid[:60, :90]
    frames = []
    for number in range(count):
        image = np.repeat((80 + x)[:, :, None], 3, axis=2).astype(np.uint8)
        image[(y - 30) ** 2 + (x - 15 - 4 * number) ** 2 < 12**2] = (220, 30, 30)
        image[18:42, 66:85] = (30, 40, 220)
        frames.append(image)
    return frames


@dataclass
class Stream:
    """Frames at hand, counted as they are taken; the clip breaks off before frame `damaged`."""

    images: list[NDArray[np.uint8]]
    damaged: int | None = None
    taken: int = 0
    closed: bool = False

    def frames(self) -> Iterator[Frame]:
        try:
            for number, image in enumerate(self.images):
                if number == self.damaged:
                    raise VideoError("the clip can be read up to here only")
                self.taken += 1
                yield Frame(number, 10 * number, number / 5, image)
        finally:
            self.closed = True


def predictor_of(vocabulary: Vocabulary, precision: str = "float32", **settings: int) -> Predictor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = CompactSystem(replace(CompactConfig.tiny(), tau=TAU, **settings), len(vocabulary))  # type: ignore[arg-type]
        with torch.no_grad():
            for layer in getattr(network.dense, "cross_frame", ()):
                layer.output.weight.normal_(std=3)
                layer.scale.fill_(2)
    return Predictor(network, vocabulary, device="cpu", precision=precision, name="tiny")


@pytest.fixture(scope="module")
def across(tiny_vocabulary: Vocabulary) -> Predictor:
    return predictor_of(tiny_vocabulary, cross_frame=8, cross_frame_stride=2)


@pytest.fixture(scope="module")
def still(tiny_vocabulary: Vocabulary) -> Predictor:
    config = replace(CmsaConfig(), backbone="plain", image_size=64, embedding=8, width=16, channels=16)
    return Predictor(
        CmsaNetwork(config, len(tiny_vocabulary)), tiny_vocabulary, device="cpu", precision="float32", name="still"
    )


def by_definition(predictor: Predictor, images: list[NDArray[np.uint8]], target: int) -> Segmentation:
    """All frames of the window seen together, Eq. 9-11 as they stand, and the choices linked."""
    first, last = window_around(target, TAU, len(images))
    window = images[first : last + 1]
    squares = [predictor.letterbox(image) for image in window]
    expression = predictor.tokenizer.encode(EXPRESSION)
    tokens, valid = (torch.from_numpy(part) for part in predictor.tokenizer.batch([expression]))
    with predictor.running() as system:
        assert isinstance(system, CompactSystem)
        dense = system.dense
        features = dense.backbone(torch.cat([pixels for _, pixels, _ in squares]))
        maps = dense.visual_maps(features)
        responses = [layer(level, maps.grid) for layer, level in zip(dense.cross_frame, maps.levels, strict=True)]
        weights = torch.stack([one.weights for one in responses]).mean(0)
        together = system.encode(
            torch.cat([pixels for _, pixels, _ in squares]), torch.cat([windows for _, _, windows in squares])
        )
        regions = together.regions
        choices = [
            system.choose(regions.described, tokens, valid, torch.tensor([index])) for index in range(len(window))
        ]
        linked = link_choices(
            list(regions.regions.boxes), [choice.logits for choice in choices], target - first, weights
        )
        row = slice(target - first, target - first + 1)
        added = dense.add_temporal(maps, responses)
        one = added._replace(
            levels=tuple(level[row] for level in added.levels), details=tuple(detail[row] for detail in added.details)
        )
        alone = system.encode(*squares[target - first][1:])
        chosen = choices[target - first]._replace(logits=linked)
        encoded = alone._replace(dense=dense.encode_positions(one), chosen=chosen)
    image = predictor.encoded(images[target], squares[target - first][0], encoded)
    (answer,) = predictor.answer(image, [expression])
    return answer


def test_streaming_equals_the_definition_on_every_frame(across: Predictor) -> None:
    images = moving(8)
    results = list(VideoPredictor(across).run(Stream(images), EXPRESSION))
    assert [result.frame.number for result in results] == list(range(8))
    for target, result in enumerate(results):
        assert result.window == window_around(target, TAU, 8)
        assert result.weights.shape == (3, result.window[1] - result.window[0] + 1)
        np.testing.assert_allclose(result.weights.sum(1), 1, rtol=1e-5)
        expected = by_definition(across, images, target)
        np.testing.assert_allclose(result.segmentation.logits, expected.logits, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(result.segmentation.word_attention, expected.word_attention, rtol=1e-3, atol=1e-4)


def test_the_frames_around_matter(across: Predictor) -> None:
    images = moving(5)
    (alone,) = across.segment(across.encode(images[2]), [EXPRESSION])
    together = list(VideoPredictor(across).run(Stream(images), EXPRESSION))[2].segmentation
    assert np.abs(alone.logits - together.logits).max() > 1e-3


def test_a_network_of_still_pictures_answers_frame_by_frame(still: Predictor) -> None:
    images = moving(4)
    stream = Stream(images)
    for number, result in enumerate(VideoPredictor(still).run(stream, EXPRESSION)):
        assert stream.taken == number + 1  # at once
        (expected,) = still.segment(still.encode(images[number]), [EXPRESSION])
        np.testing.assert_allclose(result.segmentation.logits, expected.logits, rtol=1e-5, atol=1e-5)
        assert result.window == (number, number) and result.frame.index == 10 * number


def test_an_overflow_in_half_precision_does_not_enter_the_window(
    across: Predictor, tiny_vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is made to overflow wherever autocast is on, as float16 does above 65504: the frames are seen again
    in float32.
    """
    half = predictor_of(tiny_vocabulary, "bfloat16", cross_frame=8, cross_frame_stride=2)
    dense = half._system.dense
    original = dense.visual_maps

    def overflowing(*args: Tensor) -> VisualMaps:
        maps = original(*args)
        if not torch.is_autocast_enabled("cpu"):
            return maps
        return maps._replace(levels=tuple(level * float("inf") for level in maps.levels))

    monkeypatch.setattr(dense, "visual_maps", overflowing)
    images = moving(4)
    for result, expected in zip(
        *(VideoPredictor(one).run(Stream(images), EXPRESSION) for one in (half, across)), strict=True
    ):
        np.testing.assert_allclose(result.weights, expected.weights, atol=1e-5)
        np.testing.assert_allclose(result.segmentation.probability, expected.segmentation.probability, atol=0.05)


def test_answers_come_tau_frames_behind_the_reading(across: Predictor) -> None:
    stream = Stream(moving(7))
    taken = [stream.taken for _ in VideoPredictor(across).run(stream, EXPRESSION)]
    assert taken == [3, 4, 5, 6, 7, 7, 7]
    assert stream.closed


@pytest.mark.parametrize("count", [1, 2])
def test_short_clips(count: int, across: Predictor) -> None:
    results = list(VideoPredictor(across).run(Stream(moving(count)), EXPRESSION))
    assert [result.window for result in results] == [(0, count - 1)] * count


def test_closing_stops_the_reading(across: Predictor) -> None:
    stream = Stream(moving(30))
    results = VideoPredictor(across).run(stream, EXPRESSION)
    next(results)
    assert isinstance(results, Iterator)
    results.close()  # type: ignore[attr-defined]
    assert stream.closed and stream.taken == 3
    across.segment(across.encode(moving(1)[0]), [EXPRESSION])  # the predictor is free


def test_what_lies_before_the_damage_is_answered(across: Predictor) -> None:
    results: list[FrameResult] = []
    with pytest.raises(VideoError, match="up to here only"):
        results.extend(VideoPredictor(across).run(Stream(moving(9), damaged=4), EXPRESSION))
    assert [result.frame.number for result in results] == [0, 1, 2, 3]


def test_files_and_expressions_are_checked_before_the_work(across: Predictor, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", moving(6))
    predictor = VideoPredictor(across)
    with pytest.raises(ExpressionError):
        predictor.segment(path, "!?")
    with pytest.raises(VideoError):
        predictor.segment(tmp_path / "none.mp4", EXPRESSION)
    results = list(predictor.segment(path, EXPRESSION, Sampling(stride=2)))
    assert [result.frame.index for result in results] == [0, 2, 4]
    assert results[0].segmentation.probability.shape == (60, 90)


def test_a_timeline_tells_steadiness_and_doubt(across: Predictor) -> None:
    timeline = Timeline()
    masks = [np.zeros((60, 90), dtype=bool) for _ in range(4)]
    masks[0][10:30, 10:30] = masks[1][10:30, 10:30] = masks[2][10:30, 15:35] = masks[3][40:, 60:] = True
    for result, mask in zip(VideoPredictor(across).run(Stream(moving(4)), EXPRESSION), masks, strict=True):
        timeline.add(result, mask)
    assert [entry.iou_with_previous for entry in timeline.entries] == [None, 1.0, pytest.approx(15 / 25), 0.0]
    assert timeline.entries[0].area == pytest.approx(400 / 5400)
    sure = Timeline([replace(entry, peak=0.9, presence=0.9, no_target=False) for entry in timeline.entries])
    assert [entry.is_uncertain for entry in sure.entries] == [False, False, False, True]
