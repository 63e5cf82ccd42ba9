"""Whether the thing named is in the picture at all."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.regions.selection import MARGIN_CUE, PRESENCE_CUES, Selected, presence_cues


class PresenceHead(nn.Linear):
    """One linear layer on what the fused features and the choice among the regions say. Not in the paper.

    channels: of the fused features.  regions: whether the network chooses among regions.
    """

    def __init__(self, channels: int, regions: bool) -> None:
        cues = PRESENCE_CUES if regions else 0
        super().__init__(2 * channels + cues, 1)
        self.cues = cues
        if regions:
            with torch.no_grad():
                self.weight[0, 2 * channels + MARGIN_CUE] = 2.0  # a good guess from the start

    def logit(self, features: Tensor, selected: Selected | None) -> Tensor:
        """Strongest and mean response of each channel of features (K, C, h, w), and how sure the selection is -> logit (K,)."""
        pooled = [F.relu(features).amax((2, 3)), features.mean((2, 3))]
        if selected is not None:
            pooled.append(presence_cues(selected).to(features.dtype))
        elif self.cues:
            pooled.append(features.new_zeros(len(features), self.cues))  # a picture encoded without its regions
        logit: Tensor = self(torch.cat(pooled, dim=1)).squeeze(1)
        return logit
