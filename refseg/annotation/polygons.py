"""Masks as polygons that follow the borders of their pixels, so that filling them gives the mask again, to the pixel.

Positions are x, y in pixels: the top left pixel covers 0..1 in both and has its centre at (0.5, 0.5). Set pixels that touch at a corner alone are
different pieces; pixels that are not set hold together over corners. Set pixels lie to the right of whoever walks along a ring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of

Ring = NDArray[np.float64]
"""Corners x, y (N, 2) of a closed line of horizontal and vertical edges; the first does not come again at the end."""

INSET = 0.25
NEAR = 400  # corners of a piece at most among which the one nearest to another piece is looked for


@dataclass(frozen=True, eq=False)
class Piece:
    """Set pixels that hang together: the ring round them, and those round their holes. A ring begins at its topmost, then leftmost corner."""

    outer: Ring
    holes: tuple[Ring, ...]


def polygons_of(mask: BoolMask, inset: float = 0.0) -> list[Piece]:
    """The pieces of a mask (H, W), in the order of their topmost, then leftmost pixels.

    inset: how far the rings are moved into the set pixels, from 0 to less than 0.5, which puts no pixel's centre on another side. With INSET the mask
    is also what those see who cut positions to whole numbers and set all pixels that the line touches, as OpenCV does; and rings never touch.
    """
    borders = _Borders.of(mask, inset)
    owners: list[int] = []  # of each ring: the outer ring of its piece
    holes: dict[int, list[Ring]] = {}
    for number, ring in enumerate(borders.rings):
        if borders.is_hole(ring):
            # The ring above begins higher up, so its owner is known.
            owners.append(owners[borders.ring_of[borders.edge_above(ring)]])
            holes[owners[-1]].append(borders.points[ring])
        else:
            owners.append(number)
            holes[number] = []
    return [Piece(borders.points[borders.rings[number]], tuple(rings)) for number, rings in holes.items()]


def outlines_of(mask: BoolMask, inset: float = 0.0) -> list[Ring]:
    """One ring for each piece of a mask (H, W), for formats that know no holes; order and inset as in `polygons_of`.

    From each hole a cut goes straight up to the next ring, there and back, which has no area. It passes over set pixels alone.
    """
    borders = _Borders.of(mask, inset)
    walk = _Walk(borders.points, borders.following)
    cuts: dict[int, list[tuple[float, list[int]]]] = {}
    for ring in borders.rings:
        if borders.is_hole(ring):
            cuts.setdefault(borders.edge_above(ring), []).append((borders.points[ring[0], 0], ring))
    for corner, rings in cuts.items():
        height = borders.points[corner, 1]
        after = corner
        for x, ring in sorted(rings, key=lambda cut: cut[0]):  # the edge is walked from left to right, as what is below it is set
            after = walk.visit(after, [(x, height)], ring)
    return [walk.ring(ring[0]) for ring in borders.rings if not borders.is_hole(ring)]


def joined(rings: Sequence[Ring]) -> Ring:
    """One ring (N, 2) for several, at least one: each is joined to the one before it near where they come closest, by a cut there and back.

    Cuts have no area and run along a column and a row. Whoever sets all pixels that the line touches sees them between the pieces, one pixel wide.
    """
    ends = np.cumsum([len(ring) for ring in rings])
    numbers = [np.arange(end - len(ring), end) for ring, end in zip(rings, ends, strict=True)]
    walk = _Walk(np.concatenate(rings), np.concatenate([np.roll(corners, -1) for corners in numbers]))
    for before, after in pairwise(numbers):
        here, there = before[:: -(-len(before) // NEAR)], after[:: -(-len(after) // NEAR)]
        distances = np.abs(walk.start[here, None] - walk.start[there]).sum(axis=2)
        nearest, entry = np.unravel_index(distances.argmin(), distances.shape)
        (x, y), corner = walk.start[here[nearest]], int(there[entry])
        walk.visit(int(here[nearest]), [(x, y), (x, walk.start[corner, 1])], np.roll(after, after[0] - corner).tolist())
    return walk.ring(0)


@dataclass(frozen=True, eq=False)
class _Borders:
    """The corners of a mask's borders, row by row, and how they follow each other.

    A corner is where a border turns. Two pixels that touch at their corners alone have two corners in one place. points: their positions (K, 2), moved
    by the inset.  places: the same in whole pixels, not moved.  following: the next corner of the ring of each.  rings: corners in order, those first
    whose topmost, then leftmost corner comes first.  ring_of: the ring of each corner.
    """

    mask: BoolMask
    points: NDArray[np.float64]
    places: NDArray[np.int64]
    following: NDArray[np.int64]
    rings: list[list[int]]
    ring_of: list[int]
    left_ends: NDArray[np.int64]  # places of the left ends of the horizontal edges as one growing number

    @classmethod
    def of(cls, mask: BoolMask, inset: float) -> _Borders:
        box = box_of(mask) or (0, 0, 0, 0)
        offset = np.array(box[:2])
        mask = np.pad(np.asarray(mask, dtype=bool)[box[1] : box[3], box[0] : box[2]], 1)  # the pixel x, y is mask[y + 1, x + 1]
        nw, ne, sw, se = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
        crossing = (nw == se) & (ne == sw) & (nw != ne)
        y, x = np.nonzero((nw ^ ne ^ sw ^ se) | crossing)
        twice = np.repeat(np.arange(len(x)), 1 + crossing[y, x])
        y, x = y[twice], x[twice]
        second = np.concatenate([[False], twice[1:] == twice[:-1]])[: len(x)]
        # In a row, corners are the left and the right ends of edges in turn, and in a column the upper and the lower ends. Where two corners are in one
        # place, the first has the edge to the left and the second that to the right; up and down go with the pixels, which lie in one diagonal or the other.
        left, right = np.arange(0, len(x), 2), np.arange(1, len(x), 2)
        order = np.lexsort((second ^ (crossing & ne)[y, x], y, x))
        top, bottom = order[0::2], order[1::2]
        set_below, set_left = se[y[left], x[left]], sw[y[top], x[top]]
        following = np.empty(len(x), dtype=np.int64)
        following[np.where(set_below, left, right)] = np.where(set_below, right, left)
        following[np.where(set_left, top, bottom)] = np.where(set_left, bottom, top)
        places = np.stack([x, y], axis=1).astype(np.int64)
        points = (places + offset).astype(np.float64)
        points[left, 1] += np.where(set_below, inset, -inset)
        points[right, 1] += np.where(set_below, inset, -inset)
        points[top, 0] += np.where(set_left, -inset, inset)
        points[bottom, 0] += np.where(set_left, -inset, inset)
        rings, ring_of = _cycles(following)
        return cls(mask, points, places, following, rings, ring_of, left_ends=places[left] @ (1, mask.shape[1]))

    def is_hole(self, ring: list[int]) -> bool:
        """Whether the pixel in the first corner of a ring is not set."""
        x, y = self.places[ring[0]]
        return not self.mask[y + 1, x + 1]

    def edge_above(self, hole: list[int]) -> int:
        """The left corner of the edge that is met straight up from a hole's first corner, through set pixels."""
        x, y = self.places[hole[0]]
        column = self.mask[
            : y + 1, x
        ]  # the pixels above the corner and to its left; its diagonal one is set, else it would belong to the hole
        free = int(np.flatnonzero(~column)[-1])
        corner = int(np.searchsorted(self.left_ends, free * self.mask.shape[1] + x - 1, side="right")) - 1
        return 2 * corner


