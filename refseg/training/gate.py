"""Fit how far the network trusts its choice among the regions, on pictures that it was not trained on.

In training the choice is right far more often than on new pictures, so a gate learnt there would trust it too far. It has nine numbers, so that
a few hundred held-back expressions are enough.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.data.refcoco import RefCocoDataset
from refseg.images import Letterbox, load_image, to_tensor, window_of
from refseg.language import Tokeniser, Vocabulary
from refseg.models.network import ReferringNetwork
from refseg.models.selection import mixed_logits, presence_cues

STEPS, BATCH, RATE, DECAY = 300, 256, 0.03, 0.01


class GateSamples(NamedTuple):
    """N expressions: cues (N, 7); dense logits, best region's mask (0..1), what is meant and what is picture (N, h, w); weights (N,), sum 1;
    pictures (N,)."""

    cues: Tensor
    dense: Tensor
    region: Tensor
    target: Tensor
    inside: Tensor
    weights: Tensor
    pictures: Tensor


class Gate(NamedTuple):
    """weight (7,) and bias of the gate, and c, see `mixed_logits`."""

    weight: Tensor
    bias: Tensor
    certainty: Tensor


def fit_gate(samples: GateSamples, seed: int = 0) -> Gate:
    """Maximises the soft IoU of the mixed answer, with a light pull of the weights to 0. A function of its arguments."""
    generator = torch.Generator().manual_seed(seed)
    mean, spread = samples.cues.mean(0), samples.cues.std(0).clamp_min(1e-3)
    cues = (samples.cues - mean) / spread
    weight, bias = torch.zeros(cues.shape[1], requires_grad=True), torch.zeros((), requires_grad=True)
    certainty = torch.tensor(3.0, requires_grad=True)
    sharpness = torch.tensor(1.0, requires_grad=True)  # of all logits: the soft IoU needs one, the sign of the answer does not
    optimiser = torch.optim.Adam([weight, bias, certainty, sharpness], lr=RATE)
    for _ in range(STEPS):
        rows = torch.randperm(len(cues), generator=generator)[:BATCH]
        logits = mixed_logits(samples.dense[rows], samples.region[rows], (cues[rows] @ weight + bias).sigmoid(), certainty)
        probability = (sharpness * logits).sigmoid() * samples.inside[rows]
        common = (probability * samples.target[rows]).sum((1, 2))
        total = (probability + samples.target[rows]).sum((1, 2)) - common
        own = samples.weights[rows]
        loss = ((1 - common / total.clamp_min(1)) * own).sum() / own.sum() + DECAY * weight.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    plain = weight.detach() / spread
    return Gate(plain, bias.detach() - plain @ mean, certainty.detach())


@torch.no_grad()
def apply_gate(network: ReferringNetwork, gate: Gate) -> None:
    """Put the fitted numbers into the network."""
    network.gate.weight.copy_(gate.weight.unsqueeze(0))
    network.gate.bias.copy_(gate.bias.unsqueeze(0))
    network.certainty.copy_(gate.certainty)


@torch.inference_mode()
def gate_samples(
    network: ReferringNetwork, vocabulary: Vocabulary, datasets: Sequence[tuple[RefCocoDataset, float]], cells: int = 64
) -> GateSamples:
    """What the network answers to every expression of (data set, weight) pairs, on cells x cells positions."""
    tokeniser, device = Tokeniser(vocabulary, network.config.max_words), next(network.parameters()).device
    training = network.training
    network.eval()
    parts: list[list[Tensor]] = [[] for _ in GateSamples._fields]
    whole = sum(weight for _, weight in datasets)
    for number, (dataset, weight) in enumerate(datasets):
        before = sum(len(part) for part in parts[0])
        for position, image in enumerate(dataset.images):
            referents = dataset.referents_of(image)
            if not referents:
                continue
            letterbox, square = _square(load_image(dataset.path_of(image)), network.config.image_size)
            said = [(referent, text) for referent in referents for text in referent.sentences]
            tokens, valid = (torch.from_numpy(a).to(device) for a in tokeniser.batch([tokeniser.encode(text) for _, text in said]))
            index = torch.zeros(len(said), dtype=torch.int64, device=device)
            encoded = network.encode(square.to(device), window_of(letterbox).to(device))
            output = network.attend(encoded, tokens, valid, index)
            if output.selected is None or output.dense is None or (evidence := network.evidence(encoded, output.selected, index)) is None:
                raise ValueError("a gate needs a network with regions, got none")
            masks = {r.instance.id: _covered(letterbox, r.instance.mask(image.height, image.width), cells) for r in referents}
            inside = _covered(letterbox, np.ones((image.height, image.width), dtype=bool), cells) >= 0.5
            maps = (output.dense.unsqueeze(1), evidence[:, :1])
            dense, region = (F.interpolate(one.float().cpu(), size=(cells, cells), mode="area").squeeze(1) for one in maps)
            target = torch.stack([masks[referent.instance.id] for referent, _ in said])
            values = [presence_cues(output.selected).float().cpu(), dense, region, target, inside.float().expand_as(target)]
            for part, value in zip(parts, values, strict=False):
                part.append(value)
            parts[6].append(torch.full((len(said),), position + 1_000_000 * number))
        count = sum(len(part) for part in parts[0]) - before
        parts[5].append(torch.full((count,), weight / whole / max(1, count)))
    network.train(training)
    return GateSamples(*(torch.cat(part) for part in parts))


def _square(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], size: int) -> tuple[Letterbox, Tensor]:
    letterbox = Letterbox.of(image, size)
    pixels = to_tensor(np.asarray(letterbox.forward(image), dtype=np.uint8)).unsqueeze(0)
    return letterbox, pixels.contiguous(memory_format=torch.channels_last)


def _covered(letterbox: Letterbox, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], cells: int) -> Tensor:
    """Share of each of cells x cells of the letterboxed square that a mask (H, W) covers."""
    square = torch.from_numpy(letterbox.forward(mask.astype(np.float32), 0))
    return F.interpolate(square[None, None], size=(cells, cells), mode="area")[0, 0]
