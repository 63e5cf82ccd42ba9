"""Published weights of ResNet-101: each tensor where it belongs, and damage refused."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from refseg.errors import DataError
from refseg.models.backbones import DilatedResNet101
from refseg.training.initialization import resnet
from refseg.training.initialization.resnet import PARTS, copy_resnet101, initialize_resnet101, read_weights


@pytest.fixture(scope="module")
def backbone() -> DilatedResNet101:
    return DilatedResNet101()


@pytest.fixture(scope="module")
def stored(backbone: DilatedResNet101) -> dict[str, Tensor]:
    """The backbone's tensors under torchvision's names, all with other values."""
    ours = {place: part for part, place in PARTS.items()}
    found = {}
    for name, value in backbone.state_dict().items():
        place = next(place for place in ours if name.startswith(f"{place}."))
        found[ours[place] + name.removeprefix(place)] = torch.full_like(value, 2)
    return found | {"fc.weight": torch.zeros(1000, 2048)}


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_every_tensor_is_copied(backbone: DilatedResNet101, stored: dict[str, Tensor], prefix: str) -> None:
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.zero_()
    copy_resnet101(backbone, {prefix + name: value for name, value in stored.items()}, "here")
    assert all((value == 2).all() for value in backbone.state_dict().values())


def test_another_network_is_refused(backbone: DilatedResNet101, stored: dict[str, Tensor]) -> None:
    with pytest.raises(DataError, match=r"here lacks stage2\.0\.bn1\.bias and \d+ more tensors, expected a ResNet-101"):
        copy_resnet101(backbone, {}, "here")
    with pytest.raises(DataError, match=r"stem\.0\.weight has the shape \(1,\), expected \(64, 3, 7, 7\)"):
        copy_resnet101(backbone, stored | {"conv1.weight": torch.zeros(1)}, "here")


def test_a_file_is_read_without_executing_it_and_its_digest_is_checked(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "plain.pth")
    assert read_weights(tmp_path / "plain.pth")["a"].tolist() == [1, 1]
    content = (tmp_path / "plain.pth").read_bytes()
    good = tmp_path / f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    good.write_bytes(content)
    assert read_weights(good)["a"].tolist() == [1, 1]
    (tmp_path / "net-00000000.pth").write_bytes(content)
    with pytest.raises(DataError, match="is damaged: its digest is"):
        read_weights(tmp_path / "net-00000000.pth")
    torch.save({"a": Path()}, tmp_path / "objects.pth")
    (tmp_path / "noise.pth").write_bytes(b"noise")
    for name in ("objects.pth", "noise.pth", "none.pth"):
        with pytest.raises(DataError, match="cannot read"):
            read_weights(tmp_path / name)


def test_a_local_file_comes_first(
    backbone: DilatedResNet101, stored: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resnet, "published_url", lambda weights: f"https://host/{weights}-12345678.pth")
    asked: list[str] = []

    def download(url: str, **options: object) -> dict[str, Tensor]:
        asked.append(url)
        assert options["check_hash"] and options["weights_only"] and options["progress"]
        raise RuntimeError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    save_file({name: value.contiguous() for name, value in stored.items()}, tmp_path / "imagenet-12345678.safetensors")
    initialize_resnet101(backbone, "imagenet", tmp_path)
    assert not asked
    with pytest.raises(
        DataError, match=r"cannot download deeplabv3-12345678\.pth: no network; put the file into the folder"
    ):
        initialize_resnet101(backbone, "deeplabv3", tmp_path)
    assert asked == ["https://host/deeplabv3-12345678.pth"]


def test_batch_normalization_keeps_its_statistics_in_training(backbone: DilatedResNet101) -> None:
    backbone.train()
    assert backbone.training and not any(m.training for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d))
    backbone.eval()
