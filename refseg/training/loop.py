"""The training loop: one recipe in, a checkpoint out; resumable at any step."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refseg.data.clips import ClipSampler
from refseg.data.expression_mix import ExpressionChooser
from refseg.data.refcoco import read_refcoco
from refseg.data.sources import TrainingSource, open_clips, open_source
from refseg.inference.calibration import PresenceCalibration
from refseg.inference.checkpoint import save_checkpoint
from refseg.inference.device import choose_device
from refseg.language import Tokenizer, Vocabulary
from refseg.models.registry import build_system
from refseg.models.system import ChoosesRegions, LearningRates, System
from refseg.training.calibrate import calibrate
from refseg.training.held_back import HeldBackComparison
from refseg.training.meter import Meter
from refseg.training.objectives import (
    ClipObjective,
    ExpressionObjective,
    InstanceObjective,
    NumberObjective,
    Objective,
    SelectionObjective,
    sampler_for,
    with_regions,
)
from refseg.training.optimizers import build_optimizer
from refseg.training.recipe import Phase, Recipe, load_recipe
from refseg.training.regions.cache import RegionCache, build_cache
from refseg.training.regions.cache_file import fingerprint, load_cache, save_cache
from refseg.training.regions.gate_fitting import apply_gate, fit_gate, gate_samples
from refseg.training.schedule import SCHEDULES
from refseg.training.state import check_plan, load_state, save_state, writing
from refseg.training.trained_parts import choose_trained
from refseg.training.warm_start import StartingModel, prepare_model

FROM_CACHE = {
    "selection": SelectionObjective,
    "number": NumberObjective,
}  # tasks that use cached regions instead of images


@dataclass
class Run:
    """One run in progress."""

    recipe: Recipe
    start: StartingModel
    network: System
    average: System
    data: Path
    output: Path
    device: torch.device
    step: int = 0

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the system."""
        return self.start.vocabulary


def train_from_recipe(
    recipe: str,
    data: Path,
    output: Path,
    *,
    resume: bool = False,
    steps: int | None = None,
    device: str = "auto",
    model: str | None = None,
) -> Path:
    """Train and write the checkpoint folder `output`/checkpoint; returns it.

    data: the folder that the recipe's sources and initialization are relative to.  steps: stop after that many (of all
    phases) instead of the recipe's own number.  model: to continue from, instead of the recipe's model.  device:
    see `choose_device`.  Raises DataError for unusable recipes or data, or if a run that is to be resumed was started
    with another recipe, DeviceError, and InputError if `output` cannot be written.
    """
    plan, place = load_recipe(recipe), choose_device(device)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    sources = [open_source(data, spec) for spec in plan.sources]
    start = prepare_model(plan, sources, data, model)
    average = build_system(start.system.config, len(start.vocabulary))
    average.load_state_dict(start.system.state_dict())
    if resume:
        check_plan(output, _plan(plan, start))
    run = Run(plan, start, _placed(start.system, place), _placed(average, place), data, output, place)
    comparison = None
    if plan.measured is not None and start.model is not None:
        comparison = HeldBackComparison(
            start.model, read_refcoco(data / plan.measured, "val"), place, _counter("images measured")
        )
    last = min(plan.steps, steps or plan.steps)
    while run.step < last:
        _train_phase(run, sources, last, resume)
        resume = False  # the state is read once; later phases continue in this process
    folder = _finish(run)
    if comparison is not None:
        print(comparison.conclude(folder, output, sum(len(source.scenes) for source in sources)), flush=True)
    return folder


def _finish(run: Run) -> Path:
    """Write the checkpoint; after the last step, fit gate and presence on held-back images first."""
    plan, presence = run.recipe, run.start.presence
    if run.step == plan.steps and plan.gate and isinstance(run.average, ChoosesRegions):
        datasets = [(read_refcoco(run.data / folder, "val"), weight) for folder, weight in plan.gate.items()]
        apply_gate(run.average, fit_gate(gate_samples(run.average, run.vocabulary, datasets)))
    if run.step == plan.steps and plan.calibration is not None and predicts_presence(run.average):
        presence = calibrate(run.average, run.vocabulary, read_refcoco(run.data / plan.calibration, "val"))
    return _write_checkpoint(run, presence)


def _placed(network: System, device: torch.device) -> System:
    """On `device`, channels last: twice as fast on CPUs."""
    placed: System = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
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
    """Train to the end of the phase that `run.step` is in (or to `last`), after resuming if `resume`."""
    optimizer = _optimizer(run)
    if resume:
        run.step = int(load_state(run.output, run.network, run.average, optimizer)["step"])
        if run.step >= last:
            return
        begun = run.recipe.at(run.step)[1] > 0
        optimizer = _optimizer(run, optimizer if begun else None)  # every phase starts with new optimizer state
    index, start = run.recipe.at(run.step)
    phase = run.recipe.phases[index]
    phase = phase if phase.image_size else replace(phase, image_size=run.network.config.image_size)
    if phase.task == "clips" and start == 0:
        run.network.load_state_dict(
            run.average.state_dict()
        )  # attention across frames is added to the weights that are saved
    objective = _objective(run, sources, phase, _seed(run.recipe, index), resume)
    choose_trained(run.network, phase)
    steps = range(start, min(phase.steps, start + last - run.step))
    with closing(objective.batches(start)) as batches:
        _train_steps(run, objective, optimizer, zip(steps, batches, strict=False), phase)
    _save(run, optimizer)


def predicts_presence(system: System) -> bool:
    """Whether the system's answers have a presence logit."""
    return bool(getattr(system.config, "presence", False))


def _seed(recipe: Recipe, index: int) -> int:
    """The seed of a phase."""
    return recipe.seed + 1000 * index


