"""The gate: what tells the good choices from the bad ones is found, and what is fitted is what the network computes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from refseg.data.refcoco import read_refcoco
from refseg.language import Vocabulary
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.regions.gate import GATE_CUES, gate_cues, mix_logits
from refseg.training.regions.gate_fitting import Gate, GateSamples, apply_gate, fit_gate, gate_samples


def made(count: int = 300, seed: int = 0) -> GateSamples:
    """Where the third cue is above 1 the region is right and the dense answer wrong; below, the other way round."""
    generator = torch.Generator().manual_seed(seed)
    cues = torch.randn(count, GATE_CUES, generator=generator)
    cues[:, 2] += 1
    target = torch.zeros(count, 8, 8)
    for row in target:
        x, y = torch.randint(0, 4, (2,), generator=generator).tolist()
        row[y : y + 4, x : x + 4] = 1
    wrong = target.roll((4, 4), (1, 2))
    good = (cues[:, 2] > 1)[:, None, None]
    region, dense = torch.where(good, target, wrong), torch.where(good, wrong, target) * 6 - 3
    return GateSamples(
        cues, dense, region, target, torch.ones(count, 8, 8), torch.full((count,), 1 / count), torch.arange(count)
    )


def test_what_tells_good_choices_from_bad_ones_is_found() -> None:
    samples, fresh = made(), made(seed=1)
    gate = fit_gate(samples)
    assert gate.weight[2] > 3 * gate.weight[[0, 1, *range(3, GATE_CUES)]].abs().max() and gate.certainty > 0
    logits = mix_logits(fresh.dense, fresh.region, (fresh.cues @ gate.weight + gate.bias).sigmoid(), gate.certainty)
    right = ((logits > 0) == (fresh.target > 0)).flatten(1).all(1).float().mean()
    assert right > 0.9
    again = fit_gate(samples)
    assert all(torch.equal(a, b) for a, b in zip(gate, again, strict=True))


def test_expressions_count_by_their_weights() -> None:
    samples = made()
    blind = samples._replace(cues=torch.zeros_like(samples.cues))  # the cues tell nothing: the heavier side wins
    region_is_right = samples.cues[:, 2] > 1
    for heavy, light in ((9.0, 1.0), (1.0, 9.0)):
        gate = fit_gate(blind._replace(weights=torch.where(region_is_right, heavy, light)))
        assert bool(gate.bias > 0) == (heavy > light)


def test_what_is_fitted_is_what_the_network_computes() -> None:
    torch.manual_seed(0)
    network = CompactSystem(CompactConfig.tiny(), 20).eval()
    apply_gate(network, Gate(torch.randn(GATE_CUES), torch.tensor(0.3), torch.tensor(2.5)))
    tokens, valid, index = (
        torch.randint(2, 20, (3, 4)),
        torch.ones(3, 4, dtype=torch.bool),
        torch.zeros(3, dtype=torch.int64),
    )
    with torch.no_grad():
        encoded = network.encode(torch.rand(1, 3, 64, 64))
        answer = network.answer(encoded, tokens, valid, index)
        dense, selected, branch = answer.internals.dense, answer.internals.selected, network.branch
        evidence = branch.evidence(encoded.regions, selected, index)
        gate = branch.gate(gate_cues(selected, dense, evidence[:, 0])).sigmoid().squeeze(1)
        torch.testing.assert_close(mix_logits(dense, evidence[:, 0], gate, branch.certainty), answer.logits)
    assert branch.certainty.item() == 2.5 and branch.gate.bias.item() == pytest.approx(0.3)


def test_samples_of_a_network_lie_on_their_pictures(
    tmp_path: Path, tiny_network: CompactSystem, tiny_vocabulary: Vocabulary
) -> None:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.png"), np.full((40, 80, 3), 128, np.uint8))
    square = [20, 10, 40, 10, 40, 30, 20, 30]
    coco = {
        "images": [{"id": 1, "file_name": "1.png", "width": 80, "height": 40, "split": "val"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [20, 10, 20, 20],
                "area": 400,
                "iscrowd": 0,
                "segmentation": [square],
            }
        ],
        "categories": [{"id": 1, "name": "sports ball"}],
    }
    ref = {
        "ref_id": 1,
        "ann_id": 1,
        "image_id": 1,
        "split": "val",
        "sentences": [{"sent": "red ball"}, {"sent": "the ball"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(coco), encoding="utf-8")
    (tmp_path / "expressions.json").write_text(json.dumps([ref]), encoding="utf-8")
    dataset = read_refcoco(tmp_path, "val")
    samples = gate_samples(tiny_network, tiny_vocabulary, [(dataset, 3.0), (dataset, 1.0)], cells=16)
    assert samples.cues.shape == (4, GATE_CUES) and samples.dense.shape == samples.region.shape == (4, 16, 16)
    assert samples.weights.tolist() == pytest.approx([0.375, 0.375, 0.125, 0.125])
    assert samples.inside[0, 4:12].all() and not samples.inside[0, :4].any() and not samples.inside[0, 12:].any()
    # 20 of 80 pixels wide on 16 cells: four cells, a quarter from the left, in the middle of the letterboxed height
    assert samples.target[0, 6:10, 4:8].min() > 0.99 and samples.target[0].sum().item() == pytest.approx(16, abs=0.1)
    assert len(set(samples.images.tolist())) == 2
