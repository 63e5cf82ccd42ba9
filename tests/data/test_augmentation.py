import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.data.augmentation import AugmentationConfig, Window, draw_window, jitter_colors, reword
from tests.data.scenery import scene_of

ALWAYS = AugmentationConfig(mirror=1.0, crop=1.0)


def test_window_mirrors_picture_and_mask_alike():
    scene = scene_of([("dog", 0.2, 0.5, 20, "red")])
    window = Window(10, 20, 200, 180, mirrored=True)
    image, mask = window.apply(scene.image), window.apply_mask(scene.objects[0].mask)
    assert image.shape == (160, 190, 3) and mask.shape == (160, 190) and mask.dtype == bool
    assert (image[mask] == (200, 20, 25)).all() and not (image[~mask] == (200, 20, 25)).all(axis=-1).any()
    assert mask[:, 95:].sum() == scene.objects[0].mask.sum(), "left has become right"
    assert reword(["left dog"], window) == ["right dog"] and reword(["left dog"], Window(0, 0, 9, 9)) == ["left dog"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.05, 0.95),
    st.floats(0.05, 0.95),
    st.integers(3, 60),
    st.sampled_from(["dog", "left dog"]),
)
def test_crops_keep_the_target(seed, x, y, radius, text):
    scene = scene_of([("dog", x, y, radius, "red")])
    mask = scene.objects[0].mask
    window = draw_window(mask.shape, [mask], [text], np.random.default_rng(seed), ALWAYS)
    assert 0 <= window.left < window.right <= 300 and 0 <= window.top < window.bottom <= 200 and window.mirrored
    assert window.apply_mask(mask).sum() >= ALWAYS.least_visible * mask.sum()
    area = (window.right - window.left) * (window.bottom - window.top) / mask.size
    assert area >= (ALWAYS.mild_side**2 if text != "dog" else ALWAYS.least_area) - 0.01


def test_crops_do_vary():
    rng = np.random.default_rng(0)
    windows = {draw_window((200, 300), [np.zeros((200, 300), bool)], ["dog"], rng, ALWAYS) for _ in range(30)}
    assert len(windows) > 25


def test_what_forbids_a_mirror():
    mask = np.ones((20, 30), bool)
    for texts, flippable, mirrored in (
        (["dog"], True, True),
        (["dog"], False, False),
        (["dog", 'the "A" sign'], True, False),
    ):
        assert draw_window((20, 30), [mask], texts, np.random.default_rng(0), ALWAYS, flippable).mirrored is mirrored
    never = AugmentationConfig(mirror=0, crop=0)
    assert draw_window((20, 30), [mask], ["dog"], np.random.default_rng(0), never) == Window(0, 0, 30, 20)


def hue_of(image, mask):
    mean = image[mask].mean(axis=0)
    return (mean - mean.min()) / np.ptp(mean)


def test_colours_that_are_named_keep_their_hue():
    scene = scene_of([("dog", 0.5, 0.5, 60, "blue")])
    mask = scene.objects[0].mask
    plain = hue_of(scene.image, mask)
    config = AugmentationConfig(hue=60, gray=0.5)
    named = [
        hue_of(jitter_colors(scene.image, ["dog", "blue dog"], np.random.default_rng(k), config), mask)
        for k in range(20)
    ]
    assert max(np.abs(hue - plain).max() for hue in named) < 0.2
    free = [jitter_colors(scene.image, ["dog"], np.random.default_rng(k), config) for k in range(20)]
    assert any((image[..., 0] == image[..., 2]).all() for image in free), "grey now and then"
    shifted = [hue_of(image, mask) for image in free if not (image[..., 0] == image[..., 2]).all()]
    assert max(np.abs(hue - plain).max() for hue in shifted) > 0.3


def test_jitter_leaves_the_given_picture_alone():
    image = np.full((8, 8, 3), 100, np.uint8)
    changed = jitter_colors(image, [], np.random.default_rng(0), AugmentationConfig())
    assert (
        (image == 100).all() and changed.shape == image.shape and changed.dtype == np.uint8 and (changed != 100).any()
    )
