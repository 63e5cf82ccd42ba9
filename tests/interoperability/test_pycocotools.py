"""COCO by pycocotools, and RefCOCO and gRefCOCO by interfaces that are restated on top of it."""

import numpy as np
import pytest

from tests.annotation.exporters.refer_api import GRefer, Refer
from tests.interoperability.conftest import Export, objects

pytest.importorskip("pycocotools")


@pytest.mark.parametrize("name", ["coco", "coco-polygons"])
def test_coco(name: str, export: Export) -> None:
    from pycocotools.coco import COCO

    for split, count in (("train", 3), ("val", 2)):
        coco = COCO(str(export(name) / "annotations" / f"instances_{split}.json"))
        assert len(coco.getImgIds()) == count
        for image in coco.loadImgs(coco.getImgIds()):
            assert (export(name) / "images" / split / image["file_name"]).is_file()
            for annotation, mask in zip(coco.loadAnns(coco.getAnnIds(imgIds=image["id"])), objects(), strict=True):
                np.testing.assert_array_equal(coco.annToMask(annotation) > 0, mask)


@pytest.mark.parametrize(("name", "api"), [("refcoco", Refer), ("grefcoco", GRefer)])
def test_refer(name: str, api: type[Refer], export: Export) -> None:
    refer = api(export(name).parent, name, "refseg")
    found = {
        (ref["image_id"], sentence["raw"]): refer.mask_of(ref) for ref in refer.refs for sentence in ref["sentences"]
    }
    assert len(found) == (50 if name == "refcoco" else 55)
    for (_, text), mask in found.items():
        expected = np.zeros_like(mask, bool) if text == "the elephant" else objects()[int(text[-1])]
        np.testing.assert_array_equal(mask, expected)
