"""Polygons of masks: filled again they are the mask, however one fills."""

import time

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from refseg.annotation.polygons import INSET, outline_of, outlines_of, polygons_of
from refseg.data.masks import polygons_to_mask

small = st.integers(1, 9).flatmap(lambda h: st.integers(1, 9).flatmap(lambda w: arrays(bool, (h, w))))
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
CROSSING = np.array([[1, 0], [0, 1]], bool)
HOLE_OVER_CORNERS = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], bool)
HOLES_IN_A_COLUMN = np.kron(np.array([[1], [0], [1], [0], [1]], bool), np.ones((1, 3), bool)) | np.array(
    [1, 0, 1], bool
)
NESTED = np.pad(np.pad(RING, 1), 1, constant_values=True)


def edges_of(mask: np.ndarray) -> set[tuple[int, int, int, int]]:
    """The naive reference: every border of a set pixel to one that is not, as x, y to x, y with the set pixel to the
    right.
    """
    padded = np.pad(mask, 1)
    found = set()
    for y, x in zip(*np.nonzero(mask), strict=True):
        if not padded[y, x + 1]:
            found.add((x, y, x + 1, y))
        if not padded[y + 1, x + 2]:
            found.add((x + 1, y, x + 1, y + 1))
        if not padded[y + 2, x + 1]:
            found.add((x + 1, y + 1, x, y + 1))
        if not padded[y + 1, x]:
            found.add((x, y + 1, x, y))
    return found


def unit_edges(ring: np.ndarray) -> list[tuple[int, int, int, int]]:
    edges = []
    for (x0, y0), (x1, y1) in zip(ring.astype(int), np.roll(ring, -1, axis=0).astype(int), strict=True):
        assert (x0 == x1) != (y0 == y1)
        step = np.sign([x1 - x0, y1 - y0])
        for number in range(abs(x1 - x0) + abs(y1 - y0)):
            at = np.array([x0, y0]) + number * step
            edges.append((*at.tolist(), *(at + step).tolist()))
    return edges


