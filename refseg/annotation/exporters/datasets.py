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

from refseg.annotation.exporters.images import Pictures, category_of
from refseg.annotation.exporters.session import ExportSession, said
from refseg.annotation.layouts import DATASETS_COLUMNS, DATASETS_ROWS, DEFAULT_SPLIT
from refseg.annotation.records import PictureRecord
from refseg.data.masks import box_of, encode_rle


def export_datasets(session: ExportSession) -> None:
    """All images. Names of splits keep letters, digits and "_", as the library requires."""
    pictures = Pictures(session)
    rows: dict[str, list[str]] = {}
    for record in session.records():
        split = re.sub(r"\W+", "_", record.split or DEFAULT_SPLIT)
        row = _row(session, record, pictures.put(record, f"data/{split}/"))
        rows.setdefault(split, []).append(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    for split, lines in rows.items():
        session.sink.write(f"data/{split}/{DATASETS_ROWS}", "".join(lines).encode("utf-8"))
    card = _card(session.project.name, {split: len(lines) for split, lines in rows.items()}, session.report.objects)
    session.sink.write("README.md", card.encode("utf-8"))


def _row(session: ExportSession, record: PictureRecord, name: str) -> dict[str, Any]:
    objects: dict[str, list[Any]] = {column: [] for column in DATASETS_COLUMNS}
    for layer, mask in session.objects(record):
        left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
        for column, value in zip(
            DATASETS_COLUMNS,
            (said(layer), category_of(layer), [left, top, right - left, bottom - top], encode_rle(mask)),
            strict=True,
        ):
            objects[column].append(value)
    return {"file_name": name, "width": record.width, "height": record.height, "objects": objects, "absent": session.no_target(record)}


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
