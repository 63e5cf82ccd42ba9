import cv2
import numpy as np
import pytest

from refseg.data.collage import CollageScenes, load_cutout, paste, trim
from refseg.errors import DataError


def cutout(colour=(200, 20, 25), side=40, margin=8):
    image = np.zeros((side, side, 4), np.uint8)
    image[margin:-margin, margin:-margin] = (*colour, 255)
    return image


@pytest.fixture
def folders(tmp_path):
    for name, colour in (("apple", (200, 20, 25)), ("cup", (30, 80, 200))):
        (tmp_path / "cut" / name).mkdir(parents=True)
        cv2.imwrite(
            str(tmp_path / "cut" / name / "one.webp"), cv2.cvtColor(cutout(colour), cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_WEBP_QUALITY, 101]
        )
    (tmp_path / "back").mkdir()
    cv2.imwrite(str(tmp_path / "back" / "field.jpg"), np.full((90, 120, 3), (60, 140, 60), np.uint8))
    return tmp_path / "cut", tmp_path / "back"


def test_trim_and_paste():
    assert trim(cutout()).shape == (24, 24, 4)
    canvas = np.zeros((50, 60, 3), np.uint8)
    mask = paste(canvas, trim(cutout()), 10, 5)
    assert mask.sum() == 24 * 24 and mask[5, 10] and not mask[4, 10]
    assert (canvas[mask] == (200, 20, 25)).all() and (canvas[~mask] == 0).all()


def test_paste_blends_and_is_cut_at_the_border():
    canvas = np.zeros((50, 60, 3), np.uint8)
    half = trim(cutout((200, 100, 50)))
    half[..., 3] = 127
    assert not paste(canvas, half, -12, 40).any()
    assert (canvas[40:, :12] == (100, 50, 25)).all() and (canvas[:40] == 0).all()
    assert not paste(canvas, half, 100, 0).any()


def test_scenes_have_exact_masks(folders):
    scenes = CollageScenes(*folders, count=20, seed=3, size=240)
    colours = {"apple": (200, 20, 25), "cup": (30, 80, 200)}
    counts = set()
    for scene in scenes:
        assert scene.image.shape == (180, 240, 3) and not scene.complete
        counts.add(len(scene.objects))
        total = np.zeros((180, 240), int)
        for item in scene.objects:
            total += item.mask
            near = np.abs(scene.image[item.mask].astype(int) - colours[item.category]).max(axis=1) < 40
            assert near.mean() > 0.85
        assert total.max(initial=0) <= 1, "what lies in front hides what is behind"
        assert scene.exhaustive <= {o.category for o in scene.objects}
    assert len(counts) > 3


def test_scenes_are_a_function_of_seed_and_index(folders):
    first, second = (CollageScenes(*folders, count=3, seed=1)[2] for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert not np.array_equal(first.image, CollageScenes(*folders, count=3, seed=2)[2].image)


def test_unusable_folders(folders, tmp_path):
    with pytest.raises(DataError, match="expected CATEGORY"):
        CollageScenes(tmp_path / "back", tmp_path / "back")
    for content in (b"", b"no picture", cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()):
        (tmp_path / "bad.webp").write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.webp"):
            load_cutout(tmp_path / "bad.webp")
