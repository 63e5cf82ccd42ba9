"""A folder that the `datasets` library of Hugging Face loads as it is (ImageFolder), with a card.

    README.md                        the card: a YAML head that names the splits, and how to load them
    data/SPLIT/NAME                  the pictures
    data/SPLIT/metadata.jsonl        one line a picture: {"file_name": NAME, "width": W, "height": H, "objects": {...}, "absent": [[TEXT, ...], ...]}

Objects are columns, as the library keeps them: "expressions" (a list of texts each), "category", "bbox" (left, top, width, height in pixels) and
"segmentation" (COCO run lengths).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from refseg.annotation.exporters.images import Pictures, finished, said
from refseg.annotation.layouts import DATASETS_COLUMNS, DATASETS_ROWS, DEFAULT_SPLIT, UNNAMED
from refseg.annotation.progress import Progress, silent
from refseg.annotation.records import PictureRecord
from refseg.annotation.sinks import Sink
from refseg.annotation.store import Project
from refseg.data.masks import box_of, encode_rle


def export_datasets(project: Project, sink: Sink, progress: Progress = silent) -> int:
    """All pictures but skipped ones; returns the number of masks. Names of splits keep letters, digits and "_", as the library wants them."""
    pictures = Pictures(project, sink)
    rows: dict[str, list[str]] = {}
    count = 0
    for record in finished(project, progress):
        split = re.sub(r"\W+", "_", record.split or DEFAULT_SPLIT)
        row = _row(record, pictures.put(record, f"data/{split}/"))
        rows.setdefault(split, []).append(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        count += len(row["objects"]["segmentation"])
    for split, lines in rows.items():
        sink.write(f"data/{split}/{DATASETS_ROWS}", "".join(lines).encode("utf-8"))
    sink.write("README.md", _card(project.name, {split: len(lines) for split, lines in rows.items()}, count).encode("utf-8"))
    return count


def _row(record: PictureRecord, name: str) -> dict[str, Any]:
    objects: dict[str, list[Any]] = {column: [] for column in DATASETS_COLUMNS}
    for layer in record.layers:
        mask = None if layer.absent else layer.pixels()
        box = None if mask is None else box_of(mask)
        if mask is None or box is None:
            continue
        left, top, right, bottom = box
        for column, value in zip(
            DATASETS_COLUMNS,
            (said(layer), layer.category or UNNAMED, [left, top, right - left, bottom - top], encode_rle(mask)),
            strict=True,
        ):
            objects[column].append(value)
    absent = [said(layer) for layer in record.layers if layer.absent]
    return {"file_name": name, "width": record.width, "height": record.height, "objects": objects, "absent": absent}


def _card(name: str, pictures: Mapping[str, int], masks: int) -> str:
    name, total = " ".join(name.split()), sum(pictures.values())
    size = next((size for limit, size in ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K")) if total < limit), "100K<n<1M")
    head = {
        "pretty_name": name,
        "task_categories": ["image-segmentation"],
        "tags": ["referring-segmentation"],
        "size_categories": [size],
        "configs": [
            {"config_name": "default", "data_files": [{"split": split, "path": f"data/{split}/**"} for split in pictures]},
        ],
    }
    title = re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", html.escape(name, quote=False))
    table = "\n".join(f"| {split} | {number} |" for split, number in pictures.items())
    return f"""---
{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---

# {title}

Pictures, masks, and expressions that mean them: {masks} masks in {total} pictures.

| split | pictures |
|---|---|
{table}

```python
from datasets import load_dataset

data = load_dataset("path/of/this/folder")
```

A row has an `image` and its `objects`, whose columns are

- `expressions`: texts that mean the object
- `category`: its name
- `bbox`: left, top, width and height in pixels
- `segmentation`: its mask as COCO run lengths; `pycocotools.mask.decode` gives the pixels

and `absent`: texts, one list for each thing, about what is not in the picture.
"""
