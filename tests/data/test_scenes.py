import json

import cv2
import numpy as np
import pytest
from PIL import Image

from refseg.data.label_maps import ForegroundScenes, LabelMapScenes
from refseg.data.scene_cache import PackedMask, SceneCache
from refseg.data.scenes import RefCocoScenes, SceneSource
from refseg.errors import DataError
from tests.data.scenery import scene_of


def square(x, y, side=10):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def write_refcoco(root, images, annotations, refs, categories=("dog", "cat", "left mirror")):
    (root / "images").mkdir(parents=True)
    for image in images:
        Image.fromarray(np.full((40, 60, 3), 120, np.uint8)).save(root / "images" / image["file_name"])
    names = [{"id": k, "name": name} for k, name in enumerate(categories)]
    images = [{"width": 60, "height": 40, "split": "train", **image} for image in images]
    (root / "instances.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": names})
    )
    (root / "expressions.json").write_text(json.dumps(refs))
    return root


@pytest.fixture
def folder(tmp_path):
    images = [
        {"id": 1, "file_name": "a.png", "captions": ["A dog and a cat."]},
        {"id": 2, "file_name": "b.png", "source": "coco128_panoptic"},
        {"id": 3, "file_name": "c.png", "source": "facades"},
        {"id": 4, "file_name": "d.png", "source": "carparts"},
    ]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 0, "segmentation": square(2, 2)},
        {"id": 2, "image_id": 1, "category_id": 0, "segmentation": square(30, 2)},
        {"id": 3, "image_id": 1, "category_id": 0, "segmentation": [[2, 2, 12, 2, 12, 11, 2, 11]]},
        {"id": 4, "image_id": 1, "category_id": 0, "segmentation": square(90, 90)},
        {"id": 5, "image_id": 2, "category_id": 0, "segmentation": square(2, 2)},
        {"id": 6, "image_id": 3, "category_id": 1, "segmentation": square(2, 2)},
        {"id": 7, "image_id": 4, "category_id": 2, "segmentation": square(2, 2)},
    ]
    refs = [
        {"ref_id": 1, "ann_id": 3, "sentences": [{"sent": "left dog"}]},
        {"ref_id": 2, "ann_id": 2, "sentences": [{"sent": "right dog"}]},
    ]
    return write_refcoco(tmp_path / "data", images, annotations, refs)


def test_things_labelled_twice_are_one(folder):
    scene = RefCocoScenes(folder)[0]
    assert [o.category for o in scene.objects] == ["dog", "dog"]
    assert [(r.index, r.expressions) for r in scene.referents] == [(0, ("left dog",)), (1, ("right dog",))]
    assert scene.objects[0].mask.shape == (40, 60) and scene.union([0, 1]).sum() == 200
    assert scene.name == "data/a.png"


def test_what_is_known_of_each_source(folder):
    known = {"complete_sources": ["coco128_panoptic"], "partly_labeled": ["facades"]}
    plain, panoptic, facade, car = RefCocoScenes(folder, **known)
    assert not any(scene.complete for scene in RefCocoScenes(folder))
    assert not plain.complete and plain.exhaustive == {"dog"} and plain.flippable
    assert panoptic.complete and panoptic.listed == {"dog"}
    assert facade.exhaustive == frozenset() and not facade.complete
    assert not car.flippable


def test_complete_folders_list_all_but_what_captions_name(folder):
    scene = RefCocoScenes(folder, complete=True)[0]
    assert scene.complete and scene.listed == {"left mirror"}, "the cat may be there, unlabelled"


def test_crowds_are_not_counted(tmp_path):
    images = [
        {"id": 1, "file_name": "a.png"},
        {"id": 2, "file_name": "b.png", "captions": ["A crowd of cats"]},
        {"id": 3, "file_name": "c.png"},
    ]
    few = [{"image_id": 2, "category_id": 1, "segmentation": square(x, 2, 4)} for x in (2, 12, 22)]
    many = [{"image_id": 3, "category_id": 0, "segmentation": square(x, 2, 3)} for x in range(0, 50, 5)]
    crowd = [{"image_id": 1, "category_id": 0, "segmentation": square(2, 2), "iscrowd": 1}]
    annotations = [{"id": k, **a} for k, a in enumerate([*few, *many, *crowd])]
    scenes = RefCocoScenes(write_refcoco(tmp_path / "d", images, annotations, [], ("dog", "cat")))
    assert [scene.exhaustive for scene in scenes] == [frozenset()] * 3


