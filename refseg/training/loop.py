"""The training loop: one recipe in, a checkpoint out; resumable at any step."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refseg.data.expression_mix import ExpressionChooser
from refseg.data.clips import ClipSampler
from refseg.data.refcoco import read_refcoco
from refseg.data.sources import TrainingSource, open_clips, open_source
from refseg.errors import DataError
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import save_checkpoint
from refseg.inference.device import choose_device
from refseg.language import Tokeniser, Vocabulary
from refseg.models.cmsa.network import ReferringNetwork
from refseg.training.calibrate import calibrate
from refseg.training.categories import COCO_CATEGORIES
from refseg.training.regions.gate_fitting import apply_gate, fit_gate, gate_samples
from refseg.training.recipe import Phase, Recipe, load_recipe
from refseg.training.regions.cache_file import fingerprint, load_memory, save_memory
from refseg.training.regions.cache import RegionMemory, remember
from refseg.training.held_back import Comparison
from refseg.training.schedule import parameter_groups, warm_cosine
from refseg.training.warm_start import Start, begin
from refseg.training.state import check_plan, load_state, save_state, writing
from refseg.training.objectives import ClipTask, ExpressionTask, InstanceTask, NumberTask, SelectionTask, Task, sampler_for

LOG_EVERY = 10
FROM_MEMORY = {"selection": SelectionTask, "number": NumberTask}  # tasks that need no pictures, once they are remembered


@dataclass
class Run:
    """One run in progress."""

    recipe: Recipe
    start: Start
    network: ReferringNetwork
    average: ReferringNetwork
    data: Path
    output: Path
    device: torch.device
    step: int = 0

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the network's table."""
        return self.start.vocabulary


def train_from_recipe(
    recipe: str, data: Path, output: Path, *, resume: bool = False, steps: int | None = None, device: str = "auto", model: str | None = None
) -> Path:
    """Train and write the checkpoint folder `output`/checkpoint; returns it.

    data: the folder that the recipe's sources and initialisation are relative to.  steps: stop after that many (of all phases) instead of the
    recipe's own number.  model: what to go on from instead of the recipe's model.  device: see `choose_device`.  Raises DataError for unusable
    recipes or data, or where a run that is to be resumed was begun with another recipe, DeviceError, and InputError where `output` cannot be written.
    """
    plan, place = load_recipe(recipe), choose_device(device)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    sources = [open_source(data, spec) for spec in plan.sources]
    start = begin(plan, sources, data, model)
    average = ReferringNetwork(start.network.config, len(start.vocabulary))
    average.load_state_dict(start.network.state_dict())
    if resume:
        check_plan(output, _plan(plan, start))
    run = Run(plan, start, _placed(start.network, place), _placed(average, place), data, output, place)
    comparison = None
    if plan.measured is not None and start.model is not None:
        comparison = Comparison(start.model, read_refcoco(data / plan.measured, "val"), place, _told("measuring"))
    last = min(plan.steps, steps or plan.steps)
    while run.step < last:
        _train_phase(run, sources, last, resume)
        resume = False  # the state is read once; later phases go on from memory
    folder = _finished(run)
    if comparison is not None:
        print(comparison.conclude(folder, output, sum(len(source.scenes) for source in sources)), flush=True)
    return folder


def _finished(run: Run) -> Path:
    """The checkpoint, with what is fitted on held-back pictures when the last step is done."""
    plan, presence = run.recipe, run.start.presence
    if run.step == plan.steps and plan.gate and run.network.config.regions:
        datasets = [(read_refcoco(run.data / folder, "val"), weight) for folder, weight in plan.gate.items()]
        apply_gate(run.average, fit_gate(gate_samples(run.average, run.vocabulary, datasets)))
    if run.step == plan.steps and plan.calibration is not None and run.network.config.presence:
        presence = calibrate(run.average, run.vocabulary, read_refcoco(run.data / plan.calibration, "val"))
    return _write_checkpoint(run, presence)


def _placed(network: ReferringNetwork, device: torch.device) -> ReferringNetwork:
    """On `device`, channels last: twice as fast on CPUs."""
    placed: ReferringNetwork = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    return placed


def _write_checkpoint(run: Run, presence: PresenceCalibration | None) -> Path:
    """The moving average as it is now, in `output`/checkpoint."""
    folder = run.output / "checkpoint"
    with writing(run.output):
        folder.mkdir(exist_ok=True)
    training = {"recipe": run.recipe.name, "steps": run.step, "seed": run.recipe.seed, **run.start.record}
    save_checkpoint(folder, run.average, run.vocabulary, training, threshold=run.start.threshold, presence=presence)
    return folder


