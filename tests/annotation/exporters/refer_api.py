"""How the REFER and the G_REFER API read a data set, restated from their documented behavior; nothing else of them is
needed here.

Both want PARENT/DATASET/{refs,grefs}(SPLITBY).* and PARENT/DATASET/instances.json, find an annotation by the id in a
ref, and take the first element of `segmentation` to be a list: a polygon of pixel positions. Run lengths fail with
KeyError: 0.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco


class Refer:
    """The REFER API of RefCOCO, for its data sets "refcoco", "refcoco+" and "refcocog"."""

    def __init__(self, parent: Path, dataset: str, split_by: str) -> None:
        folder = parent / dataset
        self.refs = self.load_refs(folder, split_by)
        values = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
        self.images = {image["id"]: image for image in values["images"]}
        self.annotations = {annotation["id"]: annotation for annotation in values["annotations"]}
        self.categories = {category["id"]: category["name"] for category in values["categories"]}
        self.sentences = {
            sentence["sent_id"]: (ref, sentence["tokens"]) for ref in self.refs for sentence in ref["sentences"]
        }
        self.index()

    def load_refs(self, folder: Path, split_by: str) -> list[dict[str, Any]]:
        refs: list[dict[str, Any]] = pickle.loads((folder / f"refs({split_by}).p").read_bytes())  # noqa: S301  written by the test
        return refs

    def index(self) -> None:
        for ref in self.refs:
            assert self.categories[ref["category_id"]] and self.images[ref["image_id"]]
            assert self.annotations[ref["ann_id"]]["image_id"] == ref["image_id"]

    def mask(self, annotation: dict[str, Any]) -> np.ndarray:
        """(H, W), how many polygons cover a pixel."""
        image, segmentation = self.images[annotation["image_id"]], annotation["segmentation"]
        run_lengths = (
            coco.frPyObjects(segmentation, image["height"], image["width"])
            if type(segmentation[0]) is list
            else segmentation
        )
        return np.sum(coco.decode(run_lengths), axis=2).astype(np.uint8)

    def mask_of(self, ref: dict[str, Any]) -> np.ndarray:
        """getMask."""
        return self.mask(self.annotations[ref["ann_id"]])


class GRefer(Refer):
    """The G_REFER API of gRefCOCO, for its data set "grefcoco"."""

    def load_refs(self, folder: Path, split_by: str) -> list[dict[str, Any]]:
        refs: list[dict[str, Any]] = json.loads((folder / f"grefs({split_by}).json").read_text(encoding="utf-8"))
        return refs

    def index(self) -> None:
        assert len({ref["ref_id"] for ref in self.refs}) == len(self.refs)
        for ref in self.refs:
            assert isinstance(ref["ann_id"], list) and isinstance(ref["category_id"], list) and ref["split"]
            assert all(number == -1 or number in self.annotations for number in ref["ann_id"])

    def mask_of(self, ref: dict[str, Any]) -> np.ndarray:
        """getMaskByRef with merge=True."""
        image = self.images[ref["image_id"]]
        if ref["ann_id"] == [-1]:
            return np.zeros((image["height"], image["width"]), np.uint8)
        annotations = [self.annotations[number] for number in ref["ann_id"]]
        assert not any(annotation["iscrowd"] for annotation in annotations)  # raises there
        merged: np.ndarray = np.minimum(sum(self.mask(annotation) for annotation in annotations), 1)
        return merged
