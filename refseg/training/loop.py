"""The training loop: one recipe in, a checkpoint out; resumable at any step."""

import json
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from refseg.data.batches import TrainingBatch, TrainingSampler
from refseg.data.sources import TrainingSource, open_source
from refseg.errors import DataError
from refseg.inference.checkpoint import save_checkpoint
from refseg.language import UNK, Tokeniser, Vocabulary
from refseg.models.network import ReferringNetwork
from refseg.training.initialise import initialise_compact
from refseg.training.losses import Loss, batch_iou, segmentation_loss
from refseg.training.recipe import Phase, Recipe, load_recipe
from refseg.training.schedule import parameter_groups, warm_cosine
from refseg.training.state import load_state, save_state
from refseg.training.vocabulary import build_vocabulary, frequent_words

UNKNOWN_RATE = 0.02  # share of words hidden in training, so that <unk> means "some word"
LOG_EVERY, SAVE_EVERY = 10, 100


@dataclass
class Run:
    """One run in progress."""

    recipe: Recipe
    network: ReferringNetwork
    average: ReferringNetwork
    vocabulary: Vocabulary
    output: Path
    device: torch.device
    step: int = 0


def train_from_recipe(
    recipe: str, data: Path, output: Path, *, resume: bool = False, steps: int | None = None, device: str = "auto"
) -> Path:
    """Train and write the checkpoint folder `output`/checkpoint; returns it.

    data: the folder that the recipe's sources and initialisation are relative to.  steps: stop after that many (of all phases) instead of the
    recipe's own number.  Raises DataError for unusable recipes or data.
    """
    plan = load_recipe(recipe)
    output.mkdir(parents=True, exist_ok=True)
    sources = [open_source(data, spec) for spec in plan.sources]
    initialisation = data / plan.initialisation if plan.initialisation else None
    torch.manual_seed(plan.seed)
    sentences = (sentence for source in sources for _, sentence in source.expressions)
    vocabulary = build_vocabulary(sentences, frequent_words(initialisation), plan.vocabulary_words)
    network = ReferringNetwork(plan.network, len(vocabulary))
    if initialisation is not None:
        initialise_compact(network, vocabulary, initialisation)
    average = ReferringNetwork(plan.network, len(vocabulary))
    average.load_state_dict(network.state_dict())
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    run = Run(plan, _placed(network, place), _placed(average, place), vocabulary, output, place)
    last = min(plan.steps, steps or plan.steps)
    while run.step < last:
        _train_phase(run, sources, last, resume)
        resume = False  # the state is read once; later phases go on from memory
    return _write_checkpoint(run)


def _placed(network: ReferringNetwork, device: torch.device) -> ReferringNetwork:
    """On `device`, channels last: twice as fast on CPUs."""
    placed: ReferringNetwork = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    return placed


def _write_checkpoint(run: Run) -> Path:
    """The moving average as it is now, in `output`/checkpoint."""
    folder = run.output / "checkpoint"
    folder.mkdir(exist_ok=True)
    save_checkpoint(folder, run.average, run.vocabulary, {"recipe": run.recipe.name, "steps": run.step, "seed": run.recipe.seed})
    return folder