def _cycles(following: NDArray[np.int64]) -> tuple[list[list[int]], list[int]]:
    """The rings of corners that follow each other, and the number of each corner's ring."""
    after = following.tolist()
    rings: list[list[int]] = []
    ring_of = [-1] * len(after)
    for first in range(len(after)):
        ring, corner = [], first
        while ring_of[corner] < 0:
            ring_of[corner] = len(rings)
            ring.append(corner)
            corner = after[corner]
        if ring:
            rings.append(ring)
    return rings, ring_of


class _Walk:
    """A way along rings that can leave one to visit another and come back."""

    def __init__(self, points: NDArray[np.float64], following: NDArray[np.int64]) -> None:
        """points: (K, 2); following: the next of each."""
        self.start = points
        self._points: list[tuple[float, float]] = [(x, y) for x, y in points.tolist()]
        self._following: list[int] = following.tolist()

    def visit(self, corner: int, way: Iterable[tuple[float, float]], ring: list[int]) -> int:
        """After a corner go over some points to the first corner of another ring, round it, and back over the points; returns the last of them."""
        way, rest = list(way), self._following[corner]
        for point in way:
            corner = self._lead(corner, point)
        self._following[corner] = ring[0]
        corner = ring[-1]
        for point in [self._points[ring[0]], *reversed(way)]:
            corner = self._lead(corner, point)
        self._following[corner] = rest
        return corner

    def ring(self, first: int) -> Ring:
        """The whole way from a corner back to it."""
        corners, corner = [first], self._following[first]
        while corner != first:
            corners.append(corner)
            corner = self._following[corner]
        return np.array([self._points[corner] for corner in corners])

    def _lead(self, corner: int, point: tuple[float, float]) -> int:
        self._points.append(point)
        self._following.append(-1)
        self._following[corner] = len(self._points) - 1
        return self._following[corner]
