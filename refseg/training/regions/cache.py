"""Cached regions: the region proposals of every training image, in a few views, with the expressions about it.

With a frozen backbone the proposals of an image do not change, and the choice among them needs no pixels: a step with
40 cached images and 200 expressions takes as long as a step with two images. So the selection can be trained on ten
thousand expressions for dozens of epochs on a CPU.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from refseg.data.expression_mix import ExpressionChooser, Offer
from refseg.data.object_attributes import measure
from refseg.data.sources import TrainingSource
from refseg.data.templates import Template
from refseg.data.wording import mentions_writing, mirror_text
from refseg.errors import DataError
from refseg.language import Tokenizer
from refseg.models.regions.proposals import Regions, pairwise_iou
from refseg.models.system import ChoosesRegions, System
from refseg.training.precision import mixed_precision
from refseg.training.regions.synthetic_layouts import CLUTTER, MATCH, Donor, SyntheticLayouts
from refseg.training.regions.views import render_view, views_of

TEMPLATE_DRAWS = 4  # wordings of each template that are cached
FLOATS = torch.float16


class RegionBatch(NamedTuple):
    """regions of B images; tokens and valid (K, T); image_index (K,); overlap (K, N) of the regions with the referents;
    category (K,): index of theirs among the detector's classes, or -1; referents (K,): their number."""

    regions: Regions
    tokens: Tensor
    valid: Tensor
    image_index: Tensor
    overlap: Tensor
    category: Tensor
    referents: Tensor


@dataclass(frozen=True)
class CachedView:
    """A view of an image: its regions, their overlap (N, objects), which is the IoU with the boxes of the objects, and
    whether the view is mirrored.
    """

    regions: Regions
    overlap: Tensor
    mirrored: bool = False


@dataclass(frozen=True)
class CachedImage:
    """views of one image.  offers: the expressions about it, by kind.  categories of the objects."""

    views: tuple[CachedView, ...]
    offers: dict[str, list[Offer]]
    categories: tuple[str, ...]


class _Sample(NamedTuple):
    """An expression, the overlap (N,) of the regions with its referents, their category (None for no-target), and their
    number.
    """

    text: str
    overlap: Tensor
    category: str | None
    referents: int


class RegionCache:
    """Cached images by source, with the shares of the sources. Raises DataError if no image has an expression."""

    def __init__(self, sources: Sequence[tuple[Sequence[CachedImage], float]]) -> None:
        self.sources = [([image for image in images if image.offers], share) for images, share in sources]
        self.sources = [(images, share) for images, share in self.sources if images]
        if not self.sources:
            raise DataError(
                "got no image with an expression, expected expressions or labeled categories: check the data folders"
            )
        shares = np.array([share for _, share in self.sources], dtype=np.float64)
        self._odds = shares / shares.sum()
        self._count = len(self.sources[0][0][0].views[0].regions.boxes)
        self._layouts: SyntheticLayouts | None = None

    def enable_synthetic(self, image_size: int, listed: Iterable[str]) -> None:
        """Make synthetic layouts available. listed: categories that no-target expressions may name. Without any region
        that clearly matches an object there are no layouts, and batches have cached images only."""
        images = [image for images, _ in self.sources for image in images]
        donors = [donor for image in images for donor in _donors(image)]
        clutter = [left for image in images if len((left := _clutter(image)).boxes) >= 8]
        self._layouts = SyntheticLayouts(donors, clutter, image_size, frozenset(listed)) if donors else None

    def batch(
        self,
        chooser: ExpressionChooser,
        tokenizer: Tokenizer,
        classes: Sequence[str],
        images: int,
        expressions: int,
        *,
        seed: int,
        step: int,
        synthetic: float = 0.0,
    ) -> RegionBatch:
        """`images` images, the share `synthetic` of them synthetic layouts, with `expressions` each, without those that
        do not hold in a mirrored image; a function of (seed, step)."""
        rng = np.random.default_rng([seed, step])
        index_of = {name: index for index, name in enumerate(classes)}
        views, samples, index = [], [], []
        for position in range(images):
            if self._layouts is not None and rng.random() < synthetic:
                regions, own = self._draw_layout(self._layouts, expressions, rng)
            else:
                regions, own = self._draw_cached(chooser, expressions, rng)
            views.append(regions)
            samples += own
            index += [position] * len(own)
        tokens, valid = tokenizer.batch([tokenizer.encode(one.text) for one in samples])
        return RegionBatch(
            Regions(*(torch.stack([part.float() for part in parts]) for parts in zip(*views, strict=True))),
            torch.from_numpy(tokens),
            torch.from_numpy(valid),
            torch.tensor(index),
            torch.stack([one.overlap for one in samples]),
            torch.tensor([index_of.get(one.category or "", -1) for one in samples]),
            torch.tensor([one.referents for one in samples]),
        )

    def _draw_cached(
        self, chooser: ExpressionChooser, expressions: int, rng: np.random.Generator
    ) -> tuple[Regions, list[_Sample]]:
        """A view of a cached image, and expressions about it."""
        images = self.sources[int(rng.choice(len(self.sources), p=self._odds))][0]
        image = images[int(rng.integers(len(images)))]
        view = image.views[int(rng.integers(len(image.views)))]
        chosen = chooser.draw(image.offers, expressions, rng)
        samples = [
            _sample(
                mirror_text(one.text) if view.mirrored else one.text,
                one.objects,
                view.overlap.float(),
                image.categories,
            )
            for one in chosen
            if not (view.mirrored and mentions_writing(one.text))
        ]
        return view.regions, samples

    def _draw_layout(
        self, layouts: SyntheticLayouts, expressions: int, rng: np.random.Generator
    ) -> tuple[Regions, list[_Sample]]:
        """A synthetic layout, and templates about it, each kind equally often."""
        regions, overlap, templates, categories = layouts.draw(self._count, rng)
        by_kind: dict[str, list[Template]] = {}
        for template in templates:
            by_kind.setdefault(template.kind, []).append(template)
        kinds = sorted(by_kind)
        drawn = [by_kind[kinds[int(k)]] for k in (rng.integers(len(kinds), size=expressions) if kinds else ())]
        chosen = [same[int(rng.integers(len(same)))] for same in drawn]
        return regions, [_sample(one.text, one.objects, overlap, categories) for one in chosen]


