"""What is said about a scene in training: a draw among people's expressions, templates, and expressions about something
else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from refseg.data.nouns import confusable_with, noun_of
from refseg.data.object_attributes import SceneAttributes
from refseg.data.scenes import Scene
from refseg.data.templates import KINDS, make_templates
from refseg.errors import DataError

# "natural" are expressions people wrote about the image, "borrowed" are those of other images about something that is
# not in it, "absent" those made or written to mean nothing in it.
DEFAULT_MIX: Mapping[str, float] = {
    "natural": 0.60,
    "category": 0.07,
    "side": 0.10,
    "order": 0.03,
    "size": 0.03,
    "colour": 0.05,
    "relation": 0.03,
    "several": 0.03,
    "absent": 0.03,
    "borrowed": 0.03,
}
_WORDS_FOR_PERSON = frozenset("man woman person boy girl guy lady kid child people player men women he she his her".split())

# The wordings of one object that can be said, and the indices of the objects it means.
Offer = tuple[Sequence[str], tuple[int, ...]]


@dataclass(frozen=True)
class DrawnExpression:
    """An expression, the indices of the objects it means (none: it means nothing here) and its kind."""

    text: str
    objects: tuple[int, ...]
    kind: str


class ExpressionChooser:
    """Draws expressions by the odds of their kinds.

    mix: relative odds of the kinds of `DEFAULT_MIX`; kinds an image does not offer are left out of its draw. borrowed:
    (category, expression) of other images, said of complete scenes without that category. Raises DataError for odds
    that fit nothing.
    """

    def __init__(self, mix: Mapping[str, float] = DEFAULT_MIX, borrowed: Sequence[tuple[str, str]] = ()) -> None:
        unknown = sorted(set(mix) - {"natural", "borrowed", *KINDS})
        if unknown or not any(odds > 0 for odds in mix.values()) or any(odds < 0 for odds in mix.values()):
            raise DataError(f"got the mix {dict(mix)}, expected odds of at least 0, one above, for: natural, borrowed, {', '.join(KINDS)}")
        self._mix = dict(mix)
        self._borrowed = [(category, text) for category, text in borrowed if _names(category, text)]

    def choose(self, scene: Scene, facts: SceneAttributes, count: int, rng: np.random.Generator) -> list[DrawnExpression]:
        """`count` choices, or none when the scene offers nothing."""
        offers = self.offers(scene, facts, rng)
        if not offers:
            return []
        return self.draw(offers, count, rng)

    def draw(self, offers: Mapping[str, Sequence[Offer]], count: int, rng: np.random.Generator) -> list[DrawnExpression]:
        """`count` of some offers by the odds of their kinds, each kind's wordings in random order without repetition
        while they last.
        """
        kinds = sorted(offers)
        odds = np.array([self._mix[kind] for kind in kinds], dtype=np.float64)
        decks = {kind: _deck(offers[kind], rng) for kind in kinds}
        choices = []
        for drawn in rng.choice(len(kinds), size=count, p=odds / odds.sum()):
            kind = kinds[int(drawn)]
            if not decks[kind]:
                decks[kind] = _deck(offers[kind], rng)
            text, objects = decks[kind].pop()
            choices.append(DrawnExpression(text, objects, kind))
        return choices

    def offers(self, scene: Scene, facts: SceneAttributes, rng: np.random.Generator) -> dict[str, list[Offer]]:
        """By kind, everything that can be said of the scene."""
        offers: dict[str, list[Offer]] = {}
        wanted = [kind for kind, odds in self._mix.items() if odds > 0]
        for template in make_templates(scene, rng, [kind for kind in KINDS if kind in wanted], facts):
            offers.setdefault(template.kind, []).append(((template.text,), template.objects))
        if "natural" in wanted and scene.referents:
            offers["natural"] = [(referent.sentences, (referent.index,)) for referent in scene.referents]
        if "absent" in wanted and scene.absent:
            offers.setdefault("absent", []).append((scene.absent, ()))
        if "borrowed" in wanted and scene.complete and self._borrowed:
            candidates = (self._borrowed[int(i)] for i in rng.integers(len(self._borrowed), size=8))
            present = set(facts.members)
            absent = [text for category, text in candidates if category in scene.listed and not confusable_with(category) & present]
            if absent:
                offers["borrowed"] = [((text,), ()) for text in absent]
        return offers


def _deck(offers: Sequence[Offer], rng: np.random.Generator) -> list[tuple[str, tuple[int, ...]]]:
    """All (wording, objects) to be popped from the end: one wording of each offer in random order, then second ones,
    and so on.
    """
    shuffled = [([texts[int(k)] for k in rng.permutation(len(texts))], objects) for texts, objects in offers]
    shuffled = [shuffled[int(k)] for k in rng.permutation(len(shuffled))]
    longest = max(len(texts) for texts, _ in shuffled)
    return [(texts[k], objects) for k in range(longest) for texts, objects in shuffled if k < len(texts)][::-1]


def _names(category: str, text: str) -> bool:
    """Whether an expression says what it is about, so that it is plainly false of images without that category."""
    words = f" {' '.join(text.casefold().split())} "
    if category == "person":
        return any(f" {word} " in words for word in _WORDS_FOR_PERSON)
    return any(f" {form} " in words for form in noun_of(category).forms)
