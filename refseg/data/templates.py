"""Expressions generated from the labels of a scene, each with exactly its referents.

They teach what written expressions lack: every instance of a noun, plain positions, counting, comparing, and nouns
without a target. Only unambiguous expressions are generated (the margins are in `arrangement`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from refseg.data import arrangement
from refseg.data.expression_writer import ExpressionWriter
from refseg.data.masks import BoolMask
from refseg.data.nouns import WORN, confusable_with, noun_of
from refseg.data.object_attributes import SceneAttributes, measure
from refseg.data.scenes import Scene
from refseg.models.regions.color_names import NAMES

KINDS = ("category", "side", "order", "size", "color", "relation", "several", "no_target")
_PEOPLE = frozenset({"person", "pedestrian"})
# Clothes: without the colors that skin and hair have. Transparent and shiny objects have the colors of others.
_CLOTHES_COLORS = ("black", "white", "red", "yellow", "green", "blue", "purple")
_WITHOUT_COLOR = frozenset(
    "zebra giraffe cheetah tiger tv mirror window windshield people skin pizza sandwich cake donut".split()
) | {
    "wine glass",
    "rear window",
    "laptop",
    "cell phone",
    "hot dog",
}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_SHORT_ORDINALS = ("1st", "2nd", "3rd", "4th", "5th", "6th")


@dataclass(frozen=True)
class Template:
    """A generated expression: its text, the indices of its referents (none for a no-target expression) and its kind,
    one of `KINDS`.
    """

    text: str
    objects: tuple[int, ...]
    kind: str

    def mask(self, scene: Scene) -> BoolMask:
        """The exact target, bool (H, W)."""
        return scene.union(self.objects)


def make_templates(
    scene: Scene, rng: np.random.Generator, kinds: Sequence[str] = KINDS, attributes: SceneAttributes | None = None
) -> list[Template]:
    """All templates of the given kinds, one phrasing each, drawn with `rng`. `attributes` saves measuring the scene
    again.
    """
    writer = ExpressionWriter(scene, attributes or measure(scene), rng)
    made = (template for kind in kinds for template in _MAKERS[kind](writer))
    return [template for template in made if template.kind == "no_target" or writer.visible(template.objects)]


def _category(w: ExpressionWriter) -> Iterator[Template]:
    for category, members in w.attributes.members.items():
        if category not in w.scene.exhaustive:
            continue
        if len(members) == 1 or not noun_of(category).countable:
            noun = w.one(category)
            article = "a " if noun_of(category).countable and noun[0] not in "aeiou" else ""
            text = w.pick((noun, noun, f"the {noun}", f"the {noun}", article + noun))
        else:
            nouns = w.many(category)
            text = w.pick(
                (
                    nouns,
                    nouns,
                    f"the {nouns}",
                    f"all {nouns}",
                    f"all the {nouns}",
                    f"every {w.one(category)}",
                    f"all of the {nouns}",
                )
            )
        yield Template(text, members, "category")


def _side(w: ExpressionWriter) -> Iterator[Template]:
    if not w.scene.flippable:
        return
    for category, members in w.countable_categories():
        pairs = arrangement.extremes(w.attributes, members) + arrangement.half(w.attributes, members)
        for index, side in pairs:
            yield Template(w.phrase(_side_phrases(w.one(category), side, len(members))), (index,), "side")
        for index, corner in arrangement.corners(w.attributes, members):
            noun = w.one(category)
            places = (
                f"{corner} {noun}",
                f"{noun} in the {corner}",
                f"{noun} at the {corner}",
                f"{noun} in the {corner} corner",
                f"{noun} {corner}",
            )
            yield Template(w.phrase(places), (index,), "side")
        center = arrangement.middle(w.attributes, members)
        if center is not None:
            noun = w.one(category)
            middles = (
                f"middle {noun}",
                f"{noun} in the middle",
                f"center {noun}",
                f"{noun} in the center",
                f"{noun} in the centre",
            )
            yield Template(w.phrase(middles), (center,), "side")
        for index, depth in arrangement.by_depth(w.attributes, members):
            yield Template(w.phrase(_depth_phrases(w.one(category), depth)), (index,), "side")


def _side_phrases(noun: str, side: str, count: int) -> list[str]:
    if side in ("left", "right"):
        plain = [
            f"{side} {noun}",
            f"{side} {noun}",
            f"{noun} on the {side}",
            f"{noun} on the {side}",
            f"{noun} on {side}",
            f"{noun} {side}",
        ]
        plain += [f"{noun} to the {side}", f"{noun} on the {side} side", f"{noun} at {side}"]
        far = [
            f"{side}most {noun}",
            f"{noun} on the far {side}",
            f"far {side} {noun}",
            f"{noun} furthest to the {side}",
            f"{noun} far {side}",
        ]
        if count > 2:
            plain = [f"{noun} on the {side}", f"{side} {noun}"]
        return plain if count == 1 else plain + far
    level = "upper" if side == "top" else "lower"
    place = [f"{side} {noun}", f"{noun} at the {side}", f"{noun} on the {side}", f"{level} {noun}"]
    extreme = "highest" if side == "top" else "lowest"
    return place if count == 1 else [*place, f"{noun} closest to the {side}", f"{extreme} {noun}"]


def _depth_phrases(noun: str, depth: str) -> tuple[str, ...]:
    if depth == "front":
        return (
            f"front {noun}",
            f"{noun} in front",
            f"closest {noun}",
            f"nearest {noun}",
            f"{noun} in the foreground",
            f"{noun} closest to us",
        )
    return (
        f"{noun} in the back",
        f"{noun} in back",
        f"{noun} in the background",
        f"farthest {noun}",
        f"{noun} furthest away",
        f"back {noun}",
    )


def _order(w: ExpressionWriter) -> Iterator[Template]:
    if not w.scene.flippable:
        return
    for category, members in w.countable_categories():
        row = arrangement.in_row(w.attributes, members) if 3 <= len(members) <= 6 else None
        for place, index in enumerate(row or ()):
            for side, position in (("left", place), ("right", len(members) - 1 - place)):
                noun = w.one(category)
                ordinal = w.pick((_ORDINALS[position], _ORDINALS[position], _SHORT_ORDINALS[position]))
                usual = f"{ordinal} {noun} from the {side}"
                yield Template(
                    w.phrase((usual, usual, f"{ordinal} {noun} from {side}", f"{noun} {ordinal} from the {side}")),
                    (index,),
                    "order",
                )


_SIZES = {
    "largest": (("biggest", "largest"), ("big", "large"), "bigger"),
    "smallest": (("smallest",), ("small", "little", "tiny"), "smaller"),
}


def _size(w: ExpressionWriter) -> Iterator[Template]:
    for category, members in w.countable_categories():
        for index, size in arrangement.by_size(w.attributes, members):
            noun = w.one(category)
            superlatives, adjectives, comparative = _SIZES[size]
            phrases = [f"{word} {noun}" for word in superlatives]
            if len(members) == 2:
                phrases += [f"{word} {noun}" for word in (*adjectives, comparative)]
                phrases.append(f"{comparative} of the two {w.many(category)}")
            yield Template(w.phrase(phrases), (index,), "size")


def _color(w: ExpressionWriter) -> Iterator[Template]:
    for category, members in w.attributes.members.items():
        if (
            category not in w.scene.exhaustive
            or category in _WITHOUT_COLOR
            or not (noun_of(category).countable or category in WORN)
        ):
            continue
        people = category in _PEOPLE
        for having, name in arrangement.by_color(w.attributes, members, _CLOTHES_COLORS if people else NAMES):
            color = w.pick(("gray", "grey")) if name == "gray" else name
            noun = w.one(category) if len(having) == 1 else w.many(category)
            if name in noun.split():
                continue
            options: tuple[str, ...] = (f"{color} {noun}",)
            if len(having) == 1 and noun_of(category).countable:
                options = (f"{color} {noun}", f"{color} {noun}", f"{color} {noun}", f"{noun} that is {color}")
            if people:
                options = (
                    f"{noun} in {color}",
                    f"{noun} wearing {color}",
                    f"{noun} dressed in {color}",
                    f"{noun} in {color} clothes",
                )
            yield Template(w.phrase(options), having, "color")


_RELATIONS = {
    "left": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right": ("to the right of", "right of", "on the right of", "on the right side of"),
    "above": ("above", "over"),
    "below": ("below", "under", "beneath", "underneath"),
    "next": ("next to", "beside", "near", "by", "close to"),
}


def _relation(w: ExpressionWriter) -> Iterator[Template]:
    if not w.scene.flippable:
        return
    countable = [(category, members) for category, members in w.countable_categories() if category not in WORN]
    anchors = [
        (category, members[0])
        for category, members in countable
        if len(members) == 1 and w.attributes.objects[members[0]].area > 0.003
    ]
    for category, members in countable:
        if len(members) > 8:
            continue
        for other, anchor in anchors:
            if other == category:
                continue
            for index, relation in arrangement.relations(w.attributes, members, anchor):
                mark = w.pick(("the ", "the ", "")) + w.one(other)
                yield Template(
                    w.phrase((f"{w.one(category)} {w.pick(_RELATIONS[relation])} {mark}",)), (index,), "relation"
                )


def _several(w: ExpressionWriter) -> Iterator[Template]:
    for category, members in w.countable_categories():
        nouns, count = w.many(category), len(members)
        if count == 2:
            text = w.pick(
                (f"both {nouns}", f"the two {nouns}", f"two {nouns}", f"both of the {nouns}", f"both the {nouns}")
            )
            yield Template(text, members, "several")
        elif 3 <= count <= 6:
            number = _NUMBERS[count]
            yield Template(
                w.pick((f"the {number} {nouns}", f"all {number} {nouns}", f"{number} {nouns}")), members, "several"
            )
        if not w.scene.flippable:
            continue
        for group, side in arrangement.groups(w.attributes, members):
            number = _NUMBERS[len(group)]
            options = (
                f"{number} {nouns} on the {side}",
                f"{number} {nouns} to the {side}",
                f"{number} {side}most {nouns}",
            )
            yield Template(w.phrase(options), group, "several")


def _no_target(w: ExpressionWriter, count: int = 6) -> Iterator[Template]:
    if not w.scene.complete:
        return
    present = set(w.attributes.members)
    missing = sorted(c for c in w.scene.listed - present if not confusable_with(c) & present)
    for position in w.rng.permutation(len(missing))[:count]:
        category = missing[int(position)]
        noun, side = noun_of(category).singular[0], w.pick(("left", "right"))
        options = [noun, f"the {noun}", noun, f"the {noun}"]
        if noun_of(category).countable:
            nouns, place = w.many(category), w.pick(("middle", "front", "back"))
            options += [
                nouns,
                f"all the {nouns}",
                f"two {nouns}",
                f"biggest {noun}",
                f"second {noun} from the {side}",
                f"{noun} in the {place}",
            ]
            options += [f"{side} {noun}", f"{noun} on the {side}", f"the {noun} on the {side}"]
        if category not in _PEOPLE:
            options += [f"{w.pick(NAMES)} {noun}", f"the {w.pick(NAMES)} {noun}"]
        yield Template(w.pick(options), (), "no_target")


_MAKERS: dict[str, Callable[[ExpressionWriter], Iterator[Template]]] = {
    "category": _category,
    "side": _side,
    "order": _order,
    "size": _size,
    "color": _color,
    "relation": _relation,
    "several": _several,
    "no_target": _no_target,
}
