"""Masks in boxes: where a box is read from and pasted to."""

import torch

from refseg.models.regions.instance_masks import GRID, InstanceMasks, enlarge_boxes, paste_masks, sample_boxes

SIZE = 64


def test_boxes_grow_about_their_centres() -> None:
    boxes = torch.tensor([[10.0, 20.0, 30.0, 60.0], [5.0, 5.0, 6.0, 6.0]])
    grown = enlarge_boxes(boxes)
    torch.testing.assert_close(grown[0], torch.tensor([8.0, 16.0, 32.0, 64.0]))
    torch.testing.assert_close(grown[1], torch.tensor([1.5, 1.5, 9.5, 9.5]))  # at least 8 pixels


def test_reading_samples_the_cells_of_the_box() -> None:
    across = ((torch.arange(SIZE) + 0.5) / SIZE).expand(1, 1, SIZE, SIZE)
    boxes = torch.tensor([[[20.0, 20.0, 40.0, 40.0]]])
    read = sample_boxes(across, boxes, 4, SIZE)[0, 0]
    expected = (18 + 24 * (torch.arange(4) + 0.5) / 4) / SIZE
    torch.testing.assert_close(read, expected.expand(4, 4), rtol=1e-4, atol=1e-4)


def test_places_are_read_exactly_in_half_precision() -> None:
    """Features in bfloat16, places in float32: a box far to the right is read where it lies."""
    side = 512
    torch.manual_seed(0)
    features = torch.rand(1, 1, side // 4, side // 4).bfloat16()
    boxes = torch.tensor([[[401.3, 333.7, 430.9, 377.1]]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        read = sample_boxes(features, boxes, GRID, side)
    torch.testing.assert_close(read, sample_boxes(features.float(), boxes, GRID, side), rtol=1e-5, atol=1e-5)


def test_pasting_undoes_reading() -> None:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., 24:40, 18:46] = 1
    boxes = torch.tensor([[[18.0, 24.0, 46.0, 40.0]]])
    read = sample_boxes(mask, boxes, GRID, SIZE).view(1, 1, GRID, GRID)
    pasted = paste_masks(read, boxes, SIZE, SIZE)
    assert ((pasted > 0.5) == (mask > 0.5)).float().mean() > 0.99
    assert not pasted[..., :20, :].any() and not pasted[..., :, 52:].any()  # nothing outside the enlarge_boxes box


def test_every_box_for_itself() -> None:
    torch.manual_seed(0)
    head = InstanceMasks(6, 5, 4, width=16).eval()
    maps = [torch.rand(2, channels, size, size) for channels, size in ((6, 4), (5, 8), (4, 16))]
    boxes = torch.tensor(
        [[[5.0, 5.0, 30.0, 30.0], [10.0, 20.0, 60.0, 50.0]], [[0.0, 0.0, 64.0, 64.0], [30.0, 1.0, 40.0, 9.0]]]
    )
    with torch.no_grad():
        together = head(maps, boxes, SIZE)
        assert together.shape == (2, 2, GRID, GRID)
        for picture in range(2):
            for number in range(2):
                alone = head(
                    [m[picture : picture + 1] for m in maps], boxes[picture : picture + 1, number : number + 1], SIZE
                )
                torch.testing.assert_close(together[picture, number], alone[0, 0], rtol=1e-4, atol=1e-5)
