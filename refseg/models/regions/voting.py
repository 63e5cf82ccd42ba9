"""An ensemble of selections.

Ten thousand expressions are few: two selections that start from different weights err on different expressions. They
cost little beside the image, so a few of them vote.
"""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from refseg.models.regions.proposals import Regions
from refseg.models.regions.selection import DescribedRegions, RegionSelection, Selected


class VotedSelection(nn.Module):
    """`voters` selections with weights of their own; the answer is the mean of their log probabilities, of their
    category logits and of their similarities.

    Each learns from its own answer, not from the mean (`Selected.votes`), so that they stay different.
    """

    def __init__(self, embedding: int, classes: int, appearance: int, voters: int) -> None:
        super().__init__()
        self.voters = nn.ModuleList(RegionSelection(embedding, classes, appearance) for _ in range(voters))

    def __iter__(self) -> Iterator[RegionSelection]:
        """The voters."""
        return (cast(RegionSelection, voter) for voter in self.voters)

    def describe(self, regions: Regions) -> DescribedRegions:
        """The regions of B images as each voter describes them; the voters are the second dimension."""
        described = [voter.describe(regions) for voter in self]
        return DescribedRegions(*(torch.stack(parts, dim=1) for parts in zip(*described, strict=True)))

    def forward(self, embedded: Tensor, valid: Tensor, regions: DescribedRegions) -> Selected:
        """See `RegionSelection`; the regions are those of `describe`."""
        votes = tuple(
            voter(embedded, valid, DescribedRegions(*(part[:, number] for part in regions)))
            for number, voter in enumerate(self)
        )
        logits = torch.stack([vote.logits.log_softmax(1) for vote in votes]).mean(0)
        category, similarity = (torch.stack([vote[part] for vote in votes]).mean(0) for part in (1, 2))
        return Selected(logits, category, similarity, votes)
