"""A checkpoint is a folder: config.json, model.safetensors, vocabulary.txt (and a README.md, which is not read).

config.json names the system ("system") and its settings ("network"). A file without "system" is from before there were
several; its settings and the names of its tensors are translated by `refseg.models.registry`.

Folders may come from anybody, so nothing in them is trusted: no pickle is opened, every setting has bounds
(`refseg.models.config`), and the shapes that the configuration asks for are compared with those of the file before
memory is allocated for them.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from refseg.errors import CheckpointError
from refseg.inference.calibration import PresenceCalibration
from refseg.language import Vocabulary
from refseg.models.config import SettingError, SystemConfig, brief
from refseg.models.registry import build_system, system_name, upgraded_name
from refseg.models.registry import read_config as read_settings
from refseg.models.system import System
from refseg.resources import CHECKPOINTS, resource_folder

FORMAT = 1
CONFIG, WEIGHTS, VOCABULARY, CARD = "config.json", "model.safetensors", "vocabulary.txt", "README.md"
# Bytes that a file of a checkpoint may have; the paper's configuration needs about 150 MB of weights.
MAX_BYTES = {CONFIG: 1_000_000, WEIGHTS: 2_000_000_000, VOCABULARY: 20_000_000, CARD: 5_000_000}
MAX_PARAMETERS = 500_000_000
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz")

_FLOATS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}
EMBEDDED = resource_folder(CHECKPOINTS)  # one folder for each embedded model
DEFAULT_MODEL = "cmsa"


def save_checkpoint(
    folder: Path | str,
    system: System,
    vocabulary: Vocabulary,
    training: Mapping[str, Any],
    *,
    threshold: float = 0.5,
    presence: PresenceCalibration | None = None,
) -> None:
    """Write config.json, model.safetensors (floating tensors as float16) and vocabulary.txt into `folder`; other files
    there stay.

    All three are complete on the disk before the first replaces an old one, config.json last; its digests show if files
    of two checkpoints are mixed. training: JSON types, saved as they are.  threshold: the probability from which a
    position belongs to the mask.  presence: calibration of the presence logit, if it was measured. Raises
    CheckpointError if a tensor is not finite or the folder cannot be written.
    """
    folder = Path(folder)
    if not 0 < threshold < 1:
        raise CheckpointError(f"the threshold is {threshold}, expected a number between 0 and 1")
    if len(vocabulary) != system.vocabulary_size:
        raise CheckpointError(
            f"the vocabulary has {len(vocabulary)} words, expected {system.vocabulary_size}, the rows of the network's"
            " word table"
        )
    tensors = {name: _stored(name, value) for name, value in system.state_dict().items()}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            save_file(tensors, temporary / WEIGHTS, metadata={"format": "pt"})
            vocabulary.save(temporary / VOCABULARY)
            config = {
                "format": FORMAT,
                "system": system_name(system),
                "network": system.config.to_dict(),
                "threshold": threshold,
                **({} if presence is None else {"presence": presence.to_dict()}),
                "training": dict(training),
                "weights_sha256": _digest_of_file(temporary / WEIGHTS),
                "vocabulary_sha256": _digest_of_words(vocabulary),
            }
            (temporary / CONFIG).write_text(
                json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
            )
            folder.mkdir(exist_ok=True)
            for name in (WEIGHTS, VOCABULARY, CONFIG):
                (temporary / name).chmod(0o644)
                (temporary / name).replace(folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot write the checkpoint {folder}: {error}; give a folder that can be written"
        ) from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"the training record of a checkpoint must have JSON types and finite numbers: {error}"
        ) from error


def load_checkpoint(folder: Path | str) -> tuple[System, Vocabulary, dict[str, Any]]:
    """(system in float32, on the CPU, in evaluation mode; vocabulary; the whole of config.json, with weights_sha256) of
    a folder that `save_checkpoint` wrote.

    Raises CheckpointError if a file is missing, too large, malformed, or does not belong to the others.
    """
    folder = Path(folder)
    _check_files(folder)
    config = read_config(folder / CONFIG)
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    if config.get("vocabulary_sha256", digest := _digest_of_words(vocabulary)) != digest:
        raise CheckpointError(
            f"{folder / VOCABULARY} is not the vocabulary that {CONFIG} names: copy the whole checkpoint again"
        )
    if config.setdefault("weights_sha256", digest := _digest_of_file(folder / WEIGHTS)) != digest:
        raise CheckpointError(
            f"{folder / WEIGHTS} is damaged or not the file that {CONFIG} names: copy the whole checkpoint again"
        )
    settings = _settings(folder / CONFIG, config)
    renamed = "system" not in config and system_name(settings) == "compact"
    tensors = _read_weights(
        folder / WEIGHTS, _shapes(folder, settings, len(vocabulary)), upgraded_name if renamed else str
    )
    with torch.random.fork_rng(
        devices=[]
    ):  # the random values are overwritten at once; the caller's generator is not advanced
        system = build_system(settings, len(vocabulary))
    system.load_state_dict(tensors, strict=True)
    return system.eval(), vocabulary, config


def read_config(path: Path) -> dict[str, Any]:
    """config.json with all values checked that are used. Raises CheckpointError."""
    if path.stat().st_size > MAX_BYTES[CONFIG]:
        raise CheckpointError(f"{path} has {path.stat().st_size} bytes, expected at most {MAX_BYTES[CONFIG]}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not readable JSON ({error}); expected the config.json of a refseg checkpoint"
        ) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        got = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise CheckpointError(
            f"{path} has the format {brief(got)}, expected {FORMAT}: it is another model's file or a newer refseg's"
        )
    threshold = config.setdefault("threshold", 0.5)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < 1:
        raise CheckpointError(f"{path}: threshold is {brief(threshold)}, expected a number between 0 and 1")
    if "presence" in config:
        try:
            PresenceCalibration.from_dict(config["presence"])
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None
    if not isinstance(config.setdefault("training", {}), dict):
        raise CheckpointError(f"{path}: training is {brief(config['training'])}, expected an object")
    _settings(path, config)
    return config


def _settings(path: Path, config: Mapping[str, Any]) -> SystemConfig:
    """The settings in the config.json at `path`, checked. Raises CheckpointError."""
    try:
        return read_settings(config.get("system"), config.get("network"))
    except SettingError as error:
        raise CheckpointError(f"{path}: network.{error}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: the network's settings cannot be used: {error}") from error


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(
            f"no checkpoint folder {folder}: expected a folder with {CONFIG}, {WEIGHTS} and {VOCABULARY}"
        )
    for name in (CONFIG, WEIGHTS, VOCABULARY):
        path = folder / name
        if not path.is_file():
            pickled = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
            hint = f" ({pickled[0]} may hold pickled code and is never opened)" if pickled else ""
            raise CheckpointError(
                f"{folder} has no {name}{hint}: expected a folder with {CONFIG}, {WEIGHTS} and {VOCABULARY}"
            )
        if path.stat().st_size > MAX_BYTES[name]:
            raise CheckpointError(f"{path} has {path.stat().st_size} bytes, expected at most {MAX_BYTES[name]}")


def _shapes(folder: Path, config: SystemConfig, words: int) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Shape and type of every tensor that the configuration asks for, found without memory for any of them."""
    try:
        with torch.device("meta"):
            system = build_system(config, words)
    except (ValueError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG}: no network can be built from these settings: {error}") from error
    shapes = {name: (value.shape, value.dtype) for name, value in system.state_dict().items()}
    count = sum(shape.numel() for shape, _ in shapes.values())
    if count > MAX_PARAMETERS:
        raise CheckpointError(
            f"{folder / CONFIG} asks for a network of {count:,} numbers, expected at most {MAX_PARAMETERS:,}"
        )
    return shapes


