"""Soft color names: how likely each pixel of an image is called black, white, gray, red, ... in English.

The mean color of a box says little about "the man in red"; the share of its upper half that people would call red says
much.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# sRGB of typical examples of the eleven basic color terms of English (Berlin and Kay, 1969); several where a name
# covers a wide range.
EXAMPLES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((15, 15, 15), (45, 45, 50)),
    "white": ((250, 250, 250), (220, 220, 220)),
    "gray": ((90, 90, 92), (128, 128, 128), (168, 168, 168)),
    "red": ((205, 30, 35), (140, 20, 30)),
    "orange": ((240, 130, 30), (220, 100, 20)),
    "yellow": ((245, 220, 60), (220, 190, 40)),
    "green": ((50, 140, 60), (115, 160, 60), (30, 75, 40)),
    "blue": ((40, 80, 180), (95, 150, 220), (30, 40, 95)),
    "purple": ((120, 60, 150), (90, 50, 110)),
    "pink": ((240, 160, 190), (225, 80, 140)),
    "brown": ((120, 75, 45), (75, 48, 35), (165, 120, 85)),
}
NAMES = tuple(EXAMPLES)
SOFTNESS = 16.0  # distance in CIELAB at which a color is e^-1 as typical


def name_colors(images: Tensor) -> Tensor:
    """images (B, 3, H, W), sRGB in 0..1 -> shares (B, 11, H, W) in the order of `NAMES`, which sum to 1 at
    each pixel.
    """
    lab = to_lab(images)
    typical = []
    for examples in EXAMPLES.values():
        points = to_lab(
            torch.tensor(examples, device=images.device, dtype=images.dtype).div(255)[:, :, None, None]
        )  # (E, 3, 1, 1)
        typical.append(torch.stack([(lab - point).square().sum(1) for point in points]).amin(0))
    return torch.softmax(-torch.stack(typical, dim=1) / SOFTNESS**2, dim=1)


def to_lab(images: Tensor) -> Tensor:
    """sRGB in 0..1, (B, 3, H, W) -> CIELAB under D65: L 0..100, a and b about -100..100."""
    linear = torch.where(images <= 0.04045, images / 12.92, ((images.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    # sRGB primaries to XYZ, each row divided by the white point, so that white is (1, 1, 1)
    matrix = images.new_tensor([[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]])
    xyz = F.conv2d(linear, matrix[:, :, None, None])
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)
