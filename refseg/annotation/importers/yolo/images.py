"""Which images a YOLO data set has, where their labels are, and which split they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import IMAGE_SUFFIXES, Source
from refseg.annotation.importers.split_folders import split_of_folders
from refseg.annotation.importers.texts import head, read_text
from refseg.annotation.importers.yolo.classes import read_yaml, yaml_files
from refseg.annotation.layouts import YOLO_OTHER_KEYS
from refseg.annotation.names import name_key

_OTHER_KEYS = {
    *YOLO_OTHER_KEYS,
    "kpt_shape",
    "flip_idx",
    "kpt_names",
    "colors",
    "classes",
    "backup",
    "channels",
    "rect",
}
_SPLIT_NAMES = {"valid": "val", "validation": "val"}  # keys of Darknet and of older tools
_NO_LABELS = ("classes.txt", "predefined_classes.txt", "labels.txt", "requirements.txt", "notes.txt")


@dataclass(frozen=True)
class LabeledImage:
    """file: of the image.  labels: the text file of its objects, "" for none.  split: "" for none.  All relative to the
    data set."""

    file: str
    labels: str
    split: str


def find_images(source: Source, report: ImportReport) -> list[LabeledImage]:
    """The images of the splits that data.yaml or obj.data names, and all others that have labels; all images if there
    are no splits.

    Counted are images of no split that have no labels, labels without an image, and names of images that are not there.
    """
    splits, lists = _splits(source, report)
    labels = _Labels(source, lists)
    found = []
    for file in source.images():
        own = labels.of(file)
        if own or file in splits or not splits:
            found.append(LabeledImage(file, own, splits.get(file, split_of_folders(file))))
        else:
            report.skip("image", "without labels that is in no split of the data set", file)
    for file in labels.unused():
        if has_label_lines(source, file):
            report.skip("label file", "whose image is not in the data set", file)
    return found


def names_splits(source: Source) -> bool:
    """Whether a YAML file names classes and where the images of a split are."""
    for file in yaml_files(source):
        values = read_yaml(source, file, ImportReport())
        if values is not None and "names" in values and {"train", "val", "test"} & set(values):
            return True
    return False


def label_files(source: Source) -> list[str]:
    """Text files that may hold labels, by their names."""
    return [
        file
        for file in source.matching("*.txt")
        if PurePosixPath(file).name.casefold() not in _NO_LABELS
        and not PurePosixPath(file).name.casefold().startswith("readme")
    ]


def has_label_lines(source: Source, file: str) -> bool:
    """Whether one of the first lines is a class and a box or polygon: a bad line among them does not make it another
    file.
    """
    return any(_is_label_line(line.split()) for line in head(source, file, 4096).splitlines())


def _is_label_line(words: Sequence[str]) -> bool:
    try:
        return len(words) >= 5 and float(words[0]).is_integer() and all(abs(float(word)) < 1e6 for word in words[1:5])
    except (ValueError, OverflowError):
        return False


class _Labels:
    """Finds the label file of each image."""

    def __init__(self, source: Source, lists: Iterable[str]) -> None:
        skipped = set(lists)
        self._files = {file for file in label_files(source) if file not in skipped}
        self._by_key = {name_key(file): file for file in self._files}
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._images_by_stem: dict[str, int] = defaultdict(int)
        for file in self._files:
            self._by_stem[_stem_key(file)].append(file)
        for file in source.images():
            self._images_by_stem[_stem_key(file)] += 1
        self._used: set[str] = set()

    def of(self, image: str) -> str:
        """The file in labels/ for one in images/, otherwise beside it, otherwise the only one of its name; "" for
        none."""
        for candidate in _candidates(image):
            found = self._by_key.get(name_key(candidate))
            if found is not None:
                break
        else:
            named = self._by_stem.get(_stem_key(image), [])
            found = named[0] if len(named) == 1 and self._images_by_stem[_stem_key(image)] == 1 else None
        if found is None:
            return ""
        self._used.add(found)
        return found

    def unused(self) -> list[str]:
        """Label files that no image asked for."""
        return sorted(self._files - self._used)


def _candidates(image: str) -> Iterator[str]:
    path = PurePosixPath(image)
    parts = list(path.parts)
    for position in reversed(range(len(parts) - 1)):
        if parts[position].casefold() in ("images", "imgs", "image", "jpegimages"):
            moved = PurePosixPath(*parts[:position], "labels", *parts[position + 1 :])
            yield moved.with_suffix(".txt").as_posix()
            yield f"{moved.as_posix()}.txt"
    yield path.with_suffix(".txt").as_posix()
    yield f"{image}.txt"
    yield PurePosixPath(path.parent, "labels", path.name).with_suffix(".txt").as_posix()


def _splits(source: Source, report: ImportReport) -> tuple[dict[str, str], set[str]]:
    """The split of each image that a split names, and the files that are lists of images."""
    members: dict[str, list[str]] = defaultdict(list)
    lists: set[str] = set()
    for file in yaml_files(source):
        values = read_yaml(source, file, ImportReport())  # what is wrong with it is counted where its names are read
        if values is not None and ("names" in values or "train" in values):
            _add_splits(source, report, file, values, members, lists)
            break
    for file in source.matching("obj.data"):
        pairs = (line.partition("=") for line in read_text(source, file, report).splitlines())
        _add_splits(source, report, file, {key.strip(): value.strip() for key, _, value in pairs}, members, lists)
    chosen = {image: _SPLIT_NAMES.get(name := _choose(image, names), name) for image, names in members.items()}
    return chosen, lists


def _add_splits(
    source: Source,
    report: ImportReport,
    file: str,
    values: Mapping[str, Any],
    members: dict[str, list[str]],
    lists: set[str],
) -> None:
    """Add the splits that a file names: folders, lists of images, or several of these."""
    base = str(values.get("path") or "")
    folder = PurePosixPath(file).parent.as_posix()
    for key, value in values.items():
        if key in _OTHER_KEYS:
            continue
        for place in value if isinstance(value, list) else [value]:
            if not isinstance(place, str) or not place.strip():
                continue
            for image in _images_at(source, report, place, base, folder, lists):
                if key not in members[image]:
                    members[image].append(key)


def _images_at(source: Source, report: ImportReport, place: str, base: str, folder: str, lists: set[str]) -> list[str]:
    """Images of a folder, or those that a text file lists."""
    if place.casefold().endswith(".txt"):
        listed = source.find(place, folder, f"{folder}/{base}")
        if listed is None:
            return []
        lists.add(listed)
        found = []
        for line in read_text(source, listed, report).splitlines():
            name = line.strip()
            if name:
                image = source.find(name, PurePosixPath(listed).parent.as_posix(), folder, f"{folder}/{base}")
                if image is None or PurePosixPath(image).suffix.casefold() not in IMAGE_SUFFIXES:
                    report.skip("image", "that is not in the data set", f"{listed}: {name[:200]}")
                else:
                    found.append(image)
        return found
    return _images_in(source, place, base, folder)


def _images_in(source: Source, place: str, base: str, folder: str) -> list[str]:
    """Images below a folder. Its name may come from another machine, so that only its last parts exist here."""
    for name in (place, f"{base}/{place}"):
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        start = [part for part in folder.split("/") if part not in ("", ".")]
        for first in range(len(parts)):
            for prefix in ([*start, *parts[first:]], parts[first:]):
                found = source.images("/".join(prefix))
                if found:
                    return found
    return []


def _choose(image: str, names: list[str]) -> str:
    """The split of an image. Without splits, train and val are the same place: the one that a folder is named after,
    otherwise none."""
    if len(names) == 1:
        return names[0]
    folders = PurePosixPath(image).parts[:-1]
    return next((name for name in names if name in folders), "")


def _stem_key(file: str) -> str:
    return name_key(PurePosixPath(file).stem)
