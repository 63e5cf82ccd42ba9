"""What the choice among regions needs of every training picture, kept in memory: its candidates, in a few views, and what can be said of it.

With a frozen backbone the candidates of a picture do not change, and to choose among them no pixel is needed: a step over 40 pictures and 200 expressions
takes as long as one over two pictures from their pixels. That is what lets the language see its ten thousand sentences dozens of times on a CPU.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from refseg.data.expression_mix import ExpressionChooser, Offer
from refseg.data.object_attributes import measure
from refseg.data.sources import TrainingSource
from refseg.data.templates import Template
from refseg.data.wording import mirror_text, reads_writing
from refseg.errors import DataError
from refseg.language import Tokeniser
from refseg.models.cmsa.network import ReferringNetwork
from refseg.models.regions.proposals import Regions, pairwise_iou
from refseg.training.regions.synthetic_layouts import CLEARLY, CLUTTER, Donor, ImaginedPictures
from refseg.training.regions.views import looks_at, seen
from refseg.training.precision import mixed_precision

TEMPLATE_DRAWS = 4  # wordings of each template that are kept
FLOATS = torch.float16


class RegionBatch(NamedTuple):
    """regions of B pictures; tokens and valid (K, T); image_index (K,); overlap (K, N) of the candidates with what is meant; category (K,): its
    index among the detector's classes, or -1; meant (K,): how many objects that is."""

    regions: Regions
    tokens: Tensor
    valid: Tensor
    image_index: Tensor
    overlap: Tensor
    category: Tensor
    meant: Tensor


@dataclass(frozen=True)
class View:
    """A look at a picture: its candidates, their overlap (N, objects), IoU with the boxes of the objects, and whether it was mirrored."""

    regions: Regions
    overlap: Tensor
    mirrored: bool = False


@dataclass(frozen=True)
class RememberedPicture:
    """offers: by kind, what can be said.  categories of the objects."""

    views: tuple[View, ...]
    offers: dict[str, list[Offer]]
    categories: tuple[str, ...]


class _Said(NamedTuple):
    """An expression, the overlap (N,) of the candidates with what it means, the category of that (None for nothing), and how many objects it is."""

    text: str
    overlap: Tensor
    category: str | None
    meant: int


class RegionMemory:
    """Pictures by source, with the sources' shares."""

    def __init__(self, sources: Sequence[tuple[Sequence[RememberedPicture], float]]) -> None:
        self.sources = [([p for p in pictures if p.offers], share) for pictures, share in sources]
        self.sources = [(pictures, share) for pictures, share in self.sources if pictures]
        if not self.sources:
            raise DataError(
                "got no picture with anything to say about it, expected expressions or labelled categories: check the data folders"
            )
        shares = np.array([share for _, share in self.sources], dtype=np.float64)
        self._odds = shares / shares.sum()
        self._count = len(self.sources[0][0][0].views[0].regions.boxes)
        self._imagined: ImaginedPictures | None = None

    def imagine(self, image_size: int, listed: Iterable[str]) -> None:
        """From now on, be able to put pictures together from the candidates remembered; listed: categories that may be said to be absent.
        Where no candidate clearly is an object there is nothing to put together, and it stays with the pictures."""
        pictures = [picture for pictures, _ in self.sources for picture in pictures]
        donors = [donor for picture in pictures for donor in _donors(picture)]
        clutter = [left for picture in pictures if len((left := _clutter(picture)).boxes) >= 8]
        self._imagined = ImaginedPictures(donors, clutter, image_size, frozenset(listed)) if donors else None

    def batch(
        self,
        chooser: ExpressionChooser,
        tokeniser: Tokeniser,
        classes: Sequence[str],
        images: int,
        expressions: int,
        *,
        seed: int,
        step: int,
        imagined: float = 0.0,
    ) -> RegionBatch:
        """`images` pictures, the share `imagined` of them put together, with `expressions` each, less those that cannot be said of a mirrored picture;
        a function of (seed, step)."""
        rng = np.random.default_rng([seed, step])
        index_of = {name: index for index, name in enumerate(classes)}
        views, said, index = [], [], []
        for position in range(images):
            if self._imagined is not None and rng.random() < imagined:
                regions, own = self._imagine_one(self._imagined, expressions, rng)
            else:
                regions, own = self._recall_one(chooser, expressions, rng)
            views.append(regions)
            said += own
            index += [position] * len(own)
        tokens, valid = tokeniser.batch([tokeniser.encode(one.text) for one in said])
        return RegionBatch(
            Regions(*(torch.stack([part.float() for part in parts]) for parts in zip(*views, strict=True))),
            torch.from_numpy(tokens),
            torch.from_numpy(valid),
            torch.tensor(index),
            torch.stack([one.overlap for one in said]),
            torch.tensor([index_of.get(one.category or "", -1) for one in said]),
            torch.tensor([one.meant for one in said]),
        )

    def _recall_one(self, chooser: ExpressionChooser, expressions: int, rng: np.random.Generator) -> tuple[Regions, list[_Said]]:
        """A view of a remembered picture and what is said of it."""
        pictures = self.sources[int(rng.choice(len(self.sources), p=self._odds))][0]
        picture = pictures[int(rng.integers(len(pictures)))]
        view = picture.views[int(rng.integers(len(picture.views)))]
        chosen = chooser.draw(picture.offers, expressions, rng)
        said = [
            _said(mirror_text(one.text) if view.mirrored else one.text, one.objects, view.overlap.float(), picture.categories)
            for one in chosen
            if not (view.mirrored and reads_writing(one.text))
        ]
        return view.regions, said

    def _imagine_one(self, imagined: ImaginedPictures, expressions: int, rng: np.random.Generator) -> tuple[Regions, list[_Said]]:
        """A picture put together, and templates about it, each kind as often."""
        regions, overlap, templates, categories = imagined.draw(self._count, rng)
        by_kind: dict[str, list[Template]] = {}
        for template in templates:
            by_kind.setdefault(template.kind, []).append(template)
        kinds = sorted(by_kind)
        drawn = [by_kind[kinds[int(k)]] for k in (rng.integers(len(kinds), size=expressions) if kinds else ())]
        chosen = [same[int(rng.integers(len(same)))] for same in drawn]
        return regions, [_said(one.text, one.objects, overlap, categories) for one in chosen]


