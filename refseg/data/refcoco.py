"""Reader of the RefCOCO layout as plain JSON.

    ROOT/instances.json     COCO: images, annotations, categories
    ROOT/expressions.json   a list of RefCOCO refs:
                            {"ref_id", "ann_id", "image_id", "split", "sentences": [{"sent": ...}, ...]}
    ROOT/images/            the images

A ref with "no_target": true has no "ann_id": its expressions name nothing in the image, as in gRefCOCO. An image's
split is its own `split`, else that of the refs about it. Files are not trusted: malformed content raises a
`DataError` that names the file and the entry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from refseg.data.json_entries import Entry, entries_of, read_json
from refseg.data.masks import MAX_MASK_PIXELS, BoolMask, segmentation_to_mask
from refseg.errors import DataError


@dataclass(frozen=True)
class ImageRecord:
    """One image: `file_name` is relative to ROOT/images, sizes are in pixels; `split` and `source` may be empty."""

    id: int
    file_name: str
    width: int
    height: int
    split: str = ""
    source: str = ""
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instance:
    """One labeled object; `segmentation` is COCO's (polygons or run lengths), `crowd` marks a group labeled as one."""

    id: int
    image_id: int
    category: str
    segmentation: Any = field(repr=False, compare=False)
    crowd: bool = False

    def mask(self, height: int, width: int) -> BoolMask:
        """Bool mask (height, width), the size of the image. Raises DataError when the segmentation is malformed."""
        try:
            return segmentation_to_mask(self.segmentation, height, width)
        except DataError as error:
            raise DataError(f"annotation {self.id} (image {self.image_id}): {error}") from error


@dataclass(frozen=True)
class Referent:
    """One object and the expressions for it: cleaned (`expressions`), and as they were typed, if the file has that
    (`typed`).
    """

    ref_id: int
    instance: Instance
    expressions: tuple[str, ...]
    split: str = ""
    typed: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoTargetRef:
    """Expressions that name nothing in an image."""

    image_id: int
    expressions: tuple[str, ...]
    split: str = ""


class RefCocoDataset:
    """Images, instances and referents of one split (or all), as read by `read_refcoco`."""

    def __init__(
        self,
        root: Path,
        images: Iterable[ImageRecord],
        instances: Iterable[Instance],
        referents: Iterable[Referent],
        categories: Iterable[str],
        no_target_refs: Iterable[NoTargetRef] = (),
    ) -> None:
        self.root = root
        self.images: tuple[ImageRecord, ...] = tuple(images)
        self.categories: tuple[str, ...] = tuple(categories)
        self.referents: tuple[Referent, ...] = tuple(referents)
        self.no_target_refs: tuple[NoTargetRef, ...] = tuple(no_target_refs)
        self._no_target_refs: dict[int, list[NoTargetRef]] = defaultdict(list)
        for ref in self.no_target_refs:
            self._no_target_refs[ref.image_id].append(ref)
        self._instances: dict[int, list[Instance]] = defaultdict(list)
        for instance in instances:
            self._instances[instance.image_id].append(instance)
        self._referents: dict[int, list[Referent]] = defaultdict(list)
        for referent in self.referents:
            self._referents[referent.instance.image_id].append(referent)

    def __repr__(self) -> str:
        return f"RefCocoDataset({str(self.root)!r}: {len(self.images)} images, {len(self.referents)} referents)"

    def instances_of(self, image: ImageRecord) -> tuple[Instance, ...]:
        """All labeled objects of an image, in file order."""
        return tuple(self._instances.get(image.id, ()))

    def referents_of(self, image: ImageRecord) -> tuple[Referent, ...]:
        """The referents in an image, in file order."""
        return tuple(self._referents.get(image.id, ()))

    def no_target_refs_of(self, image: ImageRecord) -> tuple[NoTargetRef, ...]:
        """The no-target refs of an image, in file order."""
        return tuple(self._no_target_refs.get(image.id, ()))

    def no_target_expressions_of(self, image: ImageRecord) -> tuple[str, ...]:
        """The no-target expressions of an image, in file order."""
        return tuple(text for ref in self.no_target_refs_of(image) for text in ref.expressions)

    def path_of(self, image: ImageRecord) -> Path:
        """Path of the image's file. Raises DataError when its name leads out of ROOT/images or the file is missing."""
        name = PurePosixPath(image.file_name)
        folder = (self.root / "images").resolve()
        odd = "\\" in image.file_name or name.is_absolute()
        try:
            path = folder if odd else (folder / name).resolve()
            is_file = path.is_file()
        except (OSError, ValueError):  # too long, or with characters that no name has
            odd = True
        if odd or not path.is_relative_to(folder):
            raise DataError(
                f"{self.root / 'instances.json'}: image {image.id} has the file name {image.file_name[:200]!r},"
                " expected one inside images/"
            )
        if not is_file:
            raise DataError(
                f"{self.root / 'instances.json'}: image {image.id} names {image.file_name!r}, which is not in {folder}:"
                " put it there"
            )
        return path

    def subset(self, split: str) -> RefCocoDataset:
        """The images and referents of one split. Raises DataError, naming the splits of the data set, if it
        is empty.
        """
        images = [image for image in self.images if image.split == split]
        kept = {image.id for image in images}
        referents = [r for r in self.referents if r.split == split and r.instance.image_id in kept]
        if not images:
            splits = ", ".join(sorted({image.split for image in self.images if image.split})) or "none"
            raise DataError(f"{self.root}: got the split {split!r}, expected one of {splits}: choose another split")
        no_target_refs = [a for a in self.no_target_refs if a.split == split and a.image_id in kept]
        return RefCocoDataset(
            self.root,
            images,
            (i for k in kept for i in self._instances.get(k, ())),
            referents,
            self.categories,
            no_target_refs,
        )


