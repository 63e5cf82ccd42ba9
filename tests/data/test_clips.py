"""Windows of clips: masks lie on what they mean in every frame, whichever way the frames were made."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.data.augmentation import Window
from refseg.data.batches import TrainingBatch
from refseg.data.clips import ClipSampler, moving_windows
from refseg.data.expression_mix import ExpressionChooser
from refseg.data.scenes import Scene, SceneObject, SceneReferent
from refseg.data.sequences import LabeledClip, read_sequences
from refseg.errors import DataError
from refseg.language import PAD_WORD, UNK_WORD, Tokenizer, Vocabulary

SIZE = 64
TOKENISER = Tokenizer(Vocabulary([PAD_WORD, UNK_WORD, "the", "ball", "box", "left", "right", "on", "bright"]), 20)


@pytest.fixture
def clips(tmp_path: Path) -> list[LabeledClip]:
    """A bright ball that goes to the right, seven frames."""
    for kind in ("images", "masks"):
        (tmp_path / kind / "ball").mkdir(parents=True)
    for number in range(7):
        mask = np.zeros((60, 90), np.uint8)
        cv2.circle(mask, (15 + 10 * number, 30), 10, 255, -1)
        cv2.imwrite(str(tmp_path / "masks" / "ball" / f"{number}.png"), mask)
        cv2.imwrite(
            str(tmp_path / "images" / "ball" / f"{number}.png"),
            np.where(mask[..., None] > 0, 235, 40).repeat(3, 2).astype(np.uint8),
        )
    (tmp_path / "expressions.json").write_text(json.dumps({"ball": ["the ball", "bright ball"]}), encoding="utf-8")
    return read_sequences(tmp_path)


def still() -> Scene:
    mask = np.zeros((120, 160), dtype=bool)
    mask[40:80, 60:100] = True
    image = np.where(mask[..., None], 235, 40).repeat(3, 2).astype(np.uint8)
    return Scene(image, (SceneObject("box", mask),), (SceneReferent(0, ("the box",)),))


def sampler(clips: Sequence[LabeledClip], stills: Sequence[Scene], seed: int = 0) -> ClipSampler:
    pictures = [(stills, 1.0)] if stills else []
    chooser = ExpressionChooser({"natural": 1.0})
    return ClipSampler(clips, pictures, TOKENISER, chooser, image_size=SIZE, frames=5, expressions=3, seed=seed)


def assert_masks_fit(batch: TrainingBatch) -> None:
    """The thing is bright and the rest dark, whatever was done to the colours."""
    for mask, frame in zip(batch.masks, batch.image_index, strict=True):
        grey = cv2.resize(
            batch.images[frame].mean(2).astype(np.float32), (SIZE // 4, SIZE // 4), interpolation=cv2.INTER_AREA
        )
        inside, outside = grey[mask == 255], grey[(mask == 0) & batch.inside[frame]]
        assert len(inside) and len(outside) and inside.min() > outside.max() + 20


@pytest.mark.parametrize("made_from", ["clip", "still"])
def test_masks_lie_on_what_they_mean(made_from: str, clips: list[LabeledClip]) -> None:
    drawn = sampler(clips, []) if made_from == "clip" else sampler([], [still()])
    for step in range(12):
        batch = drawn.batch(step)
        count = len(batch.images)
        assert 3 <= count <= 5 and batch.images.shape == (count, SIZE, SIZE, 3) and batch.images.dtype == np.uint8
        assert batch.tokens.shape[0] == batch.valid.shape[0] == len(batch.image_index) == len(batch.masks) == 3
        assert batch.inside.shape == (count, SIZE // 4, SIZE // 4) and batch.windows.shape == (count, 4)
        assert batch.image_index.max() < count
        assert_masks_fit(batch)


def test_frames_differ_and_a_step_can_be_made_again(clips: list[LabeledClip]) -> None:
    drawn = sampler(clips, [still()])
    batches = [drawn.batch(step) for step in range(10)]
    assert any(not np.array_equal(batch.images[0], batch.images[-1]) for batch in batches)
    again = sampler(clips, [still()]).batch(4)
    for name in ("images", "masks", "tokens", "image_index"):
        np.testing.assert_array_equal(getattr(again, name), getattr(batches[4], name))
    said = {text for batch in batches for text in batch.texts}
    assert "the box" in said and said & {"the ball", "bright ball"}  # both sources are drawn from


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(DataError, match="neither clips nor images"):
        sampler([], [])


@given(st.data())
def test_moving_windows_stay_inside_and_keep_their_size(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(2, 80)), data.draw(st.integers(2, 80))

    def window() -> Window:
        left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        return Window(left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))

    first = window()
    path = moving_windows(first, window(), data.draw(st.integers(1, 6)), (height, width))
    assert path[0] == first
    for one in path:
        assert one.right - one.left == first.right - first.left and one.bottom - one.top == first.bottom - first.top
        assert one.left >= 0 and one.right <= width and one.top >= 0 and one.bottom <= height