def _said(text: str, objects: tuple[int, ...], overlap: Tensor, categories: Sequence[str]) -> _Said:
    """overlap (N, objects of the picture)."""
    return _Said(
        text,
        overlap[:, list(objects)].amax(1) if objects else overlap.new_zeros(len(overlap)),
        categories[objects[0]] if objects else None,
        len(objects),
    )


def _donors(picture: RememberedPicture) -> Iterator[Donor]:
    """Of every view and object the candidate that is it, where one clearly is."""
    for view in picture.views:
        for category, column in zip(picture.categories, view.overlap.float().unbind(1), strict=True):
            best = int(column.argmax())
            if column[best] >= CLEARLY:
                row = Regions(*(part[best : best + 1] for part in view.regions))
                width, height = row.geometry[0, 6:8].tolist()  # see `describe_geometry`
                yield Donor(category, (width, height), row)


def _clutter(picture: RememberedPicture) -> Regions:
    """The candidates of the first view that are no object."""
    view = picture.views[0]
    nothing = view.regions.classes.float().amax(-1) < CLUTTER
    if view.overlap.shape[1]:
        nothing &= view.overlap.float().amax(1) < 0.2
    return Regions(*(part[nothing] for part in view.regions))


def remember(
    network: ReferringNetwork,
    sources: Sequence[TrainingSource],
    chooser: ExpressionChooser,
    image_size: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> RegionMemory:
    """Run the backbone once over every look at the pictures of the sources that people wrote about; label maps have no single things to choose among.

    progress(done, pictures) is called after each picture. The candidates are measured in evaluation mode, whatever the network's.
    """
    spoken = [source for source in sources if source.expressions]
    total, done = sum(len(source.scenes) for source in spoken), 0
    training, remembered = network.training, []
    network.eval()
    for number, source in enumerate(spoken):
        pictures = []
        for index in range(len(source.scenes)):
            pictures.append(_remembered(network, source, index, chooser, image_size, np.random.default_rng([seed, number, index])))
            done += 1
            if progress is not None:
                progress(done, total)
        remembered.append((pictures, source.share))
    network.train(training)
    return RegionMemory(remembered)


def _remembered(
    network: ReferringNetwork, source: TrainingSource, index: int, chooser: ExpressionChooser, image_size: int, rng: np.random.Generator
) -> RememberedPicture:
    scene = source.scenes[index]
    facts = measure(scene)
    offers: dict[str, dict[Offer, None]] = {}
    for _ in range(TEMPLATE_DRAWS):
        for kind, said in chooser.offers(scene, facts, rng).items():
            offers.setdefault(kind, {}).update(dict.fromkeys((tuple(texts), objects) for texts, objects in said))
    shares = np.array([o.box for o in facts.objects], dtype=np.float32).reshape(-1, 4)
    views = []
    for look in looks_at(scene.flippable, rng):
        images, windows, boxes = seen(scene.image, shares, look, image_size)
        regions = _candidates(network, images, windows)
        iou = pairwise_iou(regions.boxes, boxes.unsqueeze(0).to(regions.boxes.device))[0]
        views.append(View(Regions(*(part[0].to("cpu", FLOATS) for part in regions)), iou.to("cpu", FLOATS), look.mirrored))
    return RememberedPicture(tuple(views), {kind: list(said) for kind, said in offers.items()}, tuple(o.category for o in facts.objects))


@torch.no_grad()
def _candidates(network: ReferringNetwork, images: Tensor, windows: Tensor) -> Regions:
    """The regions of one letterboxed picture, see `network_input`."""
    images = images.to(next(network.parameters()).device)
    with mixed_precision(images.device):
        regions = network.propose(images, network.backbone(images), windows)
    if regions is None:
        raise DataError("the recipe's network has no regions to choose among, expected `regions` above 0 in its configuration")
    return regions
