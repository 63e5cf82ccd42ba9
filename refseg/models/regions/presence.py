"""Presence: whether the image holds what the expression names."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.regions.selection import MARGIN_CUE, PRESENCE_CUES, Selected, presence_cues


class PresenceHead(nn.Linear):
    """One linear layer on the response of the dense system and on the choice among the regions. channels: of the
    response.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels + PRESENCE_CUES, 1)
        with torch.no_grad():
            self.weight[0, 2 * channels + MARGIN_CUE] = 2.0  # a good guess from the start

    def logit(self, response: Tensor, selected: Selected) -> Tensor:
        """Strongest and mean value of each channel of the response (K, C, h, w), and `presence_cues` -> logit (K,)."""
        pooled = [F.relu(response).amax((2, 3)), response.mean((2, 3)), presence_cues(selected).to(response.dtype)]
        logit: Tensor = self(torch.cat(pooled, dim=1)).squeeze(1)
        return logit
