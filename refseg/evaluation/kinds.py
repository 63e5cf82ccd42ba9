"""Kinds of expressions, recognized by their words, for results by kind."""

from __future__ import annotations

from refseg.language import words_of

KINDS = ("position words", "color words", "relation", "long", "short")
LONG, SHORT = 6, 3

_POSITION = frozenset(
    "left right leftmost rightmost top bottom upper lower middle center centre corner first second third fourth last"
    " front back foreground background nearest closest farthest furthest far near side end highest lowest topmost"
    " uppermost".split()
)
_COLOR = frozenset(
    "black white gray grey red orange yellow green blue purple pink brown blond blonde beige tan gold golden silver"
    " teal turquoise maroon navy khaki cream violet dark light bright pale ginger colored coloured colorful colourful"
    " reddish greenish bluish brownish yellowish greyish grayish whitish".split()
)
_RELATION = frozenset(
    "behind beside between above below under underneath beneath over near next against beyond around inside holding"
    " carrying wearing riding touching facing sitting on".split()
)


def kinds_of(expression: str) -> tuple[str, ...]:
    """The kinds of `KINDS` that an expression belongs to; it may be several or none.

    "long" is more than 6 words, "short" at most 3; "relation" relates the object to another one (behind, next to,
    holding, on, in front of). "on the left" and similar phrases are no relation.
    """
    words = words_of(expression)
    vocabulary = set(words)
    text = f" {' '.join(words)} "
    for phrase in (
        " on the left ",
        " on the right ",
        " on left ",
        " on right ",
        " on top ",
        " on the bottom ",
        " on the top ",
        " on bottom ",
    ):
        text = text.replace(phrase, " ")
    of = any(f" {side} of " in f" {' '.join(words)} " for side in ("left", "right", "front", "top", "back"))
    found = {
        "position words": bool(vocabulary & _POSITION),
        "color words": bool(vocabulary & _COLOR),
        "relation": of or bool(set(text.split()) & _RELATION),
        "long": len(words) > LONG,
        "short": len(words) <= SHORT,
    }
    return tuple(kind for kind in KINDS if found[kind])
