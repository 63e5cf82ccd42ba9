"""The reader of number: padding does not matter, order does, and it can be taught."""

import torch

from refseg.models.regions.number import NumberReader

EMBEDDING = 8


def test_padding_does_not_matter() -> None:
    torch.manual_seed(0)
    reader, embedded = NumberReader(EMBEDDING), torch.randn(2, 5, EMBEDDING)
    valid = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    logits = reader(embedded, valid)
    assert logits.shape == (2,)
    torch.testing.assert_close(reader(embedded[:1, :3], valid[:1, :3]), logits[:1])


def test_the_words_learn_nothing_from_it() -> None:
    embedded = torch.randn(2, 3, EMBEDDING, requires_grad=True)
    reader = NumberReader(EMBEDDING)
    reader(embedded, torch.ones(2, 3, dtype=torch.bool)).sum().backward()
    assert embedded.grad is None and reader.focus.weight.grad is not None


def test_it_tells_the_cups_from_a_cup_beside_the_cups() -> None:
    """Word 0 is "cups", 1 "cup", 2 "beside": "cups", "cups beside cup" mean several, "cup", "cup beside cups" one."""
    torch.manual_seed(0)
    words = torch.randn(3, EMBEDDING)
    sentences = torch.tensor([[0, 0, 0], [0, 2, 1], [1, 1, 1], [1, 2, 0]])
    valid = torch.tensor([[True, False, False], [True, True, True]]).repeat(2, 1)
    several = torch.tensor([1.0, 1.0, 0.0, 0.0])
    reader = NumberReader(EMBEDDING)
    optimiser = torch.optim.Adam(reader.parameters(), lr=0.02)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(reader(words[sentences], valid), several)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert ((reader(words[sentences], valid) > 0) == (several > 0.5)).all() and loss < 0.1
