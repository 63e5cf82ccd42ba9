"""Several selections that vote: the mean of their log probabilities, each with weights of its own."""

from dataclasses import replace

import pytest
import torch

from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.regions.proposals import COLORS, GEOMETRY, Regions
from refseg.models.regions.selection import RegionSelection
from refseg.models.regions.voting import VotedSelection

E, C, A, N, VOTERS = 6, 3, 5, 4, 3


@pytest.fixture
def voted() -> VotedSelection:
    torch.manual_seed(0)
    return VotedSelection(E, C, A, VOTERS).eval()


def regions(pictures: int) -> Regions:
    parts = (torch.rand(pictures, N, width) for width in (4, C, GEOMETRY, COLORS, A))
    return Regions(*parts)


def test_the_answer_is_the_mean_of_the_voters(voted: VotedSelection) -> None:
    seen, embedded, valid = regions(2), torch.randn(2, 5, E), torch.ones(2, 5, dtype=torch.bool)
    answer = voted(embedded, valid, voted.describe(seen))
    single = [voter(embedded, valid, voter.describe(seen)) for voter in voted]
    torch.testing.assert_close(answer.logits, sum(one.logits.log_softmax(1) for one in single) / VOTERS)
    torch.testing.assert_close(answer.category, sum(one.category for one in single) / VOTERS)
    torch.testing.assert_close(answer.similarity, sum(one.similarity for one in single) / VOTERS)
    for vote, one in zip(answer.votes, single, strict=True):
        torch.testing.assert_close(vote.logits, one.logits)
    assert not torch.allclose(single[0].logits, single[1].logits)


def test_pictures_are_taken_with_all_that_the_voters_made_of_them(voted: VotedSelection) -> None:
    seen, embedded, valid = regions(3), torch.randn(2, 5, E), torch.ones(2, 5, dtype=torch.bool)
    index = torch.tensor([2, 0])
    answer = voted(embedded, valid, voted.describe(seen).select(index))
    alone = voted(embedded[:1], valid[:1], voted.describe(Regions(*(part[2:] for part in seen))))
    torch.testing.assert_close(answer.logits[:1], alone.logits)


def test_one_selection_is_its_own_only_voter() -> None:
    selection = RegionSelection(E, C, A)
    assert list(selection) == [selection]


def test_the_network_has_as_many_as_its_configuration_says() -> None:
    network = CompactSystem(replace(CompactConfig.tiny(), voters=2), 10).eval()
    assert len(network.branch.voters()) == 2
    answer = network(torch.rand(1, 3, 64, 64), torch.tensor([[2, 3]]), torch.ones(1, 2, dtype=torch.bool))
    selected = answer.internals.selected
    assert len(selected.votes) == 2
    assert selected.logits.exp().sum() <= 1 + 1e-5  # a mean of log probabilities
    with pytest.raises(ValueError, match="voters is 0, expected a whole number from 1 to 16"):
        replace(CompactConfig.tiny(), voters=0)
