"""Checkpoints: the round trip, atomic writing, and folders from strangers."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from refseg.errors import CheckpointError
from refseg.inference import checkpoint
from refseg.inference.checkpoint import CONFIG, VOCABULARY, WEIGHTS, load_checkpoint, save_checkpoint
from refseg.language import Vocabulary
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.config import SystemConfig
from refseg.models.registry import read_config as read_settings
from refseg.models.registry import system_name


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


def change_config(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    change(config)
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    change_config(folder, lambda config: config.pop("weights_sha256"))


def test_round_trip(folder: Path, tiny_network: CompactSystem, tiny_vocabulary: Vocabulary) -> None:
    network, vocabulary, config = load_checkpoint(folder)
    assert network.config == tiny_network.config
    assert [vocabulary.word(i) for i in range(len(vocabulary))] == [
        tiny_vocabulary.word(i) for i in range(len(tiny_vocabulary))
    ]
    assert config["training"] == {"recipe": "none", "steps": 0}
    assert config["threshold"] == 0.5
    assert not network.training
    for (name, value), (other, kept) in zip(
        tiny_network.state_dict().items(), network.state_dict().items(), strict=True
    ):
        assert name == other
        assert kept.dtype == value.dtype
        assert torch.equal(kept, value.half().to(value.dtype) if value.is_floating_point() else value)


def test_weights_are_kept_as_float16(folder: Path) -> None:
    assert {value.dtype for value in load_file(folder / WEIGHTS).values() if value.is_floating_point()} == {
        torch.float16
    }


def test_values_beyond_float16_keep_their_type(tiny_vocabulary: Vocabulary, tmp_path: Path) -> None:
    network = CompactSystem(CompactConfig.tiny(), len(tiny_vocabulary))
    with torch.no_grad():
        network.dense.prediction.bias.fill_(1e6)
    save_checkpoint(tmp_path / "large", network, tiny_vocabulary, {})
    assert load_checkpoint(tmp_path / "large")[0].dense.prediction.bias.item() == 1e6


def test_loading_leaves_the_random_generator_alone(folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_checkpoint(folder)
    assert torch.equal(torch.rand(3), expected)


def test_saving_replaces_and_keeps_other_files(folder: Path, tiny_vocabulary: Vocabulary) -> None:
    (folder / "README.md").write_text("card", encoding="utf-8")
    network = CompactSystem(CompactConfig.tiny(), len(tiny_vocabulary))
    save_checkpoint(folder, network, tiny_vocabulary, {"steps": 7}, threshold=0.25)
    _, _, config = load_checkpoint(folder)
    assert config["threshold"] == 0.25 and config["training"] == {"steps": 7}
    assert sorted(path.name for path in folder.iterdir()) == sorted([CONFIG, WEIGHTS, VOCABULARY, "README.md"])
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("training", [{"x": float("nan")}, {"x": object()}])
def test_failing_to_save_leaves_the_old_checkpoint(
    folder: Path, tiny_vocabulary: Vocabulary, training: dict[str, Any]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    network = CompactSystem(CompactConfig.tiny(), len(tiny_vocabulary))
    with pytest.raises(CheckpointError, match="JSON types"):
        save_checkpoint(folder, network, tiny_vocabulary, training)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_saving_refuses_what_could_not_be_used(tiny_vocabulary: Vocabulary, tmp_path: Path) -> None:
    network = CompactSystem(CompactConfig.tiny(), len(tiny_vocabulary))
    with pytest.raises(CheckpointError, match="threshold is 1"):
        save_checkpoint(tmp_path / "a", network, tiny_vocabulary, {}, threshold=1)
    with pytest.raises(CheckpointError, match=r"vocabulary has 2 words, expected \d+"):
        save_checkpoint(tmp_path / "a", network, Vocabulary(["<pad>", "<unk>"]), {})
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot write"):
        save_checkpoint(tmp_path / "file", network, tiny_vocabulary, {})
    with torch.no_grad():
        network.dense.prediction.bias.fill_(float("nan"))
    with pytest.raises(CheckpointError, match=r"prediction\.bias has values that are not finite"):
        save_checkpoint(tmp_path / "a", network, tiny_vocabulary, {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, VOCABULARY])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"has no {name}"):
        load_checkpoint(folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        load_checkpoint(tmp_path / "nothing")


class Bomb:
    """Unpickling it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_never_opened(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "opened"
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin may hold pickled code and is never opened"):
        load_checkpoint(folder)
    (folder / "pytorch_model.bin").rename(folder / WEIGHTS)
    change_config(folder, lambda config: config.pop("weights_sha256"))
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_checkpoint(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 10**9},
        {"image_size": 10**400},
        {"image_size": 100},
        {"image_size": 416.0},
        {"image_size": True},
        {"image_size": None},
        {"visual": -1},
        {"embedding": 2**40},
        {"context": "8"},
        {"max_words": 0},
        {"channels": [16]},
        {"backbone": "../../etc/passwd"},
        {"backbone": ["plain"]},
        {"pooling": "mean"},
        {"modulated": 1},
        {"refinement": [16, 8, 8, 8]},
        {"refinement": [7]},
        {"refinement": 16},
        {"refinement": [16, "8"]},
        {"__class__": "os.system"},
    ],
)
def test_a_hostile_setting_is_refused(folder: Path, change: dict[str, Any]) -> None:
    change_config(folder, lambda config: config["network"].update(change))
    with pytest.raises(CheckpointError, match=f"{next(iter(change))}") as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": "1"},
        {"threshold": 0},
        {"threshold": "0.5"},
        {"threshold": True},
        {"training": []},
        {"network": None},
        {"weights_sha256": 5},
        {"vocabulary_sha256": "x"},
    ],
)
def test_a_malformed_config_is_refused(folder: Path, change: dict[str, Any]) -> None:
    change_config(folder, lambda config: config.update(change))
    with pytest.raises(CheckpointError):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}', b"1" * 1_000_001]
)
def test_a_config_that_is_none(folder: Path, content: bytes) -> None:
    (folder / CONFIG).write_bytes(content)
    with pytest.raises(CheckpointError, match=CONFIG):
        load_checkpoint(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["system", "network", "threshold", "format", "training"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_any_json_in_the_config_is_used_or_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / CONFIG
    config = {
        "format": 1,
        "system": "compact",
        "network": CompactConfig.tiny().to_dict(),
        "threshold": 0.5,
        "training": {},
    }
    path.write_text(json.dumps({**config, name: value}), encoding="utf-8")
    try:
        read = checkpoint.read_config(path)
    except CheckpointError:
        return
    read_settings(read.get("system"), read["network"])
    assert read["format"] == 1 and 0 < read["threshold"] < 1


def test_a_large_network_is_refused_by_its_file_before_memory_is_taken(folder: Path) -> None:
    """4096 of everything would be a gigabyte and more of weights; the file has none of that."""
    change_config(
        folder,
        lambda config: config["network"].update(visual=4096, embedding=4096, context=4096, width=4096, channels=4096),
    )
    with pytest.raises(CheckpointError, match=r"has the shape .* expected|numbers, expected at most"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"backbone": "pair", "image_size": 32, "regions": 40}, "regions must be at most the 21 detections"),
        (
            {"image_size": 96, "cross_frame": 8, "cross_frame_stride": 4},
            "cross_frame_stride must divide the 6 x 6 positions",
        ),
        (
            {"image_size": 640, "cross_frame": 1024, "tau": 16},
            r"a clip would take 23\.\d GB with cross_frame 1024, tau 16 and image_size 640, expected at most 2\.0 GB",
        ),
        (
            {"image_size": 640, "visual": 4096, "refinement": [1024, 1024], "tau": 16},
            r"a clip would take 3\.\d GB with cross_frame 0",
        ),
    ],
)
def test_settings_that_are_impossible_together(folder: Path, change: dict[str, Any], message: str) -> None:
    change_config(folder, lambda config: config["network"].update(change))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "config",
    [CmsaConfig.paper(), CmsaConfig.paper_video(), CompactConfig(), CompactConfig.tiny()],
    ids=["paper", "paper for clips", "compact", "tiny"],
)
def test_our_own_settings_are_within_the_limits(config: SystemConfig) -> None:
    assert read_settings(system_name(config), config.to_dict()) == config
    assert config.clip_bytes < config.CLIP_BYTES_LIMIT


