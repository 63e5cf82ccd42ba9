"""Several selections that are asked together. Compact configuration only; see `selection.py`.

Ten thousand sentences are few: what one selection learns beyond them is chance, and two that began with other weights err on other expressions. They cost
little beside the picture, so a few vote.
"""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from refseg.models.regions.proposals import Regions
from refseg.models.regions.selection import DescribedRegions, RegionSelection, Selected


class VotedSelection(nn.Module):
    """`voters` selections with weights of their own; the answer is the mean of their log probabilities, of their category logits and their likenesses.

    Each learns from its own answer, not from the mean (`Selected.votes`), so that they stay different.
    """

    def __init__(self, embedding: int, classes: int, appearance: int, voters: int) -> None:
        super().__init__()
        self.voters = nn.ModuleList(RegionSelection(embedding, classes, appearance) for _ in range(voters))

    def __iter__(self) -> Iterator[RegionSelection]:
        """The voters."""
        return (cast(RegionSelection, voter) for voter in self.voters)

    def describe(self, regions: Regions) -> DescribedRegions:
        """What each voter makes of the regions of B pictures, as a dimension behind the pictures'."""
        described = [voter.describe(regions) for voter in self]
        return DescribedRegions(*(torch.stack(parts, dim=1) for parts in zip(*described, strict=True)))

    def forward(self, embedded: Tensor, valid: Tensor, regions: DescribedRegions) -> Selected:
        """As of `RegionSelection`, the regions being those of `describe`."""
        votes = tuple(voter(embedded, valid, DescribedRegions(*(part[:, number] for part in regions))) for number, voter in enumerate(self))
        logits = torch.stack([vote.logits.log_softmax(1) for vote in votes]).mean(0)
        category, likeness = (torch.stack([vote[part] for vote in votes]).mean(0) for part in (1, 2))
        return Selected(logits, category, likeness, votes)
