"""Objectives of training: where the batches of a phase come from and what their loss is."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from refseg.data.batches import DEFAULT_AUGMENTATION, TrainingBatch, TrainingSampler
from refseg.data.clips import ClipSampler
from refseg.data.expression_mix import ExpressionChooser
from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.language import UNK, Tokenizer
from refseg.letterbox import PAD_VALUE
from refseg.models.regions.losses import (
    FOUND,
    boxes_of_masks,
    instance_loss,
    matched_regions,
    number_loss,
    selection_loss,
)
from refseg.models.system import Answer, ChoosesRegions, ReadsVideos, System, Targets
from refseg.training.losses import LossWeights, batch_iou, weighted_total
from refseg.training.precision import mixed_precision
from refseg.training.prefetch import prefetched
from refseg.training.recipe import HIDDEN_WORDS, Phase
from refseg.training.regions.cache import RegionBatch, RegionCache

JITTER = 0.08  # of box corners, in shares of the box's size

Batch = TypeVar("Batch")


class Objective(Protocol[Batch]):
    """What one phase trains."""

    def batches(self, start: int) -> Generator[Batch, None, None]:
        """Endless, from number `start` on; each batch is a function of its number."""
        ...

    def loss(self, system: System, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """(the total to minimize, named figures for the log), all scalars."""
        ...


class ExpressionObjective:
    """Expressions and images in, masks out: the whole system with its own losses. regions: see `Phase`."""

    def __init__(
        self, sampler: TrainingSampler, weights: LossWeights, regions: bool, hidden_words: float = HIDDEN_WORDS
    ) -> None:
        self.sampler, self.weights, self.regions, self.hidden_words = sampler, weights, regions, hidden_words

    def batches(self, start: int) -> Generator[TrainingBatch, None, None]:
        """Batches from `start` on, prepared by one thread while the network computes."""
        return prefetched(self.sampler.batch, start)

    def loss(self, system: System, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted losses of the system, with some words hidden."""
        device = next(system.parameters()).device
        images, windows, index = _images(batch, device)
        valid = torch.from_numpy(batch.valid).to(device)
        tokens = hide_words(torch.from_numpy(batch.tokens).to(device), valid, self.hidden_words)
        with mixed_precision(device):
            encoded = system.encode(images, windows)
            if not self.regions and isinstance(system, ChoosesRegions):
                encoded = system.without_evidence(encoded)
            answer = system.answer(encoded, tokens, valid, index)
        return _weighted(system, answer, batch, self.weights)


