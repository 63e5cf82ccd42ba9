"""Which objects of one category can be distinguished, and how: by position, order, size, color or relation.

Every function keeps a margin between the objects that it distinguishes, so that two people would agree. Positions are
shares of the image's width and height. `members` are indices of all objects of one category.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from refseg.data.object_attributes import ObjectAttributes, SceneAttributes
from refseg.data.pixel_colors import certainly_not, dominant_color
from refseg.models.regions.color_names import NAMES

MIN_GAP_X, MIN_GAP_Y = 0.06, 0.12
SIZE_RATIO = 1.7
CORNER_REACH = 0.36
MIN_COLORED, MAX_CAST = 0.004, 0.4


def extremes(attributes: SceneAttributes, members: Sequence[int]) -> list[tuple[int, str]]:
    """Members that lie clearly furthest to the "left", "right", "top" or "bottom"."""
    if len(members) < 2:
        return []
    found = []
    for axis, low, high, least in (("x", "left", "right", MIN_GAP_X), ("y", "top", "bottom", MIN_GAP_Y)):
        order = sorted(members, key=lambda i: _center(attributes.objects[i], axis))
        for first, second, side in ((order[0], order[1], low), (order[-1], order[-2], high)):
            a, b = attributes.objects[first], attributes.objects[second]
            if abs(_center(a, axis) - _center(b, axis)) >= max(least, 0.3 * min(_extent(a, axis), _extent(b, axis))):
                found.append((first, side))
    return found


def half(attributes: SceneAttributes, members: Sequence[int]) -> list[tuple[int, str]]:
    """The only member, if it lies clearly in the "left", "right", "top" or "bottom" part of the image."""
    if len(members) != 1:
        return []
    item = attributes.objects[members[0]]
    sides = {
        "left": item.x < 0.36 and item.box[2] < 0.62,
        "right": item.x > 0.64 and item.box[0] > 0.38,
        "top": item.y < 0.3 and item.box[3] < 0.5,
        "bottom": item.y > 0.7 and item.box[1] > 0.5,
    }
    return [(members[0], side) for side, is_there in sides.items() if is_there]


def corners(attributes: SceneAttributes, members: Sequence[int]) -> list[tuple[int, str]]:
    """Members that are the only ones of their category in a corner of the image ("top left", ...)."""
    found = []
    for vertical in ("top", "bottom"):
        for horizontal in ("left", "right"):

            def distance(item: ObjectAttributes, vertical: str = vertical, horizontal: str = horizontal) -> float:
                across = item.x if horizontal == "left" else 1 - item.x
                down = item.y if vertical == "top" else 1 - item.y
                return max(across, down)

            order = sorted(members, key=lambda i: distance(attributes.objects[i]))
            near = distance(attributes.objects[order[0]])
            alone = len(order) == 1 or distance(attributes.objects[order[1]]) > near + 0.15
            if near < CORNER_REACH and alone and attributes.objects[order[0]].width < 0.6:
                found.append((order[0], f"{vertical} {horizontal}"))
    return found


def in_row(attributes: SceneAttributes, members: Sequence[int]) -> list[int] | None:
    """Members from left to right; None if the order of any two neighbors is unclear."""
    order = sorted(members, key=lambda i: attributes.objects[i].x)
    for first, second in pairwise(order):
        a, b = attributes.objects[first], attributes.objects[second]
        if b.x - a.x < max(0.05, 0.35 * min(a.width, b.width)):
            return None
    return order


def middle(attributes: SceneAttributes, members: Sequence[int]) -> int | None:
    """The middle one of three or five members in a row that is wider than high; None if there is no such row."""
    order = in_row(attributes, members) if len(members) in (3, 5) else None
    if order is None:
        return None
    centers = np.array([(attributes.objects[i].x, attributes.objects[i].y) for i in order])
    wide, high = np.ptp(centers, axis=0)
    gaps = np.diff(centers[:, 0])
    return order[len(order) // 2] if wide > 1.5 * high and gaps.min() > 0.07 and gaps.max() < 3 * gaps.min() else None


def by_size(attributes: SceneAttributes, members: Sequence[int]) -> list[tuple[int, str]]:
    """Members clearly "largest" or "smallest" in area."""
    if len(members) < 2:
        return []
    order = sorted(members, key=lambda i: attributes.objects[i].area)
    area = [attributes.objects[i].area for i in order]
    found = []
    if area[-1] >= SIZE_RATIO * area[-2]:
        found.append((order[-1], "largest"))
    if area[1] >= SIZE_RATIO * area[0] and area[0] > 0.002:
        found.append((order[0], "smallest"))
    return found


def by_depth(attributes: SceneAttributes, members: Sequence[int]) -> list[tuple[int, str]]:
    """Members clearly in "front" or at the "back": both larger and lower in the image, or smaller and higher, than
    all others.
    """
    if len(members) < 2:
        return []
    found = []
    for index, name in by_size(attributes, members):
        feet = attributes.objects[index].box[3]
        others = [attributes.objects[i].box[3] for i in members if i != index]
        if name == "largest" and feet > max(others) + 0.05:
            found.append((index, "front"))
        if name == "smallest" and feet < min(others) - 0.05:
            found.append((index, "back"))
    return found


def by_color(
    attributes: SceneAttributes, members: Sequence[int], names: Sequence[str] = NAMES
) -> list[tuple[tuple[int, ...], str]]:
    """Sets of members that one color dominates, if no other member could be named by that color.

    Colors that fill the rest of the image as well are left out: they come from the light, not from the object.
    """
    dominant = {i: dominant_color(attributes.objects[i].colors) for i in members}
    found = []
    for name in names:
        having = tuple(i for i in members if dominant[i] == name)
        if not having or min(attributes.objects[i].area for i in having) < MIN_COLORED:
            continue
        position = NAMES.index(name)
        objects = [attributes.objects[i] for i in having]
        covered = sum(item.area for item in objects)
        colored = sum(item.area * item.colors[position] for item in objects)
        background = (attributes.colors[position] - colored) / max(1 - covered, 0.05)
        if background < MAX_CAST and all(
            certainly_not(attributes.objects[i].colors, name) for i in members if i not in having
        ):
            found.append((having, name))
    return found


def groups(attributes: SceneAttributes, members: Sequence[int]) -> list[tuple[tuple[int, ...], str]]:
    """Two to four members that are clearly separate from the others on the "left" or "right"."""
    if len(members) < 3:
        return []
    found = []
    order = sorted(members, key=lambda i: attributes.objects[i].x)
    x = np.array([attributes.objects[i].x for i in order])
    gaps = np.diff(x)
    for count in range(2, min(5, len(order))):
        if gaps[count - 1] > 0.12 and gaps[count - 1] > 1.5 * gaps[: count - 1].max() and x[count - 1] < 0.55:
            found.append((tuple(order[:count]), "left"))
        if gaps[-count] > 0.12 and gaps[-count] > 1.5 * gaps[len(gaps) - count + 1 :].max() and x[-count] > 0.45:
            found.append((tuple(order[-count:]), "right"))
    return found


def relations(attributes: SceneAttributes, members: Sequence[int], anchor: int) -> list[tuple[int, str]]:
    """Members that alone are "left", "right", "above", "below" or "next" to the anchor, an object of another
    category.
    """
    mark = attributes.objects[anchor]
    found = []
    for index in members:
        item = attributes.objects[index]
        others = [attributes.objects[i] for i in members if i != index]
        beside = _overlap(item.box[1::2], mark.box[1::2]) > 0.3
        within = _overlap(item.box[0::2], mark.box[0::2]) > 0.5
        if beside and item.x < mark.box[0] and item.box[2] < mark.x and all(o.x > mark.x for o in others):
            found.append((index, "left"))
        if beside and item.x > mark.box[2] and item.box[0] > mark.x and all(o.x < mark.x for o in others):
            found.append((index, "right"))
        if (
            within
            and -0.1 < mark.box[1] - item.box[3] < 0.1
            and item.y < mark.box[1]
            and all(o.y > mark.y for o in others)
        ):
            found.append((index, "above"))
        if (
            within
            and -0.1 < item.box[1] - mark.box[3] < 0.1
            and item.y > mark.box[3]
            and all(o.y < mark.y for o in others)
        ):
            found.append((index, "below"))
        if distance(item, mark) < 0.03 and not _inside(item, mark) and all(distance(o, mark) > 0.2 for o in others):
            found.append((index, "next"))
    return found


def distance(a: ObjectAttributes, b: ObjectAttributes) -> float:
    """Gap between two boxes: the larger of the horizontal and the vertical one; 0 if they touch or overlap."""
    across = max(a.box[0] - b.box[2], b.box[0] - a.box[2], 0.0)
    down = max(a.box[1] - b.box[3], b.box[1] - a.box[3], 0.0)
    return max(across, down)


def _inside(a: ObjectAttributes, b: ObjectAttributes) -> bool:
    return _overlap(a.box[0::2], b.box[0::2]) > 0.6 and _overlap(a.box[1::2], b.box[1::2]) > 0.6


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    common = min(a[1], b[1]) - max(a[0], b[0])
    return max(0.0, common) / max(min(a[1] - a[0], b[1] - b[0]), 1e-6)


def _center(item: ObjectAttributes, axis: str) -> float:
    return item.x if axis == "x" else item.y


def _extent(item: ObjectAttributes, axis: str) -> float:
    return item.width if axis == "x" else item.height
