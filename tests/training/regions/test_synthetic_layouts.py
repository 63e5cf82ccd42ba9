"""Imagined pictures: what is said of them is true of where things were put."""

import numpy as np
import pytest
import torch

from refseg.models.backbones.coco_classes import COCO_CATEGORIES
from refseg.models.regions.proposals import COLORS, GEOMETRY, Regions
from refseg.training.regions.synthetic_layouts import Donor, SyntheticLayouts

COUNT, SIZE = 16, 416


def row(category: int, score: float = 0.8) -> Regions:
    classes = torch.zeros(1, len(COCO_CATEGORIES))
    classes[0, category] = score
    return Regions(torch.zeros(1, 4), classes, torch.full((1, GEOMETRY), 0.9), torch.rand(1, COLORS), torch.rand(1, 3))


@pytest.fixture(scope="module")
def pictures() -> SyntheticLayouts:
    donors = [Donor(COCO_CATEGORIES[c], (0.2, 0.3), row(c)) for c in (15, 16, 39, 41) for _ in range(3)]
    clutter = Regions(*(torch.cat([part] * 8) for part in row(0, 0.05)))
    return SyntheticLayouts(donors, [clutter], SIZE, frozenset(COCO_CATEGORIES))


@pytest.mark.parametrize("seed", range(20))
def test_every_object_has_its_candidate_and_every_template_its_truth(pictures: SyntheticLayouts, seed: int) -> None:
    regions, overlap, templates, categories = pictures.draw(COUNT, np.random.default_rng(seed))
    assert regions.boxes.shape == (COUNT, 4) and overlap.shape == (COUNT, len(categories))
    assert (overlap.amax(0) > 0.5).all()
    scores = regions.classes.amax(-1)
    assert (scores.diff() <= 0).all()  # best first, as detectors give them
    best = overlap.argmax(0)
    for number, category in enumerate(categories):
        assert COCO_CATEGORIES[int(regions.classes[best[number]].argmax())] == category
    centre = regions.boxes[best, 0] + regions.boxes[best, 2]
    assert templates
    for template in templates:
        assert all(0 <= index < len(categories) for index in template.objects)
        if template.kind == "no_target":
            assert not template.objects
        elif "leftmost" in template.text and len(template.objects) == 1:
            same = [i for i, category in enumerate(categories) if category == categories[template.objects[0]]]
            assert centre[template.objects[0]] <= min(centre[i] for i in same) + 40


def test_the_same_seed_gives_the_same_picture(pictures: SyntheticLayouts) -> None:
    first, second = (pictures.draw(COUNT, np.random.default_rng(4)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first[0], second[0], strict=True))
    assert first[2] == second[2] and first[3] == second[3]


def test_nothing_to_put_together() -> None:
    with pytest.raises(ValueError, match="no donors"):
        SyntheticLayouts([], [], SIZE, frozenset())