class ClipObjective:
    """Windows of frames: trains what other frames add to a frame's features, and nothing else."""

    def __init__(self, sampler: ClipSampler, weights: LossWeights) -> None:
        self.sampler, self.weights = sampler, weights

    def batches(self, start: int) -> Generator[TrainingBatch, None, None]:
        """As in `ExpressionObjective`."""
        return prefetched(self.sampler.batch, start)

    def loss(self, system: System, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted losses of the mask and of presence, for expressions about frames of one window."""
        if not isinstance(system, ReadsVideos):
            raise DataError(
                "a phase of clips needs a system that reads videos, got one for images: choose another network in the"
                " recipe"
            )
        device = next(system.parameters()).device
        images, windows, index = _images(batch, device)
        with mixed_precision(device):
            encoded = system.encode_window(images, windows)
            answer = system.answer(
                encoded, torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.valid).to(device), index
            )
        return _weighted(
            system, answer, batch, replace(self.weights, selection=0.0, instances=0.0, number=0.0, dense=0.0)
        )


class InstanceObjective:
    """Single objects: the mask in a box, which is a region's or, if no region found the object, the label's own,
    jittered.
    """

    def __init__(self, sampler: TrainingSampler) -> None:
        self.sampler = sampler

    def batches(self, start: int) -> Generator[TrainingBatch, None, None]:
        """As in `ExpressionObjective`."""
        return prefetched(self.sampler.batch, start)

    def loss(self, system: System, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """`instance_loss` of every object of the batch; zero if there is none."""
        chooser = with_regions(system, "instances")
        device = next(system.parameters()).device
        images, windows, _ = _images(batch, device)
        size = images.shape[-1]
        masks = torch.from_numpy(batch.instances).to(device).float() / 255
        index = torch.from_numpy(batch.instance_index).to(device)
        with mixed_precision(device):
            regions, features = chooser.propose(images, windows)
        objects = boxes_of_masks(masks, size)
        which, iou = matched_regions(regions.boxes, objects, index)
        extent = (objects[:, 2:] - objects[:, :2]).repeat(1, 2)
        jittered = objects + JITTER * extent * torch.randn_like(objects).clamp(-2, 2)
        boxes = torch.where((iou > FOUND).unsqueeze(1), regions.boxes[index, which], jittered).detach()
        places = _grouped(index, len(images))  # (B, most objects of an image), -1 for none
        padded = (
            boxes if len(boxes) else boxes.new_zeros(1, 4)
        )  # a batch without objects predicts in empty boxes, which are not counted
        with mixed_precision(device):
            logits = chooser.branch.predict_masks(features, padded[places.clamp_min(0)], size)
        order = places[places >= 0]
        loss = instance_loss(logits[places >= 0], boxes[order], masks[order], size)
        return loss, {"total": loss, "matched": (iou > FOUND).float().mean()}


class SelectionObjective:
    """The choice among the regions, from cached proposals; see `refseg.training.regions.cache`. classes: names of the
    detector's.
    """

    def __init__(
        self,
        cache: RegionCache,
        chooser: ExpressionChooser,
        tokenizer: Tokenizer,
        phase: Phase,
        seed: int,
        classes: Sequence[str],
    ) -> None:
        self.classes = classes
        self.cache, self.chooser, self.tokenizer, self.phase, self.seed = cache, chooser, tokenizer, phase, seed
        if phase.synthetic > 0:
            cache.enable_synthetic(phase.image_size, classes)

    def batches(self, start: int) -> Generator[RegionBatch, None, None]:
        """Batches from `start` on, prepared by one thread while the network computes."""

        def batch(step: int) -> RegionBatch:
            return self.cache.batch(
                self.chooser,
                self.tokenizer,
                self.classes,
                self.phase.images,
                self.phase.expressions,
                seed=self.seed,
                step=step,
                synthetic=self.phase.synthetic,
            )

        return prefetched(batch, start)

    def loss(self, system: System, batch: RegionBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """`selection_loss`, and the share of expressions for which the choice is the referent (or correctly none)."""
        chooser = with_regions(system, "selection")
        device = next(system.parameters()).device
        regions = type(batch.regions)(*(part.to(device) for part in batch.regions))
        values = (batch.tokens, batch.valid, batch.image_index, batch.overlap, batch.category)
        tokens, valid, index, overlap, category = (part.to(device) for part in values)
        with mixed_precision(device):
            selected = chooser.choose(chooser.branch.describe(regions), hide_words(tokens, valid), valid, index)
        loss = selection_loss(selected, overlap, category)
        return loss, {"total": loss, "right": choice_accuracy(selected.logits.detach(), overlap)}


class NumberObjective(SelectionObjective):
    """Whether an expression has one referent or several: the same expressions, without images."""

    def loss(self, system: System, batch: RegionBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """`number_loss`, and the share of expressions whose number is predicted correctly."""
        chooser = with_regions(system, "number")
        device = next(system.parameters()).device
        tokens, valid, count = (part.to(device) for part in (batch.tokens, batch.valid, batch.referents))
        try:
            several = chooser.read_number(hide_words(tokens, valid), valid)
        except ValueError as error:
            raise DataError(f"a phase of number: {error}") from error
        right = ((several > 0) == (count > 1))[count > 0].float().mean()
        loss = number_loss(several, count)
        return loss, {"total": loss, "right": right}


def with_regions(system: System, task: str) -> ChoosesRegions:
    """The system itself. Raises DataError for one without a region branch."""
    if not isinstance(system, ChoosesRegions):
        raise DataError(
            f"a phase of {task} needs a system with regions, got one without: choose another network in the recipe"
        )
    return system


def targets_of(batch: TrainingBatch, device: torch.device) -> Targets:
    """A batch as `System.losses` expects it."""
    index = torch.from_numpy(batch.image_index).to(device)
    return Targets(
        masks=torch.from_numpy(batch.masks).to(device).float() / 255,
        inside=torch.from_numpy(batch.inside).to(device)[index],
        boxes=torch.from_numpy(batch.boxes).to(device),
        objects=torch.from_numpy(batch.instances).to(device).float() / 255,
        object_images=torch.from_numpy(batch.instance_index).to(device),
        image_size=batch.images.shape[1],
    )


def _weighted(
    system: System, answer: Answer, batch: TrainingBatch, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The total, and for the log: its terms, the IoU and the total."""
    targets = targets_of(batch, answer.logits.device)
    terms = system.losses(answer, targets)
    total = weighted_total(terms, weights)
    return total, {
        **terms,
        "iou": batch_iou(_enlarged(answer.logits.detach(), targets.masks), targets.masks),
        "total": total,
    }


def _enlarged(logits: Tensor, masks: Tensor) -> Tensor:
    """Logits (K, h, w) on the grid of masks (K, H, W)."""
    if logits.shape[-2:] == masks.shape[-2:]:
        return logits
    size = (masks.shape[-2], masks.shape[-1])
    return F.interpolate(logits.float().unsqueeze(1), size=size, mode="bilinear", align_corners=False).squeeze(1)


def choice_accuracy(logits: Tensor, overlap: Tensor) -> Tensor:
    """Share of expressions whose best entry of logits (K, N + 1) is a region with overlap (K, N) above one half, or
    "none" if there is none.
    """
    outcome = torch.cat([overlap > FOUND, ~(overlap > FOUND).any(1, keepdim=True)], dim=1)
    return outcome.gather(1, logits.argmax(1, keepdim=True)).float().mean()


def hide_words(tokens: Tensor, valid: Tensor, share: float = HIDDEN_WORDS) -> Tensor:
    """Tokens (K, T) with some words replaced by <unk>."""
    return tokens.masked_fill((torch.rand(tokens.shape, device=tokens.device) < share) & valid, UNK)


def sampler_for(
    phase: Phase,
    sources: Sequence[TrainingSource],
    tokenizer: Tokenizer,
    seed: int,
    borrowed: Sequence[tuple[str, str]],
    padding: int = PAD_VALUE,
) -> TrainingSampler:
    """The sampler of images and expressions that the phase describes."""
    return TrainingSampler(
        [(source.scenes, source.share) for source in sources],
        tokenizer,
        image_size=phase.image_size,
        images_per_batch=phase.images,
        expressions_per_image=phase.expressions,
        instances_per_image=phase.instances,
        seed=seed,
        mix=phase.mix,
        borrowed=borrowed,
        augmentation=DEFAULT_AUGMENTATION if phase.augmented else None,
        target_stride=phase.target_stride,
        padding=padding,
    )


def _images(batch: TrainingBatch, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Images (B, 3, S, S) in 0..1, channels last in memory, windows (B, 4), and the image of each expression (K,)."""
    images = torch.from_numpy(batch.images).to(device).permute(0, 3, 1, 2).float() / 255
    return images, torch.from_numpy(batch.windows).to(device), torch.from_numpy(batch.image_index).to(device)


def _grouped(index: Tensor, count: int) -> Tensor:
    """Positions of each value 0..count-1 in index (M,), as rows padded with -1."""
    rows = [torch.nonzero(index == value).flatten() for value in range(count)]
    width = max(1, *(len(row) for row in rows))
    result = index.new_full((count, width), -1)
    for row, positions in zip(result, rows, strict=True):
        row[: len(positions)] = positions
    return result
