import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from refseg.data.masks import (
    box_of,
    decode_counts,
    decode_rle,
    encode_counts,
    encode_rle,
    pack_counts,
    polygons_to_mask,
    segmentation_to_mask,
    unpack_counts,
)
from refseg.errors import DataError

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))


@given(masks, st.booleans())
def test_rle_round_trip(mask, compressed):
    assert np.array_equal(decode_rle(encode_rle(mask, compressed)), mask)


@given(st.lists(st.integers(0, 2**40), max_size=30))
def test_packed_counts_round_trip(counts):
    assert unpack_counts(pack_counts(counts)).tolist() == counts


def reference_pack(counts):
    """COCO's scheme spelled out one number and one group at a time."""
    text = ""
    for index, count in enumerate(counts):
        value = count - (counts[index - 2] if index > 2 else 0)
        more = True
        while more:
            low = value & 0x1F
            value >>= 5
            more = value != -1 if low & 0x10 else value != 0
            text += chr((low | (0x20 if more else 0)) + 48)
    return text


@given(st.lists(st.integers(0, 300_000), max_size=30))
def test_packed_counts_follow_the_scheme(counts):
    assert pack_counts(counts) == reference_pack(counts)


def test_counts_start_with_background():
    mask = np.array([[True, False], [True, True]])
    assert encode_counts(mask).tolist() == [0, 2, 1, 1]
    assert encode_counts(~mask).tolist() == [2, 1, 1]


def inside(polygon, x, y):
    result = False
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            result = not result
    return result


corners_near_the_image = st.lists(st.tuples(st.integers(-30, 150), st.integers(-30, 150)), min_size=3, max_size=7)


@settings(max_examples=60)
@given(corners_near_the_image)
def test_polygon_contains_the_pixels_whose_center_is_inside(corners):
    polygon = [(x / 7 + 0.031, y / 7 + 0.017) for x, y in corners]
    mask = polygons_to_mask([[value for corner in polygon for value in corner]], 14, 17)
    for row in range(14):
        for column in range(17):
            edges = [(a, b) for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True) if a != b]
            near = min(distance_to_line(column + 0.5, row + 0.5, a, b) for a, b in edges) if edges else 0
            if near > 0.35:  # pycocotools rounds corners and edges to fifths of a pixel
                assert mask[row, column] == inside(polygon, column + 0.5, row + 0.5)


def distance_to_line(x, y, a, b):
    return abs((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / np.hypot(b[0] - a[0], b[1] - a[1])


@settings(max_examples=60)
@given(corners_near_the_image)
def test_polygon_is_what_pycocotools_draws(corners):
    polygon = [value / 7 for corner in corners for value in corner]
    expected = coco.decode(coco.frPyObjects([polygon], 22, 22))[..., 0] > 0
    assert np.array_equal(polygons_to_mask([polygon], 22, 22), expected)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-1500, 1600), st.integers(-1500, 1600)), min_size=3, max_size=7),
    st.sampled_from([1, 1e3, 1e9]),
)
def test_far_corners_change_nothing_near_and_cost_nothing(corners, scale):
    polygon = [(x * scale + 0.031, y * scale + 0.017) for x, y in corners]
    mask = polygons_to_mask([[value for corner in polygon for value in corner]], 14, 17)
    for row in range(14):
        for column in range(17):
            edges = [(a, b) for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True) if a != b]
            near = min(distance_to_line(column + 0.5, row + 0.5, a, b) for a, b in edges) if edges else 0
            if near > 0.5:
                assert mask[row, column] == inside(polygon, column + 0.5, row + 0.5)


def test_rectangle_and_union():
    mask = polygons_to_mask([[1, 1, 4, 1, 4, 3, 1, 3], [3, 2, 6, 2, 6, 5, 3, 5]], 6, 7)
    expected = np.zeros((6, 7), bool)
    expected[1:3, 1:4] = True
    expected[2:5, 3:6] = True
    assert np.array_equal(mask, expected)


def test_polygon_outside_the_picture_is_cut():
    assert polygons_to_mask([[-5, -5, 20, -5, 20, 20, -5, 20]], 4, 6).all()
    assert not polygons_to_mask([[10, 10, 20, 10, 20, 20]], 4, 6).any()


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5]],
        [["a", 1, 2, 3, 4, 5]],
        [[1, 2, 3, 4, 5, float("nan")]],
        "nonsense",
        None,
        {"size": [4, 4], "counts": [3]},
        {"size": [4, 4], "counts": [-2, 18]},
        {"size": [4, 4], "counts": [1.5, 14.5]},
        {"size": [4, 4], "counts": "\u00e9"},
        {"size": [4, 4], "counts": "o"},
        {"size": [4, 4], "counts": "oooooooooooooooo0"},
        {"size": [4, 4], "counts": None},
        {"size": [4], "counts": [16]},
        {"size": [2, 8], "counts": [16]},
        {"size": [-4, -4], "counts": [16]},
        {"size": [10**6, 10**6], "counts": [10**12]},
        {"counts": [16]},
    ],
)
def test_malformed_segmentations_are_refused(segmentation):
    with pytest.raises(DataError, match="expected"):
        segmentation_to_mask(segmentation, 4, 4)


def test_decode_counts_accepts_empty_only_for_nothing():
    with pytest.raises(DataError):
        decode_counts([], 2, 2)


@given(masks)
def test_box_is_the_smallest(mask):
    box = box_of(mask)
    if box is None:
        assert not mask.any()
        return
    left, top, right, bottom = box
    assert mask[top:bottom, left:right].sum() == mask.sum()
    assert mask[top].any() and mask[bottom - 1].any() and mask[:, left].any() and mask[:, right - 1].any()
