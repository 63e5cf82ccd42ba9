import dataclasses

import numpy as np
import pytest

from refseg.data.augmentation import AugmentationConfig
from refseg.data.batches import TrainingSampler
from refseg.data.scenes import SceneReferent
from refseg.errors import DataError
from refseg.language import Tokenizer, Vocabulary
from tests.data.scenery import scene_of

WORDS = "the a dog dogs on left right leftmost rightmost red blue train of two both first second from all".split()
PLAIN = {"natural": 1.0}


@pytest.fixture
def tokenizer():
    return Tokenizer(Vocabulary(["<pad>", "<unk>", *WORDS]))


def scenes():
    pair = scene_of(
        [("dog", 0.2, 0.5, 40, "red"), ("dog", 0.8, 0.5, 40, "blue")],
        referents=(SceneReferent(0, ("left dog", "the red dog")), SceneReferent(1, ("right dog", "blue dog"))),
        complete=True,
        listed=frozenset({"dog", "train"}),
    )
    tall = scene_of([("dog", 0.5, 0.3, 30, "red")], size=(300, 150), referents=(SceneReferent(0, ("a dog",)),))
    return [pair, tall]


def same(a, b):
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name))
        if isinstance(getattr(a, f.name), np.ndarray)
        else getattr(a, f.name) == getattr(b, f.name)
        for f in dataclasses.fields(a)
    )


def test_shapes_and_types(tokenizer):
    batch = next(
        TrainingSampler([(scenes(), 1.0)], tokenizer, image_size=64, images_per_batch=3, expressions_per_image=5)
    )
    assert batch.images.shape == (3, 64, 64, 3) and batch.images.dtype == np.uint8
    assert batch.tokens.shape == batch.valid.shape == (15, max(len(text.split()) for text in batch.texts))
    assert batch.tokens.dtype == np.int64 and batch.valid.dtype == bool
    assert batch.image_index.tolist() == [k for k in range(3) for _ in range(5)]
    assert batch.masks.shape == (15, 16, 16) and batch.masks.dtype == np.uint8
    assert len(batch.kinds) == len(batch.texts) == 15
    assert batch.windows.shape == (3, 4) and batch.boxes.shape[0] == 15 and batch.boxes.shape[2] == 4
    assert batch.inside.shape == (3, 16, 16) and batch.inside.dtype == bool


def test_going_on_from_a_step_is_exact(tokenizer):
    settings = {"image_size": 64, "images_per_batch": 2, "seed": 5}
    whole = TrainingSampler([(scenes(), 1.0)], tokenizer, **settings)
    batches = [next(whole) for _ in range(4)]
    assert whole.state == {"seed": 5, "step": 4}
    resumed = TrainingSampler([(scenes(), 1.0)], tokenizer, **settings, step=2)
    assert same(next(resumed), batches[2]) and same(next(resumed), batches[3])
    assert not same(batches[0], batches[1])
    assert not same(
        batches[0], TrainingSampler([(scenes(), 1.0)], tokenizer, image_size=64, images_per_batch=2, seed=6).batch(0)
    )


def test_targets_are_area_averages_of_the_letterboxed_mask(tokenizer):
    sampler = TrainingSampler(
        [(scenes()[1:], 1.0)], tokenizer, image_size=64, images_per_batch=1, mix=PLAIN, augmentation=None
    )
    batch = next(sampler)
    # 300 x 150 becomes 64 x 32, centred: 16 columns of border on either side, 4 on the grid.
    assert batch.inside[0, :, 4:12].all() and not batch.inside[0, :, :4].any() and not batch.inside[0, :, 12:].any()
    assert (batch.images[0, :, :16] == 114).all() and (batch.images[0, :, 48:] == 114).all()
    share = batch.masks[0].astype(float).sum() / 255 / (16 * 8)
    assert share == pytest.approx(np.pi * 30**2 / (300 * 150), rel=0.05)
    rows, columns = np.nonzero(batch.masks[0] > 127)
    assert rows.mean() + 0.5 == pytest.approx(0.3 * 16, abs=0.3) and columns.mean() + 0.5 == pytest.approx(8, abs=0.3)
    assert ((batch.masks[0] > 0) & (batch.masks[0] < 255)).any(), "soft along the outline"


