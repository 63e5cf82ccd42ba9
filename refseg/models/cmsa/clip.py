"""Reading a clip frame by frame: Eq. 9-11 for a window around each frame, then the positions' share of CMSA."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from refseg.models.backbones import BackboneFeatures
from refseg.models.cmsa.cross_frame import CrossFrameSelfAttention
from refseg.models.cmsa.outputs import VisualMaps
from refseg.models.cmsa.sliding import SlidingAttention
from refseg.models.system import WindowEncoding

if TYPE_CHECKING:
    from refseg.models.cmsa.network import CmsaNetwork


class CmsaClipReader:
    """See `ClipReader`. tau: frames on either side; without attention across frames they all count the same."""

    def __init__(self, network: CmsaNetwork, tau: int) -> None:
        self._network, self.tau = network, tau
        layers = network.cross_frame if network.config.cross_frame else ()
        self._sliding = [SlidingAttention(cast(CrossFrameSelfAttention, layer), tau) for layer in layers]

    def read(self, images: Tensor, windows: Tensor) -> VisualMaps:
        """Features of one frame, images (1, 3, S, S)."""
        return self.read_features(self._network.backbone(images))

    def read_features(self, features: BackboneFeatures) -> VisualMaps:
        """The same from the backbone's features on."""
        return self._network.visual_maps(features)

    def push(self, frame: VisualMaps) -> None:
        """Attend between this frame and those before it."""
        for sliding, level in zip(self._sliding, frame.levels, strict=False):
            sliding.push(level, frame.grid)

    def encode(self, frame: VisualMaps, target: int, first: int, last: int) -> WindowEncoding:
        """V_t + V^ of the window, encoded."""
        if not self._sliding:
            frames = last - first + 1
            uniform = torch.full((len(frame.levels), frames), 1 / frames, device=frame.levels[0].device)
            return WindowEncoding(self._network.encode_positions(frame), uniform)
        window = [sliding.pool(first, last) for sliding in self._sliding]
        encoded = self._network.encode_positions(self._network.add_temporal(frame, window))
        return WindowEncoding(encoded, torch.stack([one.weights for one in window]))
