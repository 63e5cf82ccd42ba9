"""Fit the gate of the region branch on held-back images.

On training images the choice among the regions is correct far more often than on new ones, so a gate trained on them
would use it too often. It has twelve numbers, so a few hundred held-back expressions are enough.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.data.masks import BoolMask
from refseg.data.refcoco import ImageRecord, RefCocoDataset
from refseg.errors import DataError
from refseg.images import load_image
from refseg.inference.predictor import Predictor
from refseg.language import Vocabulary
from refseg.letterbox import Letterbox
from refseg.models.regions.carrier import EncodedWithRegions, Internals
from refseg.models.regions.gate import gate_cues, mix_logits
from refseg.models.system import ChoosesRegions, System
from refseg.training.losses import mask_ious

STEPS, RATE, DECAY = 300, 0.02, 0.002
CERTAINTIES = (3.0, 4.0, 5.0, 6.0, 8.0)


class GateSamples(NamedTuple):
    """N expressions: cues (N, 10); dense logits, the best region's mask (0..1), the target, and what is image and not
    border, (N, h, w) each; weights (N,), sum 1; images (N,): their numbers."""

    cues: Tensor
    dense: Tensor
    region: Tensor
    target: Tensor
    inside: Tensor
    weights: Tensor
    images: Tensor

    @classmethod
    def joined(cls, parts: Sequence["GateSamples"]) -> "GateSamples":
        """The expressions of all parts, in their order."""
        return cls(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


class Gate(NamedTuple):
    """weight (10,) and bias of the gate, and c, see `mix_logits`."""

    weight: Tensor
    bias: Tensor
    certainty: Tensor


def fit_gate(samples: GateSamples) -> Gate:
    """Maximize the expected IoU if g were the probability of using the region's answer instead of the dense one, the
    mean of g IoU_region + (1 - g) IoU_dense, with a small penalty on the weights; then choose c for the mixture itself.
    A function of its arguments."""
    mean, spread = samples.cues.mean(0), samples.cues.std(0).clamp_min(1e-3)
    cues = (samples.cues - mean) / spread
    better = samples.weights * (_iou(samples.region > 0.5, samples) - _iou(samples.dense > 0, samples))
    weight, bias = torch.zeros(cues.shape[1], requires_grad=True), torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=RATE)
    for _ in range(STEPS):
        loss = DECAY * weight.square().sum() - ((cues @ weight + bias).sigmoid() * better).sum() / samples.weights.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    plain = weight.detach() / spread
    bias = bias.detach() - plain @ mean
    gate = (samples.cues @ plain + bias).sigmoid()
    mixed = [
        float(samples.weights @ _iou(mix_logits(samples.dense, samples.region, gate, torch.tensor(c)) > 0, samples))
        for c in CERTAINTIES
    ]
    return Gate(plain, bias, torch.tensor(CERTAINTIES[int(np.argmax(mixed))]))


def _iou(marked: Tensor, samples: GateSamples) -> Tensor:
    """IoU (N,) of masks (N, h, w) with the target, within the images."""
    return mask_ious(marked & (samples.inside > 0.5), samples.target > 0.5)


@torch.no_grad()
def apply_gate(system: ChoosesRegions, gate: Gate) -> None:
    """Copy the fitted numbers into the branch."""
    branch = system.branch
    branch.gate.weight.copy_(gate.weight.unsqueeze(0))
    branch.gate.bias.copy_(gate.bias.unsqueeze(0))
    branch.certainty.copy_(gate.certainty)


def gate_samples(
    system: System, vocabulary: Vocabulary, datasets: Sequence[tuple[RefCocoDataset, float]], cells: int = 64
) -> GateSamples:
    """The answers to every expression of (data set, weight) pairs, on cells x cells positions. Raises DataError if
    there is none.
    """
    training = system.training
    predictor = Predictor(system, vocabulary, device=str(next(system.parameters()).device), precision="float32")
    whole = sum(weight for _, weight in datasets)
    parts: list[GateSamples] = []
    for dataset, weight in datasets:
        images = [image for image in dataset.images if dataset.referents_of(image)]
        expressions = sum(len(referent.expressions) for image in images for referent in dataset.referents_of(image))
        share = weight / whole / max(1, expressions)
        parts += [
            _of_image(predictor, dataset, image, number, share, cells)
            for number, image in enumerate(images, start=len(parts))
        ]
    system.train(training)
    if not parts:
        raise DataError(
            "got no image with expressions to fit the gate on, expected at least one: check the recipe's `gate` and"
            " data"
        )
    return GateSamples.joined(parts)


def _of_image(
    predictor: Predictor, dataset: RefCocoDataset, image: ImageRecord, number: int, weight: float, cells: int
) -> GateSamples:
    """All expressions about one image, which gets this number; weight: of each of them."""
    referents = dataset.referents_of(image)
    texts = [text for referent in referents for text in referent.expressions]
    encoded = predictor.encode(load_image(dataset.path_of(image)))
    tokenizer, device = predictor.tokenizer, predictor.device
    tokens, valid = (
        torch.from_numpy(array).to(device) for array in tokenizer.batch([tokenizer.encode(text) for text in texts])
    )
    index = torch.zeros(len(texts), dtype=torch.int64, device=device)
    with predictor.running() as system:
        answer = system.answer(encoded.features, tokens, valid, index)
        internals = answer.internals
        if not isinstance(system, ChoosesRegions) or not isinstance(internals, Internals):
            raise ValueError("a gate needs a system with regions, got one without")
        features: EncodedWithRegions = encoded.features
        region = system.branch.evidence(features.regions, internals.selected, index)[:, 0]
    shape = image.height, image.width
    covered = [_covered(encoded.letterbox, referent.instance.mask(*shape), cells) for referent in referents]
    target = torch.cat(
        [cover.expand(len(referent.expressions), -1, -1) for cover, referent in zip(covered, referents, strict=True)]
    )
    inside = _covered(encoded.letterbox, np.ones(shape, dtype=bool), cells) >= 0.5
    return GateSamples(
        cues=gate_cues(internals.selected, internals.dense, region).float().cpu(),
        dense=_shrunk(internals.dense, cells),
        region=_shrunk(region, cells),
        target=target,
        inside=inside.float().expand_as(target),
        weights=torch.full((len(texts),), weight),
        images=torch.full((len(texts),), number),
    )


def _covered(letterbox: Letterbox, mask: BoolMask, cells: int) -> Tensor:
    """Share of each of cells x cells of the letterboxed square that a mask (H, W) covers."""
    square = torch.from_numpy(letterbox.forward(mask.astype(np.float32), 0))
    return _shrunk(square.unsqueeze(0), cells).squeeze(0)


def _shrunk(maps: Tensor, cells: int) -> Tensor:
    """Means of maps (N, h, w) over cells x cells, on the CPU."""
    return F.interpolate(maps.float().cpu().unsqueeze(1), size=(cells, cells), mode="area").squeeze(1)