def test_weights_of_another_network(folder: Path) -> None:
    change_weights(folder, lambda tensors: tensors.pop("dense.prediction.bias"))
    with pytest.raises(CheckpointError, match=r"lacks dense\.prediction\.bias"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "has extra"),
        (
            lambda tensors: tensors.update({"dense.prediction.bias": torch.zeros(2)}),
            r"dense\.prediction\.bias has the shape \(2,\), expected \(1,\)",
        ),
        (
            lambda tensors: tensors.update({"dense.prediction.bias": torch.zeros(1, dtype=torch.int64)}),
            "is of type I64",
        ),
        (lambda tensors: tensors.update({"dense.prediction.bias": torch.full((1,), float("inf"))}), "not finite"),
        (lambda tensors: tensors["dense.prediction.bias"].fill_(float("nan")), "not finite"),
    ],
)
def test_unusable_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None], message: str) -> None:
    change_weights(folder, change)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_a_cut_off_download(folder: Path, cut: int) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:cut])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(folder)
    change_config(folder, lambda config: config.pop("weights_sha256"))
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_checkpoint(folder)


def test_files_of_two_checkpoints_are_not_mixed(folder: Path, tiny_vocabulary: Vocabulary) -> None:
    words = [tiny_vocabulary.word(i) for i in range(len(tiny_vocabulary))]
    words[2], words[3] = words[3], words[2]
    Vocabulary(words).save(folder / VOCABULARY)
    with pytest.raises(CheckpointError, match="not the vocabulary"):
        load_checkpoint(folder)


def test_line_ends_of_the_vocabulary_may_change(folder: Path) -> None:
    path = folder / VOCABULARY
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load_checkpoint(folder)[1]) > 2


def test_too_large_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checkpoint.MAX_BYTES, WEIGHTS, 10)
    with pytest.raises(CheckpointError, match=r"model\.safetensors has \d+ bytes, expected at most 10"):
        load_checkpoint(folder)
