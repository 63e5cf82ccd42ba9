"""Number: whether an expression means one object or several.

If two regions are nearly as likely, "the cups" needs both masks and "the left cup" one of the two.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.text import read_in_context

STATES = 16  # of the reader, in each direction


class NumberReader(nn.Module):
    """Embedded words (K, T, E) -> logit (K,) that several objects are meant, from the words attended to ("both",
    "cups").
    """

    def __init__(self, embedding: int) -> None:
        super().__init__()
        self.reader = nn.GRU(embedding, STATES, batch_first=True, bidirectional=True)
        self.focus = nn.Linear(
            embedding + 2 * STATES, 1, bias=False
        )  # no bias: a softmax ignores what is added to all its entries
        self.several = nn.Linear(embedding + 2 * STATES, 1)

    def forward(self, embedded: Tensor, valid: Tensor) -> Tensor:
        """embedded (K, T, E) as looked up, valid (K, T). The gradient does not reach the word table."""
        embedded = F.normalize(embedded.detach(), dim=-1) * embedded.shape[-1] ** 0.5
        words = torch.cat([embedded, read_in_context(self.reader, embedded, valid)], dim=-1)
        attention = self.focus(words).squeeze(-1).masked_fill(~valid, float("-inf")).softmax(1)
        logit: Tensor = self.several(torch.einsum("kt,ktc->kc", attention, words)).squeeze(1)
        return logit