def _train_phase(run: Run, sources: Sequence[TrainingSource], last: int, resume: bool) -> None:
    """Train to the end of the phase that `run.step` is in (or to `last`), after resuming where asked."""
    optimiser = _optimiser(run)
    if resume:
        run.step = int(load_state(run.output, run.network, run.average, optimiser)["step"])
        if run.step >= last:
            return
        begun = run.recipe.at(run.step)[1] > 0
        optimiser = _optimiser(run, optimiser if begun else None)  # every phase begins without moments
    index, start = run.recipe.at(run.step)
    phase = run.recipe.phases[index]
    phase = phase if phase.image_size else replace(phase, image_size=run.network.config.image_size)
    if phase.task == "clips" and start == 0:
        run.network.load_state_dict(run.average.state_dict())  # the network that is kept is the one to be added to
    task = _task(run, sources, phase, _seed(run.recipe, index), resume)
    _choose_trained(run.network, phase)
    steps = range(start, min(phase.steps, start + last - run.step))
    with closing(task.batches(start)) as batches:
        _train_steps(run, task, optimiser, zip(steps, batches, strict=False), phase)
    _save(run, optimiser)


def _choose_trained(network: ReferringNetwork, phase: Phase) -> None:
    """Training mode, and which parameters the phase may change; a phase of clips leaves the answers about single pictures as they are, to the bit.

    A frozen backbone is in evaluation mode: it normalises by what it has seen, and goes on seeing nothing.
    """
    trains_backbone = phase.backbone_rate > 0 and phase.task != "clips"
    network.train()
    network.backbone.train(trains_backbone)
    network.requires_grad_(phase.task != "clips" and not phase.trained)
    for name, part in network.named_children():
        if name in phase.trained:
            part.requires_grad_(True)
    network.backbone.requires_grad_(trains_backbone)
    if phase.task == "clips":
        if not network.config.cross_frame:
            raise DataError(
                "a phase of clips needs a network with cross-frame attention, got none: set `cross_frame` in the recipe's network"
            )
        network.cross_frame.requires_grad_(True)


def _seed(recipe: Recipe, index: int) -> int:
    """Of what a phase draws."""
    return recipe.seed + 1000 * index


def _plan(recipe: Recipe, start: Start) -> dict[str, Any]:
    """What must not change while a run is interrupted: the recipe, and the weights of the model that it goes on from."""
    return recipe.to_dict() | {"weights of the model": start.record.get("from", {}).get("weights_sha256")}


def _save(run: Run, optimiser: torch.optim.Optimizer) -> None:
    """The state to resume from, and the checkpoint."""
    counters = {"step": run.step, "recipe": run.recipe.name, "plan": _plan(run.recipe, run.start)}
    with writing(run.output):
        save_state(run.output, run.network, run.average, optimiser, counters)
    _write_checkpoint(run, run.start.presence)


def _train_steps(run: Run, task: Task[Any], optimiser: torch.optim.Optimizer, batches: Iterable[tuple[int, Any]], phase: Phase) -> None:
    """One step for each (number within the phase, batch)."""
    meter = _Meter(run, phase)
    for within, batch in batches:
        torch.manual_seed(hash((run.recipe.seed, run.step)) % 2**31)  # what is hidden or jittered is a function of the step, too
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * warm_cosine(within, phase.steps, phase.warmup)
        figures = _step(run, task, optimiser, batch, within)
        run.step += 1
        meter.update(figures)
        if run.step % run.recipe.save_every == 0:
            _save(run, optimiser)


def _task(run: Run, sources: Sequence[TrainingSource], phase: Phase, seed: int, resume: bool) -> Task[Any]:
    """What the phase teaches; resume: the run has stopped in this phase."""
    tokeniser = Tokeniser(run.vocabulary, run.network.config.max_words)
    borrowed = [pair for source in sources for pair in source.expressions]
    if phase.task in FROM_MEMORY:
        chooser = ExpressionChooser(phase.mix, borrowed)
        first = next(number for number, other in enumerate(run.recipe.phases) if other.task in FROM_MEMORY)
        memory = _memory(run, sources, phase, chooser, _seed(run.recipe, first), resume)  # later phases remember the same
        classes = COCO_CATEGORIES if run.network.backbone.classes == len(COCO_CATEGORIES) else ()
        return FROM_MEMORY[phase.task](memory, chooser, tokeniser, phase, seed, classes)
    if phase.task == "clips":
        return ClipTask(_clip_sampler(run, sources, phase, tokeniser, seed, borrowed), run.recipe.loss)
    sampler = sampler_for(phase, sources, tokeniser, seed, borrowed)
    return InstanceTask(sampler) if phase.task == "instances" else ExpressionTask(sampler, run.recipe.loss, phase.regions)


