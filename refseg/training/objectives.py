"""What a phase of training teaches: where its batches come from and what their loss is."""

import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from refseg.data.batches import TrainingBatch, TrainingSampler
from refseg.data.expression_mix import ExpressionChooser
from refseg.data.clips import ClipSampler
from refseg.data.sources import TrainingSource
from refseg.errors import DataError
from refseg.language import UNK, Tokeniser
from refseg.models.cmsa.outputs import EncodedImages
from refseg.models.cmsa.network import ReferringNetwork
from refseg.training.losses import LossWeights, batch_iou, segmentation_loss
from refseg.training.precision import mixed_precision
from refseg.training.recipe import Phase
from refseg.training.regions.losses import FOUND, boxes_of_masks, instance_loss, matched_regions, number_loss, overlap_with, selection_loss
from refseg.training.regions.cache import RegionBatch, RegionMemory

UNKNOWN_RATE = 0.02  # share of words hidden in training, so that <unk> means "some word"
JITTER = 0.08  # of box corners, in shares of the box's size

Batch = TypeVar("Batch")


class Task(Protocol[Batch]):
    """One way of training."""

    def batches(self, start: int) -> Generator[Batch, None, None]:
        """Endless from number `start` on, each batch a function of its number."""
        ...

    def loss(self, network: ReferringNetwork, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """(the total to minimise, named figures for the log), all scalars."""
        ...


class ExpressionTask:
    """Expressions and pictures in, masks out: the whole network, and the region branch's own losses where `regions` is True; see `Phase`."""

    def __init__(self, sampler: TrainingSampler, weights: LossWeights, regions: bool) -> None:
        self.sampler, self.weights, self.regions = sampler, weights, regions

    def batches(self, start: int) -> Generator[TrainingBatch, None, None]:
        """Batches from `start` on, prepared by one thread while the network computes."""
        return prefetched(self.sampler.batch, start)

    def loss(self, network: ReferringNetwork, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 8 with the region term, presence, selection, instance and number terms."""
        device = next(network.parameters()).device
        images, windows, index = _pictures(batch, device)
        valid = torch.from_numpy(batch.valid).to(device)
        tokens = hide_words(torch.from_numpy(batch.tokens).to(device), valid)
        target = torch.from_numpy(batch.masks).to(device).float() / 255
        inside = torch.from_numpy(batch.inside).to(device)[index]
        with mixed_precision(device):
            encoded = network.encode(images, windows)
            if not self.regions:
                # No evidence; the choice is made from `described` even so, and the presence score reads it.
                encoded = encoded._replace(regions=None)
            output = network.attend(encoded, tokens, valid, index)
        loss = segmentation_loss(output, target, inside, self.weights)
        total, figures = loss.total, {**loss._asdict(), "iou": batch_iou(output.logits.detach(), target)}
        if output.selected is not None and encoded.regions is not None:
            meant = torch.from_numpy(batch.boxes).to(device)
            overlap = overlap_with(encoded.regions.boxes.detach()[index], meant)
            selection = selection_loss(output.selected, overlap)
            instances = self._instance_loss(encoded, batch, images.shape[-1])
            total = total + self.weights.selection * selection + self.weights.instances * instances
            figures |= {"selection": selection, "instances": instances}
            if output.selected.several is not None:
                count = (meant[..., 2] > meant[..., 0]).sum(1)  # of those in the window
                figures["number"] = number_loss(output.selected.several, count)
                total = total + self.weights.number * figures["number"]
        figures["total"] = total
        return total, figures

    @staticmethod
    def _instance_loss(encoded: EncodedImages, batch: TrainingBatch, size: int) -> Tensor:
        """Of the candidates that are an object of the batch, each object once."""
        if encoded.regions is None or encoded.instances is None:
            raise ValueError("pictures were encoded without regions, expected a network with `regions`")
        device = encoded.instances.device
        masks = torch.from_numpy(batch.instances).to(device).float() / 255
        index = torch.from_numpy(batch.instance_index).to(device)
        which, iou = matched_regions(encoded.regions.boxes.detach(), boxes_of_masks(masks, size), index)
        found = iou > FOUND
        boxes = encoded.regions.boxes.detach()[index[found], which[found]]
        return instance_loss(encoded.instances[index[found], which[found]], boxes, masks[found], size)


class ClipTask:
    """Windows of frames: what the frames around a frame should add to its features, everything else being as it is."""

    def __init__(self, sampler: ClipSampler, weights: LossWeights) -> None:
        self.sampler, self.weights = sampler, weights

    def batches(self, start: int) -> Generator[TrainingBatch, None, None]:
        """As in `ExpressionTask`."""
        return prefetched(self.sampler.batch, start)

    def loss(self, network: ReferringNetwork, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 8 with the region and presence terms, of the expressions about frames of one window."""
        device = next(network.parameters()).device
        images, windows, index = _pictures(batch, device)
        target = torch.from_numpy(batch.masks).to(device).float() / 255
        with mixed_precision(device):
            with torch.no_grad():
                seen = network.see(images, windows)
            encoded = network.relate(network.across(seen))
            output = network.attend(encoded, torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.valid).to(device), index)
        loss = segmentation_loss(output, target, torch.from_numpy(batch.inside).to(device)[index], self.weights)
        return loss.total, {**loss._asdict(), "iou": batch_iou(output.logits.detach(), target)}


class InstanceTask:
    """Single objects: the mask in a box, be it a candidate's or a label's own, jittered, where no candidate found the object."""

    def __init__(self, sampler: TrainingSampler) -> None:
        self.sampler = sampler

    def batches(self, start: int) -> Generator[TrainingBatch, None, None]:
        """As in `ExpressionTask`."""
        return prefetched(self.sampler.batch, start)

    def loss(self, network: ReferringNetwork, batch: TrainingBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """`instance_loss` of every object of the batch; zero where there is none."""
        device = next(network.parameters()).device
        images, windows, _ = _pictures(batch, device)
        size = images.shape[-1]
        masks = torch.from_numpy(batch.instances).to(device).float() / 255
        index = torch.from_numpy(batch.instance_index).to(device)
        with mixed_precision(device):
            seen = network.backbone(images)
        regions = network.propose(images, seen, windows)
        if regions is None:
            raise DataError("a phase of instances needs a network with regions, got none: set `regions` in the recipe's network")
        objects = boxes_of_masks(masks, size)
        which, iou = matched_regions(regions.boxes, objects, index)
        extent = (objects[:, 2:] - objects[:, :2]).repeat(1, 2)
        jittered = objects + JITTER * extent * torch.randn_like(objects).clamp(-2, 2)
        boxes = torch.where((iou > FOUND).unsqueeze(1), regions.boxes[index, which], jittered).detach()
        places = _grouped(index, len(images))  # (B, most objects of a picture), -1 for none
        drawn = boxes if len(boxes) else boxes.new_zeros(1, 4)  # a batch without objects draws nothings, which cost nothing
        with mixed_precision(device):
            logits = network.instances((seen.levels[0], *seen.details), drawn[places.clamp_min(0)], size)
        order = places[places >= 0]
        loss = instance_loss(logits[places >= 0], boxes[order], masks[order], size)
        return loss, {"total": loss, "matched": (iou > FOUND).float().mean()}


class SelectionTask:
    """The choice among the candidates, from memory; see `region_memory`. classes: names of the detector's."""

    def __init__(
        self, memory: RegionMemory, chooser: ExpressionChooser, tokeniser: Tokeniser, phase: Phase, seed: int, classes: Sequence[str]
    ) -> None:
        self.classes = classes
        self.memory, self.chooser, self.tokeniser, self.phase, self.seed = memory, chooser, tokeniser, phase, seed
        if phase.imagined > 0:
            memory.imagine(phase.image_size, classes)

    def batches(self, start: int) -> Generator[RegionBatch, None, None]:
        """Batches from `start` on, prepared by one thread while the network computes."""

        def batch(step: int) -> RegionBatch:
            return self.memory.batch(
                self.chooser,
                self.tokeniser,
                self.classes,
                self.phase.images,
                self.phase.expressions,
                seed=self.seed,
                step=step,
                imagined=self.phase.imagined,
            )

        return prefetched(batch, start)

    def loss(self, network: ReferringNetwork, batch: RegionBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """`selection_loss`, and the share of expressions whose choice is the object meant (or rightly none)."""
        device = next(network.parameters()).device
        regions = type(batch.regions)(*(part.to(device) for part in batch.regions))
        said = (batch.tokens, batch.valid, batch.image_index, batch.overlap, batch.category)
        tokens, valid, index, overlap, category = (part.to(device) for part in said)
        with mixed_precision(device):
            selected = network.select(network.describe(regions), hide_words(tokens, valid), valid, index)
        loss = selection_loss(selected, overlap, category)
        return loss, {"total": loss, "right": choice_accuracy(selected.logits.detach(), overlap)}


class NumberTask(SelectionTask):
    """Whether one thing is meant or several: the same sentences, and nothing else."""

    def loss(self, network: ReferringNetwork, batch: RegionBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """`number_loss`, and the share of expressions that it gets right."""
        if network.number is None:
            raise DataError("a phase of number needs a network that reads it, got none: set `number` in the recipe's network")
        device = next(network.parameters()).device
        tokens, valid, count = (part.to(device) for part in (batch.tokens, batch.valid, batch.meant))
        several = network.number(network.words.table(hide_words(tokens, valid)), valid)
        right = ((several > 0) == (count > 1))[count > 0].float().mean()
        loss = number_loss(several, count)
        return loss, {"total": loss, "right": right}


def choice_accuracy(logits: Tensor, overlap: Tensor) -> Tensor:
    """Share of expressions whose best entry of logits (K, N + 1) is a candidate with overlap (K, N) above one half, or "none" where there is none."""
    outcome = torch.cat([overlap > FOUND, ~(overlap > FOUND).any(1, keepdim=True)], dim=1)
    return outcome.gather(1, logits.argmax(1, keepdim=True)).float().mean()


def hide_words(tokens: Tensor, valid: Tensor) -> Tensor:
    """Tokens (K, T) with some words hidden."""
    return tokens.masked_fill((torch.rand(tokens.shape, device=tokens.device) < UNKNOWN_RATE) & valid, UNK)


def sampler_for(
    phase: Phase, sources: Sequence[TrainingSource], tokeniser: Tokeniser, seed: int, borrowed: Sequence[tuple[str, str]]
) -> TrainingSampler:
    """Pictures and expressions as the phase asks for them."""
    return TrainingSampler(
        [(source.scenes, source.share) for source in sources],
        tokeniser,
        image_size=phase.image_size,
        images_per_batch=phase.images,
        expressions_per_image=phase.expressions,
        instances_per_image=phase.instances,
        seed=seed,
        mix=phase.mix,
        borrowed=borrowed,
    )


def prefetched(make: Callable[[int], Batch], start: int, ahead: int = 4) -> Generator[Batch, None, None]:
    """make(start), make(start + 1), ... prepared ahead by one thread. Raises DataError for what fails there."""
    ready: queue.Queue[tuple[Batch | None, BaseException | None]] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def prepare() -> None:
        step = start
        while not stop.is_set():
            try:
                item: tuple[Batch | None, BaseException | None] = (make(step), None)
            except Exception as error:
                item = (None, error)
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if item[1] is not None:
                return
            step += 1

    thread = threading.Thread(target=prepare, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if batch is None:
                raise DataError(f"the training data failed: {error}") from error
            yield batch
    finally:
        stop.set()
        thread.join()  # a thread that still computes when the interpreter ends takes it down


def _pictures(batch: TrainingBatch, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Images (B, 3, S, S) in 0..1, channels last in memory, windows (B, 4) and the expressions' picture (K,)."""
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
