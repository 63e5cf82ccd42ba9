"""YOLOX-nano: its identities, shapes and the decoding of boxes."""

import pytest
import torch
import torch.nn.functional as F

from refseg.models.backbones.yolox import Bottleneck, CspStage, Head, PyramidPooling, YoloxNano


def test_pooling_repeatedly_equals_the_larger_windows() -> None:
    torch.manual_seed(0)
    block, x = PyramidPooling(8), torch.randn(2, 8, 17, 15)
    with torch.no_grad():
        reduced = block.reduce(x)
        windows = [F.max_pool2d(reduced, size, 1, size // 2) for size in (5, 9, 13)]
        expected = block.merge(torch.cat([reduced, *windows], dim=1))
        torch.testing.assert_close(block(x), expected)


def test_shapes() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        features = YoloxNano()(torch.rand(2, 3, 64, 96) * 255)
    assert [tuple(level.shape) for level in features.pan] == [(2, 64, 8, 12), (2, 128, 4, 6), (2, 256, 2, 3)]
    cells = 8 * 12 + 4 * 6 + 2 * 3
    assert features.detections.classes.shape == (2, cells, 80)
    assert features.detections.objectness.shape == (2, cells)
    assert features.detections.boxes.shape == (2, cells, 4)


def test_nano_has_its_published_size() -> None:
    # 0.91 million parameters in the paper's table
    assert sum(parameter.numel() for parameter in YoloxNano().parameters()) == pytest.approx(0.91e6, rel=0.02)


def test_boxes_are_decoded_around_their_cells() -> None:
    head = Head(4)
    with torch.no_grad():
        head.boxes.weight.zero_()
        # centre a quarter of a cell right of and half a cell below the corner, 2 strides wide and 1 high
        head.boxes.bias.copy_(torch.tensor([0.25, 0.5, torch.tensor(2.0).log(), 0.0]))
        boxes = head(torch.randn(1, 4, 2, 3), 8).boxes[0]
    # cells in reading order; cell (row 1, column 2) has its corner at (16, 8)
    torch.testing.assert_close(boxes[0], torch.tensor([2.0 - 8, 4 - 4, 2 + 8, 4 + 4]))
    torch.testing.assert_close(boxes[1 * 3 + 2], torch.tensor([18.0 - 8, 12 - 4, 18 + 8, 12 + 4]))


def test_boxes_keep_their_place_in_half_precision() -> None:
    """bfloat16 would put centres beyond 256 pixels onto multiples of 2."""
    head = Head(4)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        head.boxes.weight.zero_()
        head.boxes.bias.copy_(torch.tensor([0.3, 0.3, 0.0, 0.0]))
        boxes = head(torch.randn(1, 4, 1, 61), 8).boxes
    assert boxes.dtype == torch.float32
    torch.testing.assert_close(boxes[0, 60], torch.tensor([482.4 - 4, 2.4 - 4, 482.4 + 4, 2.4 + 4]), rtol=0, atol=0.05)


def test_absurd_sizes_stay_finite() -> None:
    head = Head(4)
    with torch.no_grad():
        head.boxes.weight.zero_()
        head.boxes.bias.fill_(200.0)
        assert head(torch.randn(1, 4, 2, 2), 32).boxes.isfinite().all()


def test_the_detections_are_those_of_the_cells_in_the_order_of_the_scales() -> None:
    torch.manual_seed(0)
    detector = YoloxNano()
    with torch.no_grad():
        for scale, head in enumerate(detector.heads):
            head.objectness.weight.zero_()
            head.objectness.bias.fill_(float(scale))
        objectness = detector(torch.rand(1, 3, 64, 64) * 255).detections.objectness[0]
    assert objectness.tolist() == [0.0] * 64 + [1.0] * 16 + [2.0] * 4


def test_focus_takes_the_four_pixels_of_a_cell() -> None:
    detector = YoloxNano()
    seen: list[torch.Tensor] = []
    detector.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.arange(3 * 64 * 64.0).view(1, 3, 64, 64)
    with torch.no_grad():
        detector(images)
    # channels: top-left, bottom-left, top-right, bottom-right, each of three colours
    expected = [images[0, :, 2 + dy, 4 + dx] for dy, dx in ((0, 0), (1, 0), (0, 1), (1, 1))]
    torch.testing.assert_close(seen[0][0, :, 1, 2], torch.cat(expected))


def test_the_shortcut_adds_the_input() -> None:
    torch.manual_seed(0)
    block, x = Bottleneck(4, shortcut=True), torch.randn(1, 4, 5, 5)
    with torch.no_grad():
        with_it = block(x)
        block.shortcut = False
        torch.testing.assert_close(with_it, block(x) + x)


def test_a_stage_without_blocks_is_two_convolutions_merged() -> None:
    torch.manual_seed(0)
    stage, x = CspStage(4, 6, depth=0), torch.randn(1, 4, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(stage(x), stage.merge(torch.cat([stage.through(x), stage.around(x)], dim=1)))