def test_texts_stay_true_under_augmentation(tokenizer):
    config = AugmentationConfig(mirror=0.5, crop=1.0)
    sampler = TrainingSampler(
        [(scenes()[:1], 1.0)],
        tokenizer,
        image_size=64,
        images_per_batch=8,
        mix=PLAIN | {"side": 1.0},
        augmentation=config,
    )
    mirrored = set()
    for step in range(4):
        batch = sampler.batch(step)
        for k, text in enumerate(batch.texts):
            centre = np.nonzero(batch.masks[k] > 127)[1].mean()
            red = np.mean(batch.images[batch.image_index[k]].repeat(1, 0)[::4, ::4][batch.masks[k] > 200], axis=0)
            if "left" in text or "right" in text:
                assert ("left" in text) == (centre < 8), text
                mirrored.add(("left" in text) == (red[0] > red[2]))
            else:
                assert ("red" in text) == (red[0] > red[2]), text
    assert mirrored == {True, False}


def test_padding_is_untouched_by_jitter(tokenizer):
    sampler = TrainingSampler([(scenes(), 1.0)], tokenizer, image_size=64, images_per_batch=6)
    batch = next(sampler)
    padding = ~batch.inside.repeat(4, 1).repeat(4, 2)
    # Crops put the border anywhere: a cell counts as padding when most of it is.
    assert (batch.images[padding] == 114).all(axis=-1).mean() > 0.85


def test_absent_and_borrowed_mean_nothing(tokenizer):
    borrowed = [
        ("train", "the red train"),
        ("dog", "dog on the left"),
        ("train", "the one on the right"),
        ("sheep", "a sheep"),
    ]
    sampler = TrainingSampler(
        [(scenes()[:1], 1.0)], tokenizer, image_size=64, mix={"no_target": 1.0, "borrowed": 1.0}, borrowed=borrowed
    )
    batch = next(sampler)
    assert set(batch.kinds) == {"no_target", "borrowed"} and not batch.masks.any()
    assert {text for text, kind in zip(batch.texts, batch.kinds, strict=True) if kind == "borrowed"} == {
        "the red train"
    }


def test_what_people_say_is_absent_means_nothing(tokenizer):
    scene = dataclasses.replace(scenes()[1], no_target=("the cat on the left", "a zebra"), complete=False)
    batch = next(
        TrainingSampler(
            [([scene], 1.0)], tokenizer, image_size=64, mix={"natural": 1.0, "no_target": 1.0}, images_per_batch=20
        )
    )
    kinds = np.array(batch.kinds)
    assert (
        set(batch.kinds) == {"natural", "no_target"}
        and not batch.masks[kinds == "no_target"].any()
        and batch.masks[kinds == "natural"].any()
    )
    assert {batch.texts[k] for k in np.flatnonzero(kinds == "no_target")} == {
        "the cat on the left",
        "the cat on the right",
        "a zebra",
    }


def test_mix(tokenizer):
    mix = {"natural": 3.0, "category": 1.0, "order": 0.0}
    sampler = TrainingSampler(
        [(scenes(), 1.0)], tokenizer, image_size=32, images_per_batch=50, mix=mix, augmentation=None
    )
    batch = next(sampler)
    natural = np.mean([kind == "natural" for kind in batch.kinds])
    assert set(batch.kinds) == {"natural", "category"} and 0.65 < natural < 0.85


def test_different_referents_come_first(tokenizer):
    sampler = TrainingSampler(
        [(scenes()[:1], 1.0)], tokenizer, image_size=32, expressions_per_image=2, mix=PLAIN, augmentation=None
    )
    batch = next(sampler)
    assert all((batch.masks[k] != batch.masks[k + 1]).any() for k in range(0, len(batch.masks), 2))


def test_source_weights(tokenizer):
    pair, tall = scenes()
    sampler = TrainingSampler(
        [([pair], 1.0), ([tall], 4.0), ([], 1.0)],
        tokenizer,
        image_size=32,
        images_per_batch=100,
        mix=PLAIN,
        augmentation=None,
    )
    shares = np.mean(
        [not inside.all(axis=0).all() and inside.all(axis=1).sum() == 0 for inside in next(sampler).inside]
    )
    assert 0.7 < shares < 0.9


@pytest.mark.parametrize(
    ("sources", "settings"),
    [
        ([], {}),
        ([([], 1.0)], {}),
        (None, {"mix": {"nonsense": 1.0}}),
        (None, {"mix": {"natural": 0.0}}),
        (None, {"image_size": 62}),
    ],
)
def test_unusable_settings(tokenizer, sources, settings):
    with pytest.raises(DataError, match="expected"):
        TrainingSampler([(scenes(), 1.0)] if sources is None else sources, tokenizer, **settings)


def test_scenes_that_offer_nothing(tokenizer):
    sampler = TrainingSampler([([scene_of([])], 1.0)], tokenizer, image_size=32)
    with pytest.raises(DataError, match="without any expression"):
        next(sampler)
