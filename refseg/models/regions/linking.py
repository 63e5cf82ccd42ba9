"""Choices among regions, linked over the frames of a window.

An object that is chosen in one frame is, in the next frame, most likely the region that overlaps its box best. The
choice in a frame uses the scores of its regions along such chains, so that an error in one frame (a blurred face, a
second dog passing by) does not move the mask to another object.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from refseg.models.layers.precision import at_least_float32
from refseg.models.regions.proposals import pairwise_iou

LINKED = 0.4  # IoU of boxes in neighboring frames from which they count as the same object


def link_choices(boxes: Sequence[Tensor], logits: Sequence[Tensor], target: int, weights: Tensor) -> Tensor:
    """Logits (K, N + 1) of the target frame: log probabilities averaged along each region's chain, as far as it
    reaches, "none" over all frames, and the target's own log normalizer added again, so that a window of one frame
    keeps its logits. A frame counts by its weight times the product of the overlaps on the way to it, because a chain
    is less reliable if objects move fast.

    boxes: of each frame of the window, (N, 4).  logits: of each, (K, N + 1), "none" last.  target: index of the frame
    in the window. weights (F,): how much each frame counts, such as a of Eq. 10.
    """
    scores = [at_least_float32(one).log_softmax(1) for one in logits]
    frames, regions = len(boxes), boxes[0].shape[0]
    own = weights[target]
    total, mass = own * scores[target][:, :-1], own.expand(regions).clone()
    for step in (-1, 1):
        index = torch.arange(regions, device=boxes[target].device)  # of the target's regions in the frame reached
        trust = torch.ones(regions, device=index.device, dtype=mass.dtype)
        frame = target + step
        while 0 <= frame < frames:
            overlap, index = pairwise_iou(boxes[frame - step][index], boxes[frame]).max(1)
            trust = trust * overlap * (overlap >= LINKED)
            counted = weights[frame] * trust
            total = total + counted * scores[frame][:, :-1][:, index]
            mass = mass + counted
            frame += step
    none = sum(
        (weight * one[:, -1:] for weight, one in zip(weights, scores, strict=True)), torch.zeros_like(total[:, :1])
    )
    scale = at_least_float32(logits[target]).logsumexp(1, keepdim=True)
    return torch.cat([total / mass.clamp_min(1e-6), none / weights.sum()], dim=1) + scale