def _memory(run: Run, sources: Sequence[TrainingSource], phase: Phase, chooser: ExpressionChooser, seed: int, resume: bool) -> RegionMemory:
    """What the run's folder remembers of these pictures, else what is seen in them now."""
    mark = fingerprint(run.network, sources, phase, seed)
    memory = load_memory(run.output, mark, unmarked=resume)
    if memory is None:
        memory = remember(run.network, sources, chooser, phase.image_size, seed, _told("looking at the pictures"))
        with writing(run.output):
            save_memory(memory, run.output, mark)
    return memory


def _clip_sampler(
    run: Run, sources: Sequence[TrainingSource], phase: Phase, tokeniser: Tokeniser, seed: int, borrowed: Sequence[tuple[str, str]]
) -> ClipSampler:
    return ClipSampler(
        open_clips(run.data, run.recipe.clips),
        [(source.scenes, source.share) for source in sources if source.expressions],
        tokeniser,
        ExpressionChooser(phase.mix, borrowed),
        image_size=phase.image_size,
        frames=phase.images,
        expressions=phase.expressions,
        seed=seed,
    )


def _told(what: str) -> Callable[[int, int], None]:
    """A line of progress every hundred pictures."""

    def tell(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"{what}: {done}/{total}", flush=True)

    return tell


def _optimiser(run: Run, earlier: torch.optim.Optimizer | None = None) -> torch.optim.AdamW:
    """AdamW with the rates of the phase that `run.step` is in; moments kept from `earlier`."""
    phase = run.recipe.phases[run.recipe.at(run.step)[0]]
    region_rate = phase.rate if phase.region_rate is None else phase.region_rate
    groups = parameter_groups(run.network, phase.rate, region_rate, phase.backbone_rate, phase.table_rate, phase.decay)
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    if earlier is not None:
        optimiser.state.update(earlier.state)
    return optimiser


def _step(run: Run, task: Task[Any], optimiser: torch.optim.Optimizer, batch: Any, within: int) -> Mapping[str, Tensor]:
    """One step of the optimiser; the named figures of its loss."""
    total, figures = task.loss(run.network, batch)
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_((p for p in run.network.parameters() if p.grad is not None), 1.0)
    if torch.isfinite(norm):
        optimiser.step()
        _update_average(run, within)
    return figures


@torch.no_grad()
def _update_average(run: Run, within: int) -> None:
    """Exponential moving average with a ramp from the start of each phase, so that it does not remember what the phase started from."""
    decay = min(run.recipe.average, (1 + within) / (10 + within))
    for mean, value in zip(run.average.parameters(), run.network.parameters(), strict=True):
        if value.requires_grad:
            mean.lerp_(value, 1 - decay)
    for kept, seen in zip(run.average.buffers(), run.network.buffers(), strict=True):
        kept.copy_(seen)  # batch normalisation's own averages


class _Meter:
    """Prints and logs running means: one JSON line per LOG_EVERY steps in `output`/log.jsonl."""

    def __init__(self, run: Run, phase: Phase) -> None:
        self.run, self.phase = run, phase
        self.rows: list[dict[str, float]] = []
        self.since = time.monotonic()

    def update(self, figures: Mapping[str, Tensor]) -> None:
        self.rows.append({name: value.item() for name, value in figures.items()})
        if self.run.step % LOG_EVERY:
            return
        means = {name: [row[name] for row in self.rows if math.isfinite(row.get(name, math.nan))] for name in self.rows[-1]}
        now = time.monotonic()
        rate = (now - self.since) / len(self.rows)
        record = {name: round(sum(values) / len(values), 4) for name, values in means.items() if values} | {
            "seconds_per_step": round(rate, 3)
        }
        with writing(self.run.output), (self.run.output / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self.run.step, "phase": self.phase.name} | record) + "\n")
        print(f"{self.phase.name} {self.run.step}/{self.run.recipe.steps}", *(f"{k} {v}" for k, v in record.items()), flush=True)
        self.rows, self.since = [], now