def read_refcoco(root: str | Path, split: str | None = None) -> RefCocoDataset:
    """Read the layout above; `split` keeps one split. Raises DataError for anything missing or malformed."""
    root = Path(root)
    instances_file, expressions_file = root / "instances.json", root / "expressions.json"
    coco = read_json(instances_file)
    refs = read_json(expressions_file)
    if not isinstance(coco, dict):
        raise DataError(
            f"{instances_file}: got a JSON {type(coco).__name__}, expected a COCO object with images, annotations and"
            " categories"
        )
    if not isinstance(refs, list):
        raise DataError(f"{expressions_file}: got a JSON {type(refs).__name__}, expected a list of refs")
    names = _categories(instances_file, coco)
    split_of_refs = {ref["image_id"]: ref["split"] for ref in refs if _has_split(ref)}
    images = _images(instances_file, coco, split_of_refs)
    instances = _instances(instances_file, coco, names, images)
    referents, no_target_refs = _referents(expressions_file, refs, instances, images)
    dataset = RefCocoDataset(root, images.values(), instances.values(), referents, names.values(), no_target_refs)
    return dataset if split is None else dataset.subset(split)


def read_instances(root: str | Path) -> RefCocoDataset:
    """ROOT/instances.json and ROOT/images/ alone: a data set without referents. Raises DataError for anything missing
    or malformed.
    """
    root = Path(root)
    file = root / "instances.json"
    coco = read_json(file)
    if not isinstance(coco, dict):
        raise DataError(
            f"{file}: got a JSON {type(coco).__name__}, expected a COCO object with images, annotations and categories"
        )
    names = _categories(file, coco)
    images = _images(file, coco, {})
    return RefCocoDataset(root, images.values(), _instances(file, coco, names, images).values(), (), names.values())


def _categories(path: Path, coco: Mapping[str, Any]) -> dict[int, str]:
    return {entry.integer("id"): entry.text("name") for entry in entries_of(path, "categories", coco.get("categories"))}


def _has_split(ref: Any) -> bool:
    return isinstance(ref, Mapping) and isinstance(ref.get("image_id"), int) and isinstance(ref.get("split"), str)