def filled(rings: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """By the rule of COCO: pixels whose centres are inside."""
    return polygons_to_mask([ring.ravel().tolist() for ring in rings], *mask.shape)


def touched(rings: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """As OpenCV fills: positions cut to whole numbers, the line's own pixels set."""
    canvas = np.zeros(mask.shape, np.uint8)
    for ring in rings:
        cv2.fillPoly(canvas, [ring.astype(np.int32)], 1)
    return canvas > 0


def components(mask: np.ndarray, connectivity: int) -> int:
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)[0] - 1


@settings(max_examples=150, deadline=None)
@given(small)
@example(RING)
@example(CROSSING)
@example(CROSSING[::-1])
@example(HOLE_OVER_CORNERS)
@example(HOLES_IN_A_COLUMN)
@example(NESTED)
@example(np.zeros((3, 3), bool))
@example(np.ones((1, 1), bool))
def test_rings_are_the_borders_of_the_pixels(mask: np.ndarray) -> None:
    pieces = polygons_of(mask)
    rings = [ring for piece in pieces for ring in (piece.outer, *piece.holes)]
    edges = [edge for ring in rings for edge in unit_edges(ring)]
    assert len(edges) == len(set(edges)) and set(edges) == edges_of(mask)
    assert len(pieces) == components(mask, 4)
    assert len(rings) - len(pieces) == components(np.pad(~mask, 1, constant_values=True), 8) - 1
    for ring in rings:
        assert tuple(ring[0][::-1]) == min(map(tuple, ring[:, ::-1]))
        turns = np.roll(ring, -1, axis=0) - ring
        assert ((turns == 0).sum(axis=1) == 1).all() and (
            (turns[:, 0] == 0) != (np.roll(turns, 1, axis=0)[:, 0] == 0)
        ).all()
    parts = np.zeros(mask.shape, int)
    for piece in pieces:
        part = filled([piece.outer], mask) & ~filled(list(piece.holes), mask)
        assert components(part, 4) == 1
        parts += part
    np.testing.assert_array_equal(parts, mask)


@settings(max_examples=150, deadline=None)
@given(small, st.sampled_from([0.0, INSET, 0.49]))
@example(RING, INSET)
@example(CROSSING, 0.0)
@example(HOLE_OVER_CORNERS, INSET)
@example(HOLES_IN_A_COLUMN, INSET)
@example(NESTED, INSET)
def test_outlines_filled_are_the_mask(mask: np.ndarray, inset: float) -> None:
    rings = outlines_of(mask, inset)
    assert len(rings) == components(mask, 4)
    np.testing.assert_array_equal(filled(rings, mask), mask)
    if inset:
        np.testing.assert_array_equal(touched(rings, mask), mask)
    if rings:
        ring = outline_of(mask, inset)
        np.testing.assert_array_equal(filled([ring], mask), mask)
        assert not (mask & ~touched([ring], mask)).any() if inset else True


def ellipses(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """Three things with holes."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros(size, np.uint8)
    for _ in range(3):
        center, axes = rng.integers(40, (size[1] - 40, size[0] - 40)), rng.integers(16, 60, 2)
        cv2.ellipse(canvas, tuple(map(int, center)), tuple(map(int, axes)), int(rng.integers(180)), 0, 360, 1, -1)
        cv2.ellipse(canvas, tuple(map(int, center)), tuple(map(int, axes // 2)), 0, 0, 360, 0, -1)
    return canvas > 0


@pytest.mark.parametrize("seed", range(20))
def test_what_readers_of_one_ring_see(seed: int) -> None:
    """Positions that went through a share of the picture's size and six digits; OpenCV sees the cuts between pieces
    too, one pixel wide.
    """
    mask = ellipses(seed)
    scale = np.array(mask.shape[::-1])
    ring = np.round(outline_of(mask, INSET) / scale, 6) * scale
    np.testing.assert_array_equal(filled([ring], mask), mask)
    seen = touched([ring], mask)
    cuts = seen & ~mask
    assert not (mask & ~seen).any()
    assert cuts.any() == (len(polygons_of(mask)) > 1)


def components_of(mask: np.ndarray) -> list[np.ndarray]:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return [np.argwhere(labels == number) for number in range(1, count)]


def shortest_tree(pieces: list[np.ndarray]) -> int:
    """The naive reference (Prim): pixels that lines must cross to join all pieces, each line from a pixel of one piece
    to a pixel of another.
    """
    lengths = np.array([[np.abs(one[:, None] - other).max(axis=2).min() for other in pieces] for one in pieces])
    inside, total = [0], 0
    while len(inside) < len(pieces):
        outside = [piece for piece in range(len(pieces)) if piece not in inside]
        part = lengths[np.ix_(inside, outside)]
        total += part.min() - 1
        inside.append(outside[int(part.argmin()) % len(outside)])
    return int(total)


@settings(max_examples=100, deadline=None)
@given(arrays(bool, (14, 17), elements=st.sampled_from([True, False, False, False, False])).filter(np.any))
def test_pieces_are_joined_by_the_shortest_lines(mask: np.ndarray) -> None:
    """What a reader sees that also sets the pixels of the line: the gaps between neighbors, however many pieces there
    are.
    """
    seen = touched([outline_of(mask, INSET)], mask)
    assert not (mask & ~seen).any() and components(seen, 8) == 1
    assert (seen & ~mask).sum() <= shortest_tree(components_of(mask))


def test_pieces_in_a_snake_are_not_joined_row_by_row() -> None:
    """A bicycle behind railings: the order of the rows would lead to and fro across the whole object."""
    mask = np.zeros((60, 200), bool)
    for column in range(5, 200, 10):
        mask[column % 40 : column % 40 + 20, column : column + 7] = True
    seen = touched([outline_of(mask, INSET)], mask)
    assert (mask & seen).sum() / (mask | seen).sum() > 0.97


@settings(max_examples=200, deadline=None)
@given(st.one_of(small, arrays(bool, (14, 17)), st.integers(0, 1000).map(ellipses)).filter(np.any))
def test_every_reader_of_centers_sees_one_ring_as_the_mask(mask: np.ndarray) -> None:
    from pycocotools import mask as coco

    ring = outline_of(mask, INSET)
    np.testing.assert_array_equal(coco.decode(coco.frPyObjects([ring.ravel().tolist()], *mask.shape))[..., 0] > 0, mask)
    np.testing.assert_array_equal(filled([ring], mask), mask)


@settings(max_examples=200, deadline=None)
@given(st.one_of(small, st.integers(0, 1000).map(ellipses)), st.sampled_from([0.0, INSET]))
def test_pycocotools_sees_the_mask(mask: np.ndarray, inset: float) -> None:
    from pycocotools import mask as coco

    rings = [ring.ravel().tolist() for ring in outlines_of(mask, inset)]
    read = coco.decode(coco.merge(coco.frPyObjects(rings, *mask.shape))) > 0 if rings else np.zeros(mask.shape, bool)
    np.testing.assert_array_equal(read, mask)


def test_a_photo_is_traced_at_once() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.random((1500, 2000)).astype(np.float32), (0, 0), 8) > 0.5
    started = time.process_time()
    rings = outlines_of(noise, INSET)
    assert time.process_time() - started < 5 and sum(map(len, rings)) > 50_000
    np.testing.assert_array_equal(filled(rings, noise), noise)
