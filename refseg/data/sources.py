"""The folders that a training run draws from, and the readers of their layouts, registered by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from refseg.data.label_maps import ForegroundScenes, LabelMapScenes
from refseg.data.scene_cache import SceneCache
from refseg.data.scenes import RefCocoScenes, Scene, SceneSource
from refseg.data.sequences import LabeledClip, read_sequences
from refseg.errors import DataError


@dataclass(frozen=True)
class SourceSpec:
    """folder: below the data root.  share: how often its images are drawn, relative to the other sources.
    layout: name of the reader, see `READERS`.  options: of that reader, JSON types.
    """

    folder: str
    share: float
    layout: str = "refcoco"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipSpec:
    """folder: below the data root, in the layout of `read_sequences`.  without: names of sequences that are
    held back.
    """

    folder: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingSource:
    """Scenes with their share, the (category, expression) pairs that people wrote for them and the names of the images
    (none of either for label maps).
    """

    scenes: Sequence[Scene]
    share: float
    expressions: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


class ReadSource(NamedTuple):
    """What a reader returns: scenes, and as in `TrainingSource` the expressions and the names of the images."""

    scenes: SceneSource
    expressions: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


class Reader(Protocol):
    """Reads the training split of a folder; options: those of the `SourceSpec`. Raises DataError."""

    def __call__(self, folder: Path, **options: Any) -> ReadSource: ...


def read_refcoco_source(folder: Path, **options: Any) -> ReadSource:
    """instances.json, expressions.json and images/; options: see `RefCocoScenes`."""
    scenes = RefCocoScenes(folder, "train", **options)
    return ReadSource(scenes, tuple(scenes.expressions()), scenes.names)


def read_label_maps(folder: Path, **options: Any) -> ReadSource:
    """images/ and masks/ of class indices; options: see `LabelMapScenes`."""
    return ReadSource(LabelMapScenes(folder, **options))


def read_foreground(folder: Path, **options: Any) -> ReadSource:
    """images/ and masks/ of one category; options: see `ForegroundScenes`."""
    return ReadSource(ForegroundScenes(folder, **options))


READERS: dict[str, Reader] = {
    "refcoco": read_refcoco_source,
    "label-maps": read_label_maps,
    "foreground": read_foreground,
}


def register_reader(name: str, reader: Reader) -> None:
    """Register the reader of a layout by name, for `SourceSpec.layout`. Raises ValueError if the name is taken by
    another reader.
    """
    if READERS.get(name, reader) is not reader:
        raise ValueError(f"the layout {name!r} has a reader already, expected a new name")
    READERS[name] = reader


def open_source(root: Path, spec: SourceSpec) -> TrainingSource:
    """Open a source of the data folder `root`; images are kept compressed in memory once read. Raises DataError."""
    if spec.layout not in READERS:
        raise DataError(
            f"the source {spec.folder!r} has the layout {spec.layout!r}, expected one of {', '.join(READERS)}"
        )
    try:
        scenes, expressions, names = READERS[spec.layout](root / spec.folder, **spec.options)
    except TypeError as error:
        raise DataError(
            f"the source {spec.folder!r} has options that the reader {spec.layout!r} does not accept ({error}): fix the"
            " recipe"
        ) from error
    return TrainingSource(SceneCache(scenes), spec.share, expressions, names)


def open_clips(root: Path, spec: ClipSpec | None) -> list[LabeledClip]:
    """The sequences to train on; none for None. Raises DataError."""
    if spec is None:
        return []
    return [clip for clip in read_sequences(root / spec.folder) if clip.name not in spec.without]