def _images(path: Path, coco: Mapping[str, Any], split_of_refs: Mapping[int, str]) -> dict[int, ImageRecord]:
    images: dict[int, ImageRecord] = {}
    for entry in entries_of(path, "images", coco.get("images")):
        key = entry.integer("id")
        if key in images:
            raise entry.fail(f"repeats id {key}, expected each id once")
        captions = entry.get("captions")
        record = ImageRecord(
            id=key,
            file_name=entry.text("file_name"),
            width=entry.integer("width", 1),
            height=entry.integer("height", 1),
            split=entry.text("split", split_of_refs.get(key, "")),
            source=entry.text("source", ""),
            captions=tuple(c for c in captions if isinstance(c, str)) if isinstance(captions, list) else (),
        )
        if record.width * record.height > MAX_MASK_PIXELS:
            raise entry.fail(f"is {record.width} x {record.height}, expected at most {MAX_MASK_PIXELS} pixels")
        images[key] = record
    return images


def _instances(
    path: Path, coco: Mapping[str, Any], names: Mapping[int, str], images: Mapping[int, ImageRecord]
) -> dict[int, Instance]:
    instances: dict[int, Instance] = {}
    for entry in entries_of(path, "annotations", coco.get("annotations")):
        key, image, category = entry.integer("id"), entry.integer("image_id"), entry.integer("category_id")
        if key in instances:
            raise entry.fail(f"repeats id {key}, expected each id once")
        if image not in images:
            raise entry.fail(f"has image_id = {image}, expected the id of one of the images")
        if category not in names:
            raise entry.fail(f"has category_id = {category}, expected the id of one of the categories")
        segmentation = entry.get("segmentation")
        if not isinstance(segmentation, list | Mapping):
            raise entry.fail(
                f"has a segmentation of type {type(segmentation).__name__}, expected polygons or run lengths"
            )
        instances[key] = Instance(key, image, names[category], segmentation, bool(entry.get("iscrowd")))
    return instances


def _referents(
    path: Path, refs: list[Any], instances: Mapping[int, Instance], images: Mapping[int, ImageRecord]
) -> tuple[list[Referent], list[NoTargetRef]]:
    referents, no_target_refs = [], []
    for entry in entries_of(path, "refs", refs):
        if entry.get("no_target") is True:
            image_id = entry.integer("image_id")
            if image_id not in images:
                raise entry.fail(f"has image_id = {image_id}, expected the id of one of the images")
            no_target_refs.append(
                NoTargetRef(image_id, _expressions(entry)[0], entry.text("split", images[image_id].split))
            )
            continue
        instance = instances.get(entry.integer("ann_id"))
        if instance is None:
            raise entry.fail(
                f"has ann_id = {entry.get('ann_id')}, expected the id of one of the annotations in instances.json"
            )
        if entry.get("image_id") is not None and entry.integer("image_id") != instance.image_id:
            raise entry.fail(
                f"has image_id = {entry.get('image_id')}, expected {instance.image_id}, the image of annotation"
                f" {instance.id}"
            )
        split = entry.text("split", images[instance.image_id].split)
        texts, typed = _expressions(entry)
        referents.append(Referent(entry.integer("ref_id"), instance, texts, split, typed))
    return referents, no_target_refs


def _expressions(entry: Entry) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The expressions as cleaned by the data set, and as they were typed (the cleaned ones if the file lacks them)."""
    sentences = entry.get("sentences")
    if not isinstance(sentences, list) or not sentences:
        raise entry.fail("has no list of sentences, expected at least one")
    texts, typed = [], []
    for sentence in sentences:
        text = sentence.get("sent") if isinstance(sentence, Mapping) else None
        if not isinstance(text, str) or not text.strip():
            raise entry.fail(f"has the sentence {sentence!r}, expected an object with a text `sent`")
        raw = sentence.get("raw")
        texts.append(text)
        typed.append(raw if isinstance(raw, str) and raw.strip() else text)
    return tuple(texts), tuple(typed)