def test_referred_only_and_expressions(folder):
    scenes = RefCocoScenes(folder, referred_only=True)
    assert len(scenes) == 1 and scenes.expressions() == [("dog", "left dog"), ("dog", "right dog")]
    assert len(scenes[0:1]) == 1 and scenes[-1].name == scenes[0].name
    with pytest.raises(IndexError):
        scenes[1]


def test_pictures_of_another_size_are_refused(folder):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "images" / "a.png")
    with pytest.raises(DataError, match="9 x 9, expected 60 x 40"):
        RefCocoScenes(folder)[0]


def label_folder(root, labels, name="f"):
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*labels.shape, 3), 99, np.uint8)).save(root / "images" / f"{name}.jpg")
    cv2.imwrite(str(root / "masks" / f"{name}.png"), labels)
    return root


STREET_CLASSES = ("sky", "road", "car", "")
STREET = {"classes": STREET_CLASSES, "whole": {"car": "cars"}, "counted": ("car",)}


def test_street_has_wholes_and_regions(tmp_path):
    labels = np.full((100, 200), STREET_CLASSES.index(""), np.uint8)
    labels[:40] = STREET_CLASSES.index("sky")
    labels[60:80, 20:60] = labels[60:80, 120:160] = STREET_CLASSES.index("car")
    labels[50, 100] = STREET_CLASSES.index("car")
    scene = LabelMapScenes(label_folder(tmp_path, labels), **STREET)[0]
    assert [o.category for o in scene.objects] == ["sky", "cars", "car", "car"]
    assert scene.objects[1].mask.sum() == 1601 and scene.objects[2].mask.sum() == 800
    assert scene.exhaustive == {"sky", "cars", "car"} and not scene.complete


def test_street_regions_too_small_are_not_counted(tmp_path):
    labels = np.full((100, 200), STREET_CLASSES.index(""), np.uint8)
    labels[60:80, 20:60] = labels[50:55, 100:104] = STREET_CLASSES.index("car")
    assert LabelMapScenes(label_folder(tmp_path, labels), **STREET)[0].exhaustive == {"cars"}


def test_people(tmp_path):
    labels = np.zeros((30, 40), np.uint8)
    labels[5:20, 5:15] = 255
    label_folder(tmp_path, labels)
    label_folder(tmp_path, np.zeros((30, 40), np.uint8), "g")
    label_folder(tmp_path, labels // 255, "h")
    scenes = ForegroundScenes(tmp_path, "people")
    assert [[o.category for o in scene.objects] for scene in scenes] == [["people"], [], ["people"]]
    assert scenes[0].objects[0].mask.sum() == scenes[2].objects[0].mask.sum() == 150


def test_label_maps_must_fit(tmp_path):
    with pytest.raises(DataError, match="no image with a mask"):
        LabelMapScenes(tmp_path, STREET_CLASSES)
    label_folder(tmp_path, np.zeros((30, 40), np.uint8))
    cv2.imwrite(str(tmp_path / "masks" / "f.png"), np.zeros((30, 41), np.uint8))
    with pytest.raises(DataError, match=r"f\.png.*expected"):
        ForegroundScenes(tmp_path, "people")[0]
    (tmp_path / "masks" / "f.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"f\.png"):
        ForegroundScenes(tmp_path, "people")[0]


class Counting(SceneSource):
    def __init__(self, scenes):
        self.scenes, self.read = scenes, 0

    def __len__(self):
        return len(self.scenes)

    def scene(self, index):
        self.read += 1
        return self.scenes[index]


def test_store_reads_once_and_keeps_everything():
    source = Counting([scene_of([("dog", 0.3, 0.5, 20, "red")], name="one", complete=True, listed=frozenset({"dog"}))])
    store = SceneCache(source)
    first, again, original = store[0], store[0], source.scenes[0]
    assert source.read == 1 and 0 < store.used_bytes < 40_000
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(again.objects[0].mask, original.objects[0].mask)
    assert (again.name, again.complete, again.listed, again.exhaustive) == ("one", True, {"dog"}, {"dog"})
    assert np.abs(again.image.astype(int) - original.image).mean() < 3


def test_store_shrinks_and_respects_its_budget():
    source = Counting([scene_of([("dog", 0.3, 0.5, 20, "red")])])
    store = SceneCache(source, limit=150, budget=0)
    assert store[0].image.shape == (100, 150, 3) and store[0].objects[0].mask.sum() == pytest.approx(
        np.pi * 100, rel=0.1
    )
    assert source.read == 2 + 0 and store.used_bytes == 0


def test_packed_mask_round_trip_of_the_empty_one():
    mask = np.zeros((5, 7), bool)
    assert np.array_equal(PackedMask.of(mask).unpack(), mask)