def _plan(recipe: Recipe, start: StartingModel) -> dict[str, Any]:
    """What a resumed run must have in common with the interrupted one: the recipe, and the weights of its
    first model.
    """
    return recipe.to_dict() | {"weights of the model": start.record.get("from", {}).get("weights_sha256")}


def _save(run: Run, optimizer: torch.optim.Optimizer) -> None:
    """The state to resume from, and the checkpoint."""
    counters = {"step": run.step, "recipe": run.recipe.name, "plan": _plan(run.recipe, run.start)}
    with writing(run.output):
        save_state(run.output, run.network, run.average, optimizer, counters)
    _write_checkpoint(run, run.start.presence)


def _train_steps(
    run: Run,
    objective: Objective[Any],
    optimizer: torch.optim.Optimizer,
    batches: Iterable[tuple[int, Any]],
    phase: Phase,
) -> None:
    """One step for each (number within the phase, batch)."""
    meter = Meter(run.output, phase.name, run.recipe.steps)
    for within, batch in batches:
        torch.manual_seed(
            hash((run.recipe.seed, run.step)) % 2**31
        )  # hidden words and jitter are a function of the step
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * SCHEDULES[phase.schedule](within, phase.steps, phase.warmup)
        figures = _step(run, objective, optimizer, batch, within)
        run.step += 1
        meter.update(run.step, figures)
        if run.step % run.recipe.save_every == 0:
            _save(run, optimizer)


def _objective(run: Run, sources: Sequence[TrainingSource], phase: Phase, seed: int, resume: bool) -> Objective[Any]:
    """The objective of the phase; resume: the run was interrupted in this phase."""
    tokenizer = Tokenizer(run.vocabulary, run.network.config.max_words)
    borrowed = [pair for source in sources for pair in source.expressions]
    if phase.task in FROM_CACHE:
        chooser = ExpressionChooser(phase.mix, borrowed)
        first = next(number for number, other in enumerate(run.recipe.phases) if other.task in FROM_CACHE)
        cache = _cache(run, sources, phase, chooser, _seed(run.recipe, first), resume)  # later phases use the same
        classes = with_regions(run.network, phase.task).class_names
        return FROM_CACHE[phase.task](cache, chooser, tokenizer, phase, seed, classes)
    if phase.task == "clips":
        return ClipObjective(_clip_sampler(run, sources, phase, tokenizer, seed, borrowed), run.recipe.loss)
    sampler = sampler_for(phase, sources, tokenizer, seed, borrowed, run.network.config.padding)
    return (
        InstanceObjective(sampler)
        if phase.task == "instances"
        else ExpressionObjective(sampler, run.recipe.loss, phase.regions, phase.hidden_words)
    )


def _cache(
    run: Run, sources: Sequence[TrainingSource], phase: Phase, chooser: ExpressionChooser, seed: int, resume: bool
) -> RegionCache:
    """The cached regions of the images: from the run's folder, or computed now."""
    mark = fingerprint(run.network, sources, phase, seed)
    cache = load_cache(run.output, mark, unmarked=resume)
    if cache is None:
        cache = build_cache(run.network, sources, chooser, phase.image_size, seed, _counter("regions of images cached"))
        with writing(run.output):
            save_cache(cache, run.output, mark)
    return cache


def _clip_sampler(
    run: Run,
    sources: Sequence[TrainingSource],
    phase: Phase,
    tokenizer: Tokenizer,
    seed: int,
    borrowed: Sequence[tuple[str, str]],
) -> ClipSampler:
    return ClipSampler(
        open_clips(run.data, run.recipe.clips),
        [(source.scenes, source.share) for source in sources if source.expressions],
        tokenizer,
        ExpressionChooser(phase.mix, borrowed),
        image_size=phase.image_size,
        frames=phase.images,
        expressions=phase.expressions,
        seed=seed,
    )


def _counter(what: str) -> Callable[[int, int], None]:
    """A progress function that prints a line every hundred images."""

    def report(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"{what}: {done}/{total}", flush=True)

    return report


def _optimizer(run: Run, earlier: torch.optim.Optimizer | None = None) -> torch.optim.Optimizer:
    """The optimizer and the rates of the phase that `run.step` is in; its state copied from `earlier`."""
    phase = run.recipe.phases[run.recipe.at(run.step)[0]]
    region_rate = phase.rate if phase.region_rate is None else phase.region_rate
    rates = LearningRates(phase.rate, phase.backbone_rate, phase.table_rate, region_rate, phase.decay)
    optimizer = build_optimizer(phase.optimizer, run.network.parameter_groups(rates))
    if earlier is not None:
        optimizer.state.update(earlier.state)
    return optimizer


def _step(
    run: Run, objective: Objective[Any], optimizer: torch.optim.Optimizer, batch: Any, within: int
) -> Mapping[str, Tensor]:
    """One step of the optimizer; the named figures of its loss."""
    total, figures = objective.loss(run.network, batch)
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    largest = run.recipe.phases[run.recipe.at(run.step)[0]].clip_norm or math.inf
    norm = torch.nn.utils.clip_grad_norm_((p for p in run.network.parameters() if p.grad is not None), largest)
    if torch.isfinite(norm):
        optimizer.step()
        _update_average(run, within)
    return figures


@torch.no_grad()
def _update_average(run: Run, within: int) -> None:
    """Exponential moving average with a ramp from the start of each phase, so that the weights at its start are
    forgotten quickly.
    """
    decay = min(run.recipe.average, (1 + within) / (10 + within))
    for mean, value in zip(run.average.parameters(), run.network.parameters(), strict=True):
        if value.requires_grad:
            mean.lerp_(value, 1 - decay)
    for kept, current in zip(run.average.buffers(), run.network.buffers(), strict=True):
        kept.copy_(current)  # batch normalization's own averages
