"""A folder that the `datasets` library of Hugging Face loads as it is (ImageFolder), with a card; uploaded to the Hub
it loads in the same way.

    README.md                        the card: a YAML head that names the splits, and how to load them
    data/SPLIT/NAME                  the images
    data/SPLIT/metadata.parquet      one row an image: file_name, width, height, state, source, objects, absent

`objects` has columns, each a list with one value per object: "id", "expressions" (a list of texts), "category",
"category_id", "unnamed", "bbox" (left, top, width, height in pixels) and "segmentation" (COCO run lengths). `absent`
has a list of texts per no-target entry. `source` has the name and id of the image, its split as the project has it,
its clip and frame. Ids are those of the data set that the image was imported from.

Without pyarrow the rows are in metadata.jsonl instead (see `metadata_files`).
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from refseg.annotation.exporters.dataset_card import dataset_card
from refseg.annotation.exporters.images import ImageWriter, category_of
from refseg.annotation.exporters.metadata_files import JsonlMetadata, MetadataFile, ParquetMetadata, pyarrow_or_none
from refseg.annotation.exporters.session import ExportSession, expressions_of
from refseg.annotation.layouts import DATASETS_PARQUET, DATASETS_ROWS, DEFAULT_SPLIT
from refseg.annotation.records import AnnotatedImage
from refseg.data.masks import box_of, encode_rle

SPLIT_LETTERS = 60
FILES_PER_FOLDER = 9_000  # the Hub takes at most 10,000
_LOADED = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff"))
# Suffixes inside a name, as in "a.csv.png", from which the library takes the images for files of another kind.
_MISLEADING = frozenset(
    "3gp arrow avi conll csv eval fa fasta flac gb glb gz h5 hdf5 json jsonl lance m4a md mkv mov mp3 mp4 ndjson nii"
    " obj ogg opus parquet pdb pdf ply stl tar toml tsv txt wav webm xml zip".split()
)


def export_datasets(session: ExportSession) -> None:
    """All images with everything that the project knows of them but what only the editor needs."""
    image_writer, splits, pa = ImageWriter(session), _Splits(), pyarrow_or_none()
    counts: dict[str, int] = {}
    files: dict[str, MetadataFile] = {}
    file_name = DATASETS_ROWS if pa is None else DATASETS_PARQUET
    with tempfile.TemporaryDirectory(prefix="refseg-") as folder:
        with ExitStack() as stack:
            for record in session.records():
                split = splits.name_of(record.split)
                if split not in files:
                    path = Path(folder) / str(len(files))
                    files[split] = JsonlMetadata(path) if pa is None else ParquetMetadata(path, pa)
                    stack.callback(files[split].close)
                part = counts.get(split, 0) // FILES_PER_FOLDER
                inner = f"part_{part}/" if part else ""
                name = image_writer.put(record, f"data/{split}/{inner}", _loadable(record.name))
                files[split].add(_row(session, record, inner + name))
                counts[split] = counts.get(split, 0) + 1
        for number, split in enumerate(files):
            session.output.copy(f"data/{split}/{file_name}", Path(folder) / str(number))
    if pa is None:
        session.report.alter(
            "image", "objects written as JSON texts, because pyarrow is not installed", count=sum(counts.values())
        )
    for original, name in splits.renamed.items():
        session.report.alter(
            "split", "renamed, because the library only takes letters, digits and _", f"{original} -> {name}"
        )
    card = dataset_card(session.project.name, counts, session.report.objects, typed=pa is not None)
    session.output.write("README.md", card.encode("utf-8"))


def _row(session: ExportSession, record: AnnotatedImage, name: str) -> dict[str, Any]:
    columns = ("id", "expressions", "category", "category_id", "unnamed", "bbox", "segmentation")
    objects: dict[str, list[Any]] = {column: [] for column in columns}
    for annotation, mask in session.objects(record):
        left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
        values = {
            "id": str(annotation.id if annotation.original_id is None else annotation.original_id),
            "expressions": expressions_of(annotation),
            "category": category_of(annotation),
            "category_id": None if annotation.category_id is None else str(annotation.category_id),
            "unnamed": not annotation.category,
            "bbox": [left, top, right - left, bottom - top],
            "segmentation": encode_rle(mask),
        }
        for column, value in values.items():
            objects[column].append(value)
    return {
        "file_name": name,
        "width": record.width,
        "height": record.height,
        "state": record.state,
        "source": {
            "name": record.original_name or record.name,
            "id": None if record.original_id is None else str(record.original_id),
            "split": record.split,
            "clip": record.clip,
            "frame": record.frame,
        },
        "objects": objects,
        "absent": session.no_target(record),
    }


class _Splits:
    """Names of splits as the library takes them: letters, digits and "_"; not "all", which means all of them.
    Different splits get different names.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()  # in one case, as some file systems treat "Test" and "test" as the same

    def name_of(self, split: str) -> str:
        """The name of a split of the project, "" for that of images without one."""
        original = split or DEFAULT_SPLIT
        if original not in self._names:
            plain = re.sub(r"\W+", "_", unicodedata.normalize("NFC", original))[:SPLIT_LETTERS].strip("_") or "split"
            free, number = plain, 1
            while free.casefold() in self._taken or free.casefold() == "all":
                number += 1
                free = f"{plain}_{number}"
            self._taken.add(free.casefold())
            self._names[original] = free
        return self._names[original]

    @property
    def renamed(self) -> dict[str, str]:
        """The splits whose name changed, with the new one."""
        return {original: name for original, name in self._names.items() if original != name}


def _loadable(name: str) -> str:
    """A file name that the library takes for that of an image and does not ignore: no "." or "__" at its start, no
    misleading suffix inside.

    Without a suffix, for `ImageWriter.put` to add the right one, if that of the name is not an image's.
    """
    stem, suffix = Path(name).stem, Path(name).suffix
    if suffix.casefold() not in _LOADED:
        return name.replace(".", "_").lstrip("_") or "image"
    first, *inner = (stem.lstrip("._") if stem.startswith((".", "__")) else stem).split(".")
    return (
        (first or "image")
        + "".join(f"_{part}" if part.casefold() in _MISLEADING else f".{part}" for part in inner)
        + suffix
    )
