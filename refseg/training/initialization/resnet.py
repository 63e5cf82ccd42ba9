"""Weights of ResNet-101 for the paper's backbone: ImageNet's, or those of DeepLabv3 trained on COCO with VOC labels."""

import hashlib
import re
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor

from refseg.errors import DataError
from refseg.models.backbones import DilatedResNet101

Weights = Literal["deeplabv3", "imagenet"]

# Parts of torchvision's ResNet, and ours.
PARTS = {
    "conv1": "stem.0",
    "bn1": "stem.1",
    "layer1": "stage2",
    "layer2": "stage3",
    "layer3": "stage4",
    "layer4": "stage5",
}


def initialize_resnet101(
    backbone: DilatedResNet101, weights: Weights = "deeplabv3", folder: Path | None = None
) -> None:
    """Copy published weights into the backbone.

    weights: "deeplabv3", torchvision's deeplabv3_resnet101 (COCO with VOC labels), or "imagenet", its resnet101.
    folder: searched for a file of torchvision's name (.pth or .safetensors); without one it is downloaded by
    torch hub, with a progress bar, and checked by the digest in its name.
    Raises DataError for files that are damaged or of another network, or if there is no network to download from.
    """
    url = published_url(weights)
    name = url.rpartition("/")[2]
    local = [
        path
        for suffix in (".pth", ".safetensors")
        if folder and (path := folder / f"{Path(name).stem}{suffix}").is_file()
    ]
    copy_resnet101(backbone, read_weights(local[0]) if local else _download(url), str(local[0]) if local else url)


def published_url(weights: Weights) -> str:
    """Where torchvision has the file."""
    from torchvision import models

    if weights == "deeplabv3":
        url: str = models.segmentation.DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1.url
    elif weights == "imagenet":
        url = models.ResNet101_Weights.IMAGENET1K_V1.url
    else:
        raise ValueError(f"the weights are {weights!r}, expected 'deeplabv3' or 'imagenet'")
    return url


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth or .safetensors file, without executing anything in it.

    A digest in the name, as torchvision writes it (name-0123abcd.pth), is checked. Raises DataError.
    """
    try:
        if match := re.search(r"-([0-9a-f]{8,})\.pth$", path.name):
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            if not digest.hexdigest().startswith(match[1]):
                raise DataError(
                    f"{path} is damaged: its digest is {digest.hexdigest()[: len(match[1])]}, expected {match[1]}:"
                    " download it again"
                )
        if path.suffix == ".safetensors":
            return load_file(path)
        read: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # the unpickler raises errors of many types
        raise DataError(f"cannot read {path}: {error}; expected the weights of a ResNet-101 by torchvision") from error
    return read


def copy_resnet101(backbone: DilatedResNet101, stored: dict[str, Any], source: str) -> None:
    """Copy torchvision's ResNet-101, alone or as the `backbone` of a segmenter; its classifier is left out. Raises
    DataError.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in stored.items():
        part, _, rest = name.removeprefix("backbone.").partition(".")
        if part in PARTS:
            tensors[f"{PARTS[part]}.{rest}"] = value
    wanted = backbone.state_dict()
    if missing := sorted(wanted.keys() - tensors.keys()):
        raise DataError(
            f"{source} lacks {missing[0]} and {len(missing) - 1} more tensors, expected a ResNet-101 by torchvision"
        )
    for name, value in wanted.items():
        if tensors[name].shape != value.shape:
            raise DataError(
                f"{source}: {name} has the shape {tuple(tensors[name].shape)}, expected {tuple(value.shape)}"
            )
    backbone.load_state_dict({name: tensors[name] for name in wanted})


def _download(url: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=True, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        name = url.rpartition("/")[2]
        raise DataError(
            f"cannot download {name}: {error}; put the file into the folder of initial weights and try again"
        ) from error
    return read
