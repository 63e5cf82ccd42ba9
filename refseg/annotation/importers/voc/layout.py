"""Where a Pascal VOC data set has its images, XML files, masks and lists of splits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.source import IMAGE_SUFFIXES, Source
from refseg.annotation.importers.split_folders import split_of_folders
from refseg.annotation.importers.texts import head, read_text
from refseg.annotation.names import name_key

_KINDS = {
    "jpegimages": "images",
    "annotations": "xml",
    "segmentationobject": "object_masks",
    "segmentationclass": "class_masks",
    "imagesets": "lists",
}
_LIST_FOLDERS = ("segmentation", "main", "layout", "action")


@dataclass
class VocRoot:
    """A folder with the folders of VOC. Each mapping has files by the names of their images, which are paths without
    suffix; lists are files."""

    folder: str
    images: dict[str, str] = field(default_factory=dict)
    xml: dict[str, str] = field(default_factory=dict)
    object_masks: dict[str, str] = field(default_factory=dict)
    class_masks: dict[str, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class VocImage:
    """Files of one image, relative to the data set; "" for those that it lacks. original_name: with the folders below
    JPEGImages."""

    name: str
    file: str
    original_name: str = ""
    xml: str = ""
    object_mask: str = ""
    class_mask: str = ""
    split: str = ""


def find_roots(source: Source) -> list[VocRoot]:
    """The folders that hold JPEGImages, Annotations and so on; without any, the data set itself, with XML files
    wherever they are."""
    roots: dict[str, VocRoot] = {}
    for file in source.files:
        parts = PurePosixPath(file).parts
        place = next((n for n, part in enumerate(parts[:-1]) if part.casefold() in _KINDS), None)
        if place is not None:
            folder = "/".join(parts[:place])
            _put(roots.setdefault(folder, VocRoot(folder)), _KINDS[parts[place].casefold()], file, parts[place + 1 :])
    roots = {folder: root for folder, root in roots.items() if root.xml or root.object_masks or root.class_masks}
    if not roots:
        roots = {
            "": VocRoot(
                "", xml={PurePosixPath(file).with_suffix("").as_posix(): file for file in _annotation_files(source)}
            )
        }
    for root in roots.values():
        if not root.images:
            _find_images_elsewhere(source, root)
    return list(roots.values())


def _put(root: VocRoot, kind: str, file: str, below: tuple[str, ...]) -> None:
    suffix = PurePosixPath(file).suffix.casefold()
    name = PurePosixPath(*below).with_suffix("").as_posix()
    if kind == "lists":
        if suffix == ".txt":
            root.lists.append(file)
    elif kind == "xml":
        if suffix == ".xml":
            root.xml[name] = file
    elif suffix in IMAGE_SUFFIXES:
        getattr(root, kind)[name] = file


def _annotation_files(source: Source) -> Iterator[str]:
    return (file for file in source.matching("*.xml") if "<annotation" in head(source, file, 4096))


def _find_images_elsewhere(source: Source, root: VocRoot) -> None:
    """Images in images/ or beside the XML files, by their paths or, if it is unique, by their base names."""
    masks = {*root.object_masks.values(), *root.class_masks.values()}
    named: dict[str, list[str]] = defaultdict(list)
    for file in source.images(root.folder):
        if file in masks:
            continue
        below = PurePosixPath(file).relative_to(root.folder) if root.folder else PurePosixPath(file)
        parts = [part for n, part in enumerate(below.parts) if n or part.casefold() not in ("images", "imgs", "image")]
        root.images.setdefault(PurePosixPath(*parts).with_suffix("").as_posix(), file)
        named[name_key(below.stem)].append(file)
    known = {name_key(name) for name in root.images}
    names = {file: name for name, file in root.images.items()}
    for name in {*root.xml, *root.object_masks, *root.class_masks}:
        beside = named.get(name_key(PurePosixPath(name).name), [])
        if name_key(name) not in known and len(beside) == 1:
            root.images.pop(names.pop(beside[0], ""), None)
            root.images[name] = beside[0]


def find_images(source: Source, root: VocRoot, report: ImportReport) -> list[VocImage]:
    """All images with an XML or mask or in a list, and the others if there are no lists, in the order of their
    names."""
    names = _Names((root.xml, root.object_masks, root.class_masks, root.images))
    splits = _splits(source, root, names, report)
    found = []
    for name in names.sorted():
        file, xml = names.get(root.images, name), names.get(root.xml, name)
        object_mask, class_mask = names.get(root.object_masks, name), names.get(root.class_masks, name)
        if splits and name not in splits and not (xml or object_mask or class_mask):
            report.skip("image", "without annotations that is in no list of a split", file)
            continue
        suffix = PurePosixPath(file).suffix
        split = splits.get(name, "" if splits else split_of_folders(file))
        found.append(VocImage(name, file, f"{name}{suffix}", xml, object_mask, class_mask, split))
    return found


class _Names:
    """Names of images, the same in any case and Unicode normal form."""

    def __init__(self, groups: Iterable[dict[str, str]]) -> None:
        self._names: dict[str, str] = {}
        self._files: dict[int, dict[str, str]] = {}
        for group in groups:
            self._files[id(group)] = {name_key(name): file for name, file in group.items()}
            for name in group:
                self._names.setdefault(name_key(name), name)

    def sorted(self) -> list[str]:
        return sorted(self._names.values())

    def get(self, group: dict[str, str], name: str) -> str:
        """The file of a group that has a name; "" for none."""
        return self._files[id(group)].get(name_key(name), "")

    def find(self, line: str) -> str | None:
        """The name that a line of a list means: a name, or a path of an image, with a number or a second path after
        it."""
        words = line.replace("\\", "/").strip().strip('"')
        for candidate in (words, *_shorter(words)):
            for name in (
                candidate,
                PurePosixPath(candidate).with_suffix("").as_posix() if candidate.strip("/.") else candidate,
            ):
                parts = name.strip("/").split("/")
                for start in range(len(parts)):
                    if (found := self._names.get(name_key("/".join(parts[start:])))) is not None:
                        return found
        return None


def _shorter(line: str) -> Iterator[str]:
    """A line without the numbers that the lists of classes, parts and actions have, then its first word."""
    stripped = re.sub(r'("?)(\s+-?[0-9]+)+$', "", line).strip().strip('"')
    if stripped != line:
        yield stripped
    if words := line.split():
        yield words[0]


def _splits(source: Source, root: VocRoot, names: _Names, report: ImportReport) -> dict[str, str]:
    """The split of each image that a list names. trainval holds others together, so it counts only for those that are
    in no other."""
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    for file in sorted(root.lists, key=_list_order):
        if _is_list_of_class(file, root.lists):
            continue
        for line in read_text(source, file, report).splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            name = names.find(line)
            if name is None:
                missing.setdefault(line.strip(), file)
            else:
                found.setdefault(name, PurePosixPath(file).stem)
    for line, file in missing.items():
        report.skip("image", "that is not in the data set", f"{file}: {line[:200]}")
    return found


def _list_order(file: str) -> tuple[bool, int, str]:
    path = PurePosixPath(file)
    folder = path.parent.name.casefold()
    return path.stem == "trainval", _LIST_FOLDERS.index(folder) if folder in _LIST_FOLDERS else len(_LIST_FOLDERS), file


def _is_list_of_class(file: str, lists: Iterable[str]) -> bool:
    """Whether a list is that of a class or an action, such as dog_train.txt beside train.txt."""
    path = PurePosixPath(file)
    others = {
        PurePosixPath(other).stem for other in lists if PurePosixPath(other).parent == path.parent and other != file
    }
    others |= {"train", "val", "trainval", "test"}
    return any(path.stem.endswith(f"_{other}") for other in others)