def _read_weights(
    path: Path, shapes: Mapping[str, tuple[torch.Size, torch.dtype]], rename: Callable[[str], str]
) -> dict[str, Tensor]:
    """The tensors of `path` in the types of `shapes`, after all names and shapes have been compared. rename: name in
    the file -> current name.
    """
    try:
        with safe_open(path, framework="pt") as handle:
            names = {rename(name): name for name in handle.keys()}  # noqa: SIM118 - not a dictionary
            if missing := sorted(shapes.keys() - names.keys()):
                raise CheckpointError(
                    f"{path} lacks {_listed(missing)}: it belongs to another network than {CONFIG} describes"
                )
            if extra := sorted(names.keys() - shapes.keys()):
                raise CheckpointError(f"{path} has {_listed(extra)}, which the network of {CONFIG} does not have")
            for name, (shape, dtype) in shapes.items():
                part = handle.get_slice(names[name])
                got, kind = tuple(part.get_shape()), part.get_dtype()
                if got != tuple(shape):
                    raise CheckpointError(
                        f"{path}: {name} has the shape {got}, expected {tuple(shape)} from {CONFIG} and {VOCABULARY}"
                    )
                if (kind in _FLOATS) != dtype.is_floating_point:
                    raise CheckpointError(
                        f"{path}: {name} is of type {kind}, expected"
                        f" {'F16, BF16 or F32' if dtype.is_floating_point else dtype}"
                    )
            tensors = {name: handle.get_tensor(names[name]).to(dtype) for name, (_, dtype) in shapes.items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}): copy it again") from error
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise CheckpointError(
                f"{path}: {name} has values that are not finite numbers: the file is damaged or its training had failed"
            )
    return tensors


def _stored(name: str, value: Tensor) -> Tensor:
    """A tensor as it is stored: float16 if its values are in that range, otherwise unchanged."""
    value = value.detach().cpu()
    if value.is_floating_point():
        if not bool(value.isfinite().all()):
            raise CheckpointError(
                f"{name} has values that are not finite numbers: the training has failed; resume from an earlier state"
            )
        if value.numel() == 0 or float(value.abs().max()) <= torch.finfo(torch.float16).max:
            value = value.to(torch.float16)
    return value.clone(memory_format=torch.contiguous_format)


def _digest_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _digest_of_words(vocabulary: Vocabulary) -> str:
    """Digest of the words, not of the file, because line ends can change in transit."""
    return hashlib.sha256("\n".join(vocabulary.word(index) for index in range(len(vocabulary))).encode()).hexdigest()


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
