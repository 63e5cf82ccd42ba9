"""The device and the precision that a system runs in."""

from typing import Literal, get_args

import torch

from refseg.errors import DeviceError

Precision = Literal["auto", "float32", "bfloat16", "float16"]


def choose_device(name: str) -> torch.device:
    """`auto` (a CUDA GPU, else Apple's, else the CPU), `cpu`, `cuda`, `cuda:1` or `mps`. Raises DeviceError for a
    device that this computer does not have.
    """
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError) as error:
        raise DeviceError(f"the device is {name!r}, expected auto, cpu, cuda, cuda:N or mps") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"the device is {name!r}, expected auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"the device is {name!r}, but torch sees {torch.cuda.device_count()} CUDA GPUs here: use cpu or auto"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("the device is 'mps', but there is no Apple GPU here: use cpu or auto")
    return device


def check_precision(precision: str, device: torch.device) -> None:
    """Raises DeviceError for a precision that does not exist or that `device` cannot use."""
    if precision not in get_args(Precision):
        raise DeviceError(f"the precision is {precision!r}, expected one of {', '.join(get_args(Precision))}")
    if precision == "float16" and device.type == "cpu":
        # Its convolutions take about fifty times as long on CPUs.
        raise DeviceError("the precision is 'float16', which is slow on CPUs: use auto, float32 or bfloat16")


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """`auto`: bfloat16 on GPUs that have it (else float16), bfloat16 on CPUs with matrix units for it (AMX), float32
    elsewhere.

    Attention logits and exponentials stay float32 in all of them (`refseg.models.cmsa.attention`). Raises DeviceError.
    """
    check_precision(precision, device)
    if precision != "auto":
        chosen: torch.dtype = getattr(torch, precision)
        return chosen
    if device.type == "cuda":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float16
    if device.type == "cpu" and _has_amx():
        return torch.bfloat16
    return torch.float32


def trains_in_bfloat16(device: torch.device) -> bool:
    """Whether training is faster there in mixed precision: on every CUDA GPU, and on CPUs that multiply bfloat16
    (AVX-512 or AMX). AVX-512 makes a single answer a fifth faster, which is too little for `choose_precision` to leave
    float32.
    """
    if device.type == "cpu":
        return _has_amx() or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return device.type == "cuda"


def _has_bfloat16(device: torch.device) -> bool:
    """Whether this GPU computes in bfloat16: AMD's all do, NVIDIA's from compute capability 8.0 on. A machine may
    have GPUs of several kinds.
    """
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)


def _has_amx() -> bool:
    """Whether the CPU multiplies bfloat16 tiles; without such units bfloat16 is slower than float32."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