def _sample(text: str, objects: tuple[int, ...], overlap: Tensor, categories: Sequence[str]) -> _Sample:
    """overlap (N, objects of the image)."""
    return _Sample(
        text,
        overlap[:, list(objects)].amax(1) if objects else overlap.new_zeros(len(overlap)),
        categories[objects[0]] if objects else None,
        len(objects),
    )


def _donors(image: CachedImage) -> Iterator[Donor]:
    """The region that matches an object best, if it clearly does, for every object of every view."""
    for view in image.views:
        for category, column in zip(image.categories, view.overlap.float().unbind(1), strict=True):
            best = int(column.argmax())
            if column[best] >= MATCH:
                row = Regions(*(part[best : best + 1] for part in view.regions))
                width, height = row.geometry[0, 6:8].tolist()  # see `describe_geometry`
                yield Donor(category, (width, height), row)


def _clutter(image: CachedImage) -> Regions:
    """The regions of the first view that match no object."""
    view = image.views[0]
    nothing = view.regions.classes.float().amax(-1) < CLUTTER
    if view.overlap.shape[1]:
        nothing &= view.overlap.float().amax(1) < 0.2
    return Regions(*(part[nothing] for part in view.regions))


def build_cache(
    system: System,
    sources: Sequence[TrainingSource],
    chooser: ExpressionChooser,
    image_size: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> RegionCache:
    """Run the backbone once over every view of the images of the sources that have expressions; label maps have no
    single objects to choose among.

    progress(done, images) is called after each image. The regions are computed in evaluation mode, independent of the
    system's mode. Raises DataError for a system without regions.
    """
    if not isinstance(system, ChoosesRegions):
        raise DataError(
            "the recipe's system has no regions to choose among, expected one with a region branch: choose another"
            " network"
        )
    described = [source for source in sources if source.expressions]
    total, done = sum(len(source.scenes) for source in described), 0
    training, cached = system.training, []
    system.eval()
    for number, source in enumerate(described):
        images = []
        for index in range(len(source.scenes)):
            images.append(
                _cached_image(system, source, index, chooser, image_size, np.random.default_rng([seed, number, index]))
            )
            done += 1
            if progress is not None:
                progress(done, total)
        cached.append((images, source.share))
    system.train(training)
    return RegionCache(cached)


def _cached_image(
    system: System,
    source: TrainingSource,
    index: int,
    chooser: ExpressionChooser,
    image_size: int,
    rng: np.random.Generator,
) -> CachedImage:
    scene = source.scenes[index]
    attributes = measure(scene)
    offers: dict[str, dict[Offer, None]] = {}
    for _ in range(TEMPLATE_DRAWS):
        for kind, some in chooser.offers(scene, attributes, rng).items():
            offers.setdefault(kind, {}).update(dict.fromkeys((tuple(texts), objects) for texts, objects in some))
    shares = np.array([o.box for o in attributes.objects], dtype=np.float32).reshape(-1, 4)
    views = []
    for view in views_of(scene.flippable, rng):
        images, windows, boxes = render_view(scene.image, shares, view, image_size)
        regions = _propose(system, images, windows)
        iou = pairwise_iou(regions.boxes, boxes.unsqueeze(0).to(regions.boxes.device))[0]
        views.append(
            CachedView(Regions(*(part[0].to("cpu", FLOATS) for part in regions)), iou.to("cpu", FLOATS), view.mirrored)
        )
    return CachedImage(
        tuple(views), {kind: list(some) for kind, some in offers.items()}, tuple(o.category for o in attributes.objects)
    )


@torch.no_grad()
def _propose(system: System, images: Tensor, windows: Tensor) -> Regions:
    """The regions of one letterboxed image, see `network_input`."""
    images = images.to(next(system.parameters()).device)
    with mixed_precision(images.device):
        regions: Regions = cast(ChoosesRegions, system).propose(images, windows)[0]
        return regions
