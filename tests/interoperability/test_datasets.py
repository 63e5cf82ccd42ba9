"""The folder that Hugging Face `datasets` loads."""

from pathlib import Path

import numpy as np
import pytest

from refseg.data.masks import decode_rle
from tests.interoperability.conftest import Export, objects

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_load_dataset(export: Export, tmp_path: Path) -> None:
    data = datasets.load_dataset(str(export("datasets")), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": 3, "val": 2}
    assert data["train"].features == data["val"].features
    for rows in data.values():
        for row in rows:
            assert row["image"].size == (120, 80)
            masks = row["objects"]
            masks = masks["segmentation"] if isinstance(masks, dict) else [one["segmentation"] for one in masks]
            for run_lengths, mask in zip(masks, objects(), strict=True):
                np.testing.assert_array_equal(decode_rle(run_lengths), mask)
