"""README.md of an exported dataset: the YAML head that the `datasets` library reads, and a text for people."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

import yaml

_HOW = {
    True: "",
    False: "\nThe columns `source`, `objects` and `absent` are JSON texts: `json.loads` gives their values.\n",
}


def dataset_card(name: str, splits: Mapping[str, int], objects: int, *, typed: bool) -> str:
    """The text of the card.

    name: of the project.  splits: name -> number of images.  objects: how many there are in all.  typed: whether
    nested columns are nested, not JSON texts.
    """
    name, total = " ".join(name.split()), sum(splits.values())
    size = next(
        (size for limit, size in ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K")) if total < limit),
        "100K<n<1M",
    )
    head = {
        "pretty_name": name,
        "task_categories": ["image-segmentation"],
        "tags": ["referring-segmentation"],
        "size_categories": [size],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}/**"} for split in splits],
            },
        ],
    }
    title = re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", html.escape(name, quote=False))
    table = "\n".join(f"| {split} | {number} |" for split, number in splits.items())
    return f"""---
{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---

# {title}

Images with object masks and the expressions that refer to them: {objects} objects in {total} images.

| split | images |
|---|---|
{table}

```python
from datasets import load_dataset

data = load_dataset("path/of/this/folder")
```

A row has an `image` and its `objects`, whose columns are lists with one value per object:

- `expressions`: the expressions that refer to it
- `category`: its name; `object`, with `unnamed` true, if it has none
- `category_id`: the number of the category in the data set that the image came from
- `bbox`: left, top, width and height in pixels
- `segmentation`: its mask as COCO run lengths; `pycocotools.mask.decode` gives the pixels
- `id`: unique within the image

`absent` has the expressions that refer to nothing in the image, as one list per no-target entry. `state` says how far
the annotation is, and `source` which file, split, video and frame the image came from.
{_HOW[typed]}"""
