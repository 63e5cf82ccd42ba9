"""Masks as polygons that follow the borders of their pixels, so that filling them gives the mask again, to the pixel.

Positions are x, y in pixels: the top left pixel covers 0..1 in both and has its center at (0.5, 0.5). Set pixels that
touch at a corner alone are different pieces; pixels that are not set are connected over corners. Set pixels lie to the
right in the direction of a ring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.masks import BoolMask, box_of

Ring = NDArray[np.float64]
"""Corners x, y (N, 2) of a closed line of horizontal and vertical edges; the first does not come again at the end."""

INSET = 0.25


@dataclass(frozen=True, eq=False)
class Piece:
    """Set pixels that hang together: the ring round them, and those round their holes. A ring begins at its topmost,
    then leftmost corner."""

    outer: Ring
    holes: tuple[Ring, ...]


def polygons_of(mask: BoolMask, inset: float = 0.0) -> list[Piece]:
    """The pieces of a mask (H, W), in the order of their topmost, then leftmost pixels.

    inset: how far the rings are moved into the set pixels, from 0 to less than 0.5, which puts no pixel's center on
    another side. With INSET the mask is also what those see who cut positions to whole numbers and set all pixels that
    the line touches, as OpenCV does; and rings never touch.
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
    """One ring for each piece of a mask (H, W), for formats without holes; order and inset as in `polygons_of`.

    From each hole a cut goes straight up to the next ring, there and back, which has no area. It passes over set pixels
    alone.
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
        for x, ring in sorted(
            rings, key=lambda cut: cut[0]
        ):  # the edge is walked from left to right, as what is below it is set
            after = walk.visit(after, [(x, height)], ring)
    return [walk.ring(ring[0]) for ring in borders.rings if not borders.is_hole(ring)]


def outline_of(mask: BoolMask, inset: float = 0.0) -> Ring:
    """One ring (N, 2) for all pieces of a mask (H, W) that has a set pixel, for formats that hold one ring for an
    object; inset as in `polygons_of`.

    The pieces are joined along the shortest tree, each to the one that it is nearest to, by straight cuts there and
    back, which have no area. A reader that also sets the pixels that the line touches sets those of the cuts, one pixel
    wide.
    """
    rings = outlines_of(mask, inset)
    ends = np.cumsum([len(ring) for ring in rings])
    corners = [np.arange(end - len(ring), end) for ring, end in zip(rings, ends, strict=True)]
    walk = _Walk(np.concatenate(rings), np.concatenate([np.roll(numbers, -1) for numbers in corners]))
    for piece, bridges in piece_tree(mask, rings):
        cuts: list[
            tuple[int, float, Ring, int, int]
        ] = []  # edge and place on it where a cut starts, where it leads, and the piece and edge there
        for other, target in bridges:
            edge, start = _nearest_edge(rings[piece], target)
            entry, end = _nearest_edge(rings[other], start)
            distance = float(np.abs(start - rings[piece][edge]).sum())
            cuts.append((edge, distance, np.array([start, end]), other, entry))
        after, last = -1, -1
        for edge, _, way, other, entry in sorted(cuts, key=lambda cut: cut[:2]):
            after = after if edge == last else int(corners[piece][edge])
            last = edge
            ring = np.roll(corners[other], -(entry + 1)).tolist()  # from the end of the edge, round to its start
            after = walk.visit(after, [(x, y) for x, y in way.tolist()], ring)
    return walk.ring(0)


def piece_tree(mask: BoolMask, rings: Sequence[Ring]) -> list[tuple[int, list[tuple[int, NDArray[np.float64]]]]]:
    """The shortest tree that joins the pieces of a mask, chosen among the pairs whose cells touch in its Voronoi
    diagram.

    Pieces are numbered as their rings. Returned are pieces with the other pieces that hang on them, from the first
    piece outward; each of those with the position of a pixel of it that is nearest to the piece.
    """
    if len(rings) == 1:
        return []
    left, top, right, bottom = box_of(mask) or (0, 0, 0, 0)
    mask = mask[top:bottom, left:right]
    _, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    first = np.array([ring[0] for ring in rings]).astype(np.int64) - (left, top)
    piece_of = np.empty(len(rings) + 1, dtype=np.int64)  # component -> piece
    piece_of[components[first[:, 1], first[:, 0]]] = np.arange(len(rings))
    source = np.flatnonzero(mask)  # the distance transform numbers set pixels from 1, row by row
    _, labels = cv2.distanceTransformWithLabels((~mask).astype(np.uint8), cv2.DIST_C, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = source[labels - 1]  # (H, W): the set pixel next to each pixel
    pairs = np.concatenate(
        [
            np.stack([nearest[:, :-1].ravel(), nearest[:, 1:].ravel()]),
            np.stack([nearest[:-1].ravel(), nearest[1:].ravel()]),
        ],
        axis=1,
    )
    owners = piece_of[components.ravel()[pairs]]
    pairs, owners = pairs[:, owners[0] != owners[1]], owners[:, owners[0] != owners[1]]
    y, x = np.divmod(pairs, mask.shape[1])
    order = np.argsort(np.maximum(np.abs(x[0] - x[1]), np.abs(y[0] - y[1])), kind="stable")
    joins: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in rings]
    group = list(range(len(rings)))  # of joined pieces: the number of one of them, by which the group is known

    def find(piece: int) -> int:
        while group[piece] != piece:
            group[piece] = group[group[piece]]
            piece = group[piece]
        return piece

    _, unique = np.unique(
        np.sort(owners[:, order], axis=0), axis=1, return_index=True
    )  # the shortest of each pair of pieces
    for index in order[np.sort(unique)].tolist():
        one, other = owners[:, index].tolist()
        if find(one) != find(other):
            group[find(one)] = find(other)
            position = np.stack([x[:, index] + left, y[:, index] + top], axis=1) + INSET
            joins[one].append((other, position[1]))
            joins[other].append((one, position[0]))
    tree, reached, waiting = [], {0}, [0]
    for piece in waiting:
        outward = [(other, position) for other, position in joins[piece] if other not in reached]
        reached.update(other for other, _ in outward)
        waiting += [other for other, _ in outward]
        if outward:
            tree.append((piece, outward))
    return tree


def _nearest_edge(ring: Ring, target: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """The edge (the number of its first corner) of a ring that comes nearest to a position x, y, and the position on it
    that is nearest."""
    after = np.roll(ring, -1, axis=0)
    positions = np.clip(target, np.minimum(ring, after), np.maximum(ring, after))
    edge = int(np.abs(positions - target).max(axis=1).argmin())
    return edge, positions[edge]


@dataclass(frozen=True, eq=False)
class _Borders:
    """The corners of a mask's borders, row by row, and how they follow each other.

    A corner is where a border turns. Two pixels that touch at their corners alone have two corners in one place.
    points: their positions (K, 2), moved by the inset.  places: the same in whole pixels, not moved.  following: the
    next corner of the ring of each.  rings: corners in order, those first whose topmost, then leftmost corner comes
    first.  ring_of: the ring of each corner.
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
        mask = np.pad(
            np.asarray(mask, dtype=bool)[box[1] : box[3], box[0] : box[2]], 1
        )  # the pixel x, y is mask[y + 1, x + 1]
        nw, ne, sw, se = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
        crossing = (nw == se) & (ne == sw) & (nw != ne)
        y, x = np.nonzero((nw ^ ne ^ sw ^ se) | crossing)
        twice = np.repeat(np.arange(len(x)), 1 + crossing[y, x])
        y, x = y[twice], x[twice]
        second = np.concatenate([[False], twice[1:] == twice[:-1]])[: len(x)]
        # In a row, corners are the left and the right ends of edges in turn, and in a column the upper and the lower
        # ends. Where two corners are in one place, the first has the edge to the left and the second that to the right;
        # up and down go with the pixels, which lie in one diagonal or the other.
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
        """After a corner go over some points to the first corner of another ring, round it, and back over the points;
        returns the last of them."""
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
