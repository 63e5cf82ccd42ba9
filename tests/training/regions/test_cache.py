"""Remembered pictures: batches from them, and mirrored texts."""

import pytest
import torch

from refseg.data.expression_mix import ExpressionChooser
from refseg.errors import DataError
from refseg.language import Tokenizer, Vocabulary
from refseg.models.regions.proposals import COLORS, GEOMETRY, Regions
from refseg.training.regions.cache import CachedImage, CachedView, RegionCache

COUNT, CLASSES = 4, ("dog", "cat")


def view(seed: int) -> Regions:
    generator = torch.Generator().manual_seed(seed)
    parts = (4, len(CLASSES), GEOMETRY, COLORS, 3)
    return Regions(*(torch.rand(COUNT, width, generator=generator).half() for width in parts))


@pytest.fixture
def memory() -> RegionCache:
    """A dog (object 0, found by candidate 1) and a cat (object 1, by candidates 2 and 3); plain and mirrored."""
    overlap = torch.tensor([[0, 0], [0.9, 0.1], [0, 0.8], [0, 0.6]]).half()
    offers = {
        "natural": [(("the dog on the left",), (0,)), (("dog with a 7 on its coat",), (0,))],
        "several": [(("both pets",), (0, 1))],
        "borrowed": [(("a red train",), ())],
    }
    picture = CachedImage(
        (CachedView(view(1), overlap), CachedView(view(2), overlap.flip(0), mirrored=True)), offers, CLASSES
    )
    silent = CachedImage((CachedView(view(3), overlap),), {}, CLASSES)
    return RegionCache([([picture, silent], 1.0), ([], 3.0)])


@pytest.fixture
def tokenizer() -> Tokenizer:
    words = "the dog on left right with a 7 its coat both pets red train".split()
    return Tokenizer(Vocabulary(["<pad>", "<unk>", *words]), 8)


def test_batches_say_what_is_true_of_each_view(memory: RegionCache, tokenizer: Tokenizer) -> None:
    batch = memory.batch(ExpressionChooser(), tokenizer, CLASSES, 30, 4, seed=0, step=0)
    texts = [
        " ".join(tokenizer.vocabulary.word(int(t)) for t in row[ok])
        for row, ok in zip(batch.tokens, batch.valid, strict=True)
    ]
    plain, mirrored = view(1).boxes.float(), view(2).boxes.float()
    assert {"both pets", "a red train", "the dog on the left", "the dog on the right"} <= set(texts)
    assert batch.referents.tolist() == [{"both pets": 2, "a red train": 0}.get(text, 1) for text in texts]
    for text, position, overlap, category in zip(
        texts, batch.image_index.tolist(), batch.overlap, batch.category.tolist(), strict=True
    ):
        boxes = batch.regions.boxes[position]
        is_mirrored = torch.equal(boxes, mirrored)
        assert is_mirrored or torch.equal(boxes, plain)
        assert text != "the dog on the right" or is_mirrored
        assert text != "the dog on the left" or not is_mirrored
        assert text != "dog with a 7 on its coat" or not is_mirrored  # numbers read backwards
        expected = {"both pets": [0, 0.9, 0.8, 0.6], "a red train": [0, 0, 0, 0]}.get(text, [0, 0.9, 0, 0])
        wanted = torch.tensor(expected[::-1] if is_mirrored else expected, dtype=torch.float32)
        torch.testing.assert_close(overlap, wanted, rtol=0, atol=1e-3)
        assert category == (-1 if text == "a red train" else 0)


def test_a_step_is_always_the_same(memory: RegionCache, tokenizer: Tokenizer) -> None:
    first, again, other = (
        memory.batch(ExpressionChooser(), tokenizer, CLASSES, 5, 3, seed=1, step=step) for step in (4, 4, 5)
    )
    assert torch.equal(first.tokens, again.tokens) and torch.equal(first.overlap, again.overlap)
    assert first.tokens.shape != other.tokens.shape or not torch.equal(first.tokens, other.tokens)


def test_nothing_to_say() -> None:
    with pytest.raises(DataError, match="no image with an expression"):
        RegionCache([([], 1.0)])