def _train_phase(run: Run, sources: Sequence[TrainingSource], last: int, resume: bool) -> None:
    """Train to the end of the phase that `run.step` is in (or to `last`), after resuming where asked."""
    optimiser = _optimiser(run)
    if resume:
        run.step = int(load_state(run.output, run.network, run.average, optimiser)["step"])
        if run.step >= last:
            return
        optimiser = _optimiser(run, optimiser)
    index, start = run.recipe.at(run.step)
    phase = run.recipe.phases[index]
    sampler = TrainingSampler(
        [(source.scenes, source.share) for source in sources],
        Tokeniser(run.vocabulary, run.recipe.network.max_words),
        image_size=phase.image_size,
        images_per_batch=phase.images,
        expressions_per_image=phase.expressions,
        seed=run.recipe.seed + 1000 * index,
        mix=phase.mix,
        borrowed=[pair for source in sources for pair in source.expressions],
    )
    run.network.train()
    run.network.backbone.requires_grad_(phase.backbone_rate > 0)
    meter = _Meter(run, phase)
    for within, batch in zip(range(start, min(phase.steps, start + last - run.step)), _prefetched(sampler, start), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * warm_cosine(within, phase.steps, phase.warmup)
        loss, iou = _step(run, phase, optimiser, batch)
        run.step += 1
        meter.update(loss, iou)
        if run.step % SAVE_EVERY == 0 or run.step == last:
            save_state(run.output, run.network, run.average, optimiser, {"step": run.step, "recipe": run.recipe.name})
            _write_checkpoint(run)


def _optimiser(run: Run, earlier: torch.optim.Optimizer | None = None) -> torch.optim.AdamW:
    """AdamW with the rates of the phase that `run.step` is in; moments kept from `earlier`."""
    phase = run.recipe.phases[run.recipe.at(run.step)[0]]
    groups = parameter_groups(run.network, phase.rate, phase.backbone_rate, phase.table_rate, phase.decay)
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    if earlier is not None:
        optimiser.state.update(earlier.state)
    return optimiser


def _step(run: Run, phase: Phase, optimiser: torch.optim.Optimizer, batch: TrainingBatch) -> tuple[Loss, Tensor]:
    device = run.device
    images = torch.from_numpy(batch.images).to(device).permute(0, 3, 1, 2).float() / 255  # (B, 3, S, S), channels last in memory
    index = torch.from_numpy(batch.image_index).to(device)
    valid = torch.from_numpy(batch.valid).to(device)
    tokens = torch.from_numpy(batch.tokens).to(device)
    hidden = (torch.rand(tokens.shape, device=device) < UNKNOWN_RATE) & valid
    tokens = tokens.masked_fill(hidden, UNK)
    target = torch.from_numpy(batch.masks).to(device).float() / 255
    inside = torch.from_numpy(batch.inside).to(device)[index]
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        output = run.network(images, tokens, valid, index)
    loss = segmentation_loss(output, target, inside, run.recipe.loss)
    optimiser.zero_grad(set_to_none=True)
    loss.total.backward()
    norm = torch.nn.utils.clip_grad_norm_((p for p in run.network.parameters() if p.grad is not None), 1.0)
    if torch.isfinite(norm):
        optimiser.step()
        _update_average(run)
    return loss, batch_iou(output.logits.detach(), target)


@torch.no_grad()
def _update_average(run: Run) -> None:
    """Exponential moving average with a ramp, so that it does not remember the random start."""
    decay = min(run.recipe.average, (1 + run.step) / (10 + run.step))
    for mean, value in zip(run.average.parameters(), run.network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def _prefetched(sampler: TrainingSampler, start: int, ahead: int = 4) -> Iterator[TrainingBatch]:
    """Batches from `start` on, prepared by one thread while the network computes."""
    ready: queue.Queue[TrainingBatch | BaseException] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def prepare() -> None:
        step = start
        while not stop.is_set():
            try:
                item: TrainingBatch | BaseException = sampler.batch(step)
            except Exception as error:
                item = error
            while not stop.is_set():
                try:
                    ready.put(item, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return
            step += 1

    threading.Thread(target=prepare, daemon=True).start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise DataError(f"the training data failed: {item}") from item
            yield item
    finally:
        stop.set()


class _Meter:
    """Prints and logs running means: one JSON line per LOG_EVERY steps in `output`/log.jsonl."""

    def __init__(self, run: Run, phase: Phase) -> None:
        self.run, self.phase = run, phase
        self.rows: list[list[float]] = []
        self.since = time.monotonic()

    def update(self, loss: Loss, iou: Tensor) -> None:
        self.rows.append([term.item() for term in (*loss, iou)])
        if self.run.step % LOG_EVERY:
            return
        means = np.nanmean(np.array(self.rows), axis=0)
        now = time.monotonic()
        rate = (now - self.since) / len(self.rows)
        record = dict(zip(("loss", "cross_entropy", "region", "presence", "iou"), (round(float(m), 4) for m in means), strict=True))
        record = {k: v for k, v in record.items() if math.isfinite(v)} | {"seconds_per_step": round(rate, 3)}
        with (self.run.output / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self.run.step, "phase": self.phase.name} | record) + "\n")
        left = (self.run.recipe.steps - self.run.step) * rate / 60
        print(
            f"{self.phase.name} {self.run.step}/{self.run.recipe.steps}",
            *(f"{k} {v}" for k, v in record.items()),
            f"~{left:.0f} min left",
            flush=True,
        )
        self.rows, self.since = [], now
