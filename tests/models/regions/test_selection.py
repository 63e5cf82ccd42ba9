"""The choice among regions: invariances, and what it says about each position."""

import pytest
import torch
from torch import Tensor

from refseg.models.regions.instance_masks import GRID
from refseg.models.regions.proposals import COLORS, GEOMETRY, Regions
from refseg.models.regions.selection import (
    EVIDENCE,
    PRESENCE_CUES,
    SIMILARITIES,
    RegionSelection,
    Selected,
    presence_cues,
    region_evidence,
)

EMBEDDING, CLASSES, APPEARANCE, COUNT = 6, 5, 7, 4


@pytest.fixture(scope="module")
def selection() -> RegionSelection:
    torch.manual_seed(0)
    return RegionSelection(EMBEDDING, CLASSES, APPEARANCE, width=16).double().eval()


def regions(pictures: int) -> Regions:
    generator = torch.Generator().manual_seed(pictures)
    widths = (4, CLASSES, GEOMETRY, COLORS, APPEARANCE)
    return Regions(*(torch.rand(pictures, COUNT, width, generator=generator, dtype=torch.float64) for width in widths))


def sentences(*lengths: int) -> tuple[Tensor, Tensor]:
    valid = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    embedded = torch.randn(*valid.shape, EMBEDDING, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return embedded * valid.unsqueeze(-1), valid


@torch.no_grad()
def test_neither_order_of_regions_nor_neighbours_nor_padding_matter(selection: RegionSelection) -> None:
    embedded, valid = sentences(3, 5)
    described = selection.describe(regions(2))
    together = selection(embedded, valid, described)
    assert together.logits.shape == (2, COUNT + 1) and together.category.shape == (2, CLASSES)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = selection(embedded, valid, selection.describe(Regions(*(part[:, order] for part in regions(2)))))
    torch.testing.assert_close(shuffled.logits, together.logits[:, [*order.tolist(), COUNT]])
    alone = selection(embedded[:1, :3], valid[:1, :3], described.select(torch.tensor([0])))
    torch.testing.assert_close(alone.logits, together.logits[:1])
    torch.testing.assert_close(alone.similarity, together.similarity[:1])


@torch.no_grad()
def test_words_and_every_aspect_matter(selection: RegionSelection) -> None:
    embedded, valid = sentences(4)
    whole = regions(1)
    answer = selection(embedded, valid, selection.describe(whole)).logits
    assert not torch.allclose(selection(embedded.flip(1), valid, selection.describe(whole)).logits, answer, atol=1e-6)
    for name in ("classes", "geometry", "colors", "appearance"):
        changed = whole._replace(**{name: getattr(whole, name).roll(1, dims=1)})
        assert not torch.allclose(selection(embedded, valid, selection.describe(changed)).logits, answer, atol=1e-6), (
            name
        )


def selected(logits: torch.Tensor) -> Selected:
    """A choice with these logits (K, N + 1), and nothing else known."""
    return Selected(logits, torch.zeros(len(logits), 2), torch.zeros(len(logits), logits.shape[1] - 1, SIMILARITIES))


def test_evidence_is_the_best_regions_mask_where_one_is_chosen() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 32.0, 32.0], [32.0, 32.0, 64.0, 64.0]]]).repeat(3, 1, 1)
    masks = torch.ones(3, 2, GRID, GRID)
    logits = torch.tensor([[9.0, 0.0, -9.0], [5.0, 5.0, -9.0], [0.0, 0.0, 30.0]])  # the first, both, none
    evidence = region_evidence(selected(logits), boxes, masks, 64, 16)
    assert evidence.shape == (3, EVIDENCE, 16, 16) and evidence.min() >= 0 and evidence.max() <= 1 + 1e-6
    mask, certain, found = evidence.unbind(1)
    assert mask[0, 2, 2] > 0.99 and mask[0, 13, 13] < 0.01
    assert mask[1, 2, 2] > 0.99 and mask[1, 13, 13] > 0.99
    assert found[0].min() > 0.99 and found[2].max() < 0.01
    torch.testing.assert_close(certain, mask * found)


@pytest.mark.parametrize(
    ("several", "ratio", "shows"),
    [(None, 0.9, True), (None, 0.8, False), (-9.0, 0.9, True), (-9.0, 0.8, False), (9.0, 0.3, True), (9.0, 0.2, False)],
)
def test_a_second_region_shows_where_several_are_meant_or_it_is_as_good(
    several: float | None, ratio: float, shows: bool
) -> None:
    boxes = torch.tensor([[[0.0, 0.0, 32.0, 32.0], [32.0, 32.0, 64.0, 64.0]]])
    logits = torch.tensor([[1.0, ratio, 1e-3]]).log()
    choice = selected(logits)._replace(several=None if several is None else torch.tensor([several]))
    mask = region_evidence(choice, boxes, torch.ones(1, 2, GRID, GRID), 64, 16)[0, 0]
    assert mask[2, 2] > 0.99 and bool(mask[13, 13] > 0.5) == shows


def test_the_evidence_of_many_has_a_gradient_where_a_region_is_out_of_the_question() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 32.0, 32.0], [32.0, 32.0, 64.0, 64.0]]])
    logits = torch.tensor([[0.0, -200.0, -1.0]], requires_grad=True)
    choice = selected(logits)._replace(several=torch.tensor([9.0]))
    region_evidence(choice, boxes, torch.ones(1, 2, GRID, GRID), 64, 16).sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_cues_of_presence(selection: RegionSelection) -> None:
    embedded, valid = sentences(2, 3)
    cues = presence_cues(selection(embedded, valid, selection.describe(regions(2))))
    assert cues.shape == (2, PRESENCE_CUES)
