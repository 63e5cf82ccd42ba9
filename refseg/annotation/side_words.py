"""On which side of the picture a sentence says its thing is, where it in_image says so, and where a mask plainly contradicts it.

Written to be silent in doubt: "left hand", "left side of the man", "man next to the dog on the left" and "second from the left" say nothing here. Of 2,533
sentences with "left" or "right" that people wrote about 1,386 photos, 1,086 are read, and no mask is said to contradict its own; with left and right
swapped, 985 do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from refseg.language import words_of

Side = Literal["left", "right"]

MARGIN = 0.1  # of the picture's width, between the outermost of several alike and the next
FAR = 2 / 3  # of the way across: beyond it is the other side, even for a thing that has no like
_SIDES: dict[str, Side] = {"left": "left", "right": "right", "leftmost": "left", "rightmost": "right"}
_PLACE = re.compile(
    r" (?:(?:on|to|at|in)(?: the)?(?: far| very)?|far) (?:left|right)(?: side| edge| hand side)?(?: of (?:the )?(?:picture|image|photo|frame))? "
)
_FIRST = re.compile(r" (?:far )?(?:left|right|leftmost|rightmost|left most|right most) (?=\S)")
# After "on the left" in the middle of a sentence: more about the thing, not "on the left shelf" or "on the left of".
_MORE = re.compile(r"(?:with|in|by|near|behind|who|that|which|whose|\w+ing)\b")
# Words with which the side may be another thing's, a direction, or where counting starts.
_OTHERS = frozenset(
    "of with by on at near next to from behind beside between above below under over and or that which who whose not no than against across "
    "'s his her its their front back middle center center first second third fourth fifth last 1st 2nd 3rd 4th 5th other another both all two three "
    "four five holding facing looking pointing leaning turned turning going walking running moving driving flying headed heading side half part end".split()
)
# Things with a left and a right of their own, which are not the picture's.
_PAIRED = frozenset(
    "hand arm elbow wrist finger thumb leg knee foot ankle toe eye ear eyebrow cheek shoulder breast hip hoof paw wing horn antler tusk shoe boot sock "
    "glove mitten sandal sneaker heel sleeve pocket cuff lens earring bracelet watch ski wheel tire tyre light headlight taillight lamp mirror door window "
    "windshield fender bumper indicator pedal lane turn fielder".split()
) | {"feet"}


@dataclass(frozen=True)
class StatedSide:
    """side: where the thing is said to be.  in_image: in the picture ("on the left"), rather than among its like ("left dog", "leftmost dog")."""

    side: Side
    in_image: bool


@dataclass(frozen=True)
class Extent:
    """Of a mask across its picture, in shares of the width: its ends and the mean of its pixels, 0..1."""

    left: float
    center: float
    right: float

    def mirrored(self) -> Extent:
        """The same with left and right swapped."""
        return Extent(1 - self.right, 1 - self.center, 1 - self.left)


def stated_side(sentence: str) -> StatedSide | None:
    """What a sentence says of its thing's side; None where it says nothing, or nothing that is surely about the thing and the picture."""
    words = words_of(sentence)
    named = [word for word in words if word in _SIDES]
    if len(named) != 1:
        return None
    side, text = _SIDES[named[0]], f" {' '.join(words[words[0] == 'the' :])} "
    place = _PLACE.search(text)
    if place is not None and place.start() > 0:
        before, after = text[: place.start()].split(), text[place.end() :]
        plain = not _OTHERS & set(before) and (not after or _MORE.match(after) is not None)
        return StatedSide(side, in_image=True) if plain else None
    first = _FIRST.match(text)
    rest = [] if first is None else text[first.end() :].split()
    if not rest or _OTHERS & set(rest) or any(word in _PAIRED or word.removesuffix("s") in _PAIRED for word in rest):
        return None
    return StatedSide(side, in_image=False)


def contradicts(said: StatedSide, thing: Extent, alike: Sequence[Extent]) -> bool:
    """Whether a thing is clearly not where it is said to be; alike: the others of its category in the picture.

    Among several it must be the last on the wrong side, by `MARGIN`, and in that half; one by itself must lie in that half as a whole, its center beyond
    `FAR`, and be said to be on a side of the picture: "left dog" may be left of one that nobody has drawn.
    """
    if said.side == "right":
        return contradicts(StatedSide("left", said.in_image), thing.mirrored(), [other.mirrored() for other in alike])
    if alike:
        return thing.center > 0.5 and all(thing.center - other.center >= MARGIN for other in alike)
    return said.in_image and thing.left >= 0.5 and thing.center > FAR
