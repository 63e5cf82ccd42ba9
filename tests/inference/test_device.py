"""Devices and precisions: what is chosen, and what is refused in one sentence."""

import pytest
import torch

from refseg.errors import DeviceError
from refseg.inference import device
from refseg.inference.device import check_precision, choose_device, choose_precision, trains_in_bfloat16

CPU = torch.device("cpu")


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


@pytest.mark.parametrize(
    "name", ["gpu", "", "cuda:x", "meta", "xpu", "cpu cpu", "cuda:-1", "cuda:99999999999999999999"]
)
def test_no_such_device(name: str) -> None:
    with pytest.raises(DeviceError, match=r"the device is .*, expected auto, cpu, cuda, cuda:N or mps"):
        choose_device(name)


def test_a_gpu_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("cuda") == torch.device("cuda")
    with pytest.raises(DeviceError, match="torch sees 1 CUDA GPUs"):
        choose_device("cuda:1")
    with pytest.raises(DeviceError, match="no Apple GPU"):
        choose_device("mps")


@pytest.mark.parametrize("amx, dtype", [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_on_processors_that_have_it(monkeypatch: pytest.MonkeyPatch, amx: bool, dtype: torch.dtype) -> None:
    monkeypatch.setattr(device, "_has_amx", lambda: amx)
    assert choose_precision("auto", CPU) == dtype
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16


def test_half_precision_is_that_of_the_gpu_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a T4 and an H100: what the current GPU has says nothing of the other."""
    capabilities = {0: (7, 5), 1: (9, 0), 2: (8, 0)}
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: capabilities[gpu.index or 0])
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: pytest.fail("asks the current GPU"))
    chosen = [choose_precision("auto", torch.device(name)) for name in ("cuda", "cuda:0", "cuda:1", "cuda:2")]
    assert chosen == [torch.float16, torch.float16, torch.bfloat16, torch.bfloat16]
    assert choose_precision("float16", torch.device("cuda:1")) == torch.float16
    monkeypatch.setattr(torch.version, "hip", "6.2")  # AMD's numbers mean something else
    assert choose_precision("auto", torch.device("cuda:0")) == torch.bfloat16


def test_amx_is_asked_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, expected in (({"amx_bf16": True}, True), ({"amx_bf16": False}, False), ({}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert device._has_amx() is expected


def test_where_training_is_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, expected in (
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": True}, True),
        ({"avx512_bf16": False}, False),
        ({}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert trains_in_bfloat16(CPU) is expected
    assert trains_in_bfloat16(torch.device("cuda")) and not trains_in_bfloat16(torch.device("mps"))


def test_unknown_precisions() -> None:
    with pytest.raises(DeviceError, match="precision is 'int8', expected one of auto, float32, bfloat16, float16"):
        check_precision("int8", CPU)
    with pytest.raises(DeviceError, match="slow on CPUs"):
        choose_precision("float16", CPU)
