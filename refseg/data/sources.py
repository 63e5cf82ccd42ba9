"""Which folders a training run draws from, and how each is laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from refseg.data.label_maps import PeopleScenes, StreetScenes
from refseg.data.scene_cache import SceneStore
from refseg.data.scenes import RefCocoScenes, Scene
from refseg.data.sequences import LabelledClip, read_sequences


@dataclass(frozen=True)
class SourceSpec:
    """folder: below the data root.  share: how often its pictures are drawn, relative to the other sources.

    layout: "refcoco" (instances.json, expressions.json, images/; its train split is used), "street" or "people"
    (images/ and masks/). complete: every object of the listed categories is labelled in every picture.  referred_only:
    leave out pictures without expressions.
    """

    folder: str
    share: float
    layout: Literal["refcoco", "street", "people"] = "refcoco"
    complete: bool = False
    referred_only: bool = False


@dataclass(frozen=True)
class ClipSpec:
    """folder: below the data root, in the layout of `read_sequences`.  without: names of sequences that are held back."""

    folder: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingSource:
    """Scenes with their share, the (category, sentence) pairs people wrote for them and the names of the pictures (none
    of either for label maps).
    """

    scenes: Sequence[Scene]
    share: float
    expressions: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


def open_source(root: Path, spec: SourceSpec) -> TrainingSource:
    """Open a source of the data folder `root`; pictures are kept packed in memory once read. Raises DataError."""
    folder = root / spec.folder
    if spec.layout == "street":
        return TrainingSource(SceneStore(StreetScenes(folder)), spec.share)
    if spec.layout == "people":
        return TrainingSource(SceneStore(PeopleScenes(folder)), spec.share)
    scenes = RefCocoScenes(folder, "train", complete=spec.complete, referred_only=spec.referred_only)
    return TrainingSource(SceneStore(scenes), spec.share, tuple(scenes.expressions()), scenes.names)


def open_clips(root: Path, spec: ClipSpec | None) -> list[LabelledClip]:
    """The sequences to train on; none for None. Raises DataError."""
    if spec is None:
        return []
    return [clip for clip in read_sequences(root / spec.folder) if clip.name not in spec.without]
