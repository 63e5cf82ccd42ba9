"""Which expressions a scene gets in training: a draw among written expressions, templates and no-target expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from refseg.data.nouns import confusable_with, noun_of
from refseg.data.object_attributes import SceneAttributes
from refseg.data.scenes import Scene
from refseg.data.templates import KINDS, make_templates
from refseg.errors import DataError

# "natural": written by people about the image. "borrowed": of other images, about an object that this image lacks.
# "no_target": generated or written as no-target expressions of this image.
DEFAULT_MIX: Mapping[str, float] = {
    "natural": 0.60,
    "category": 0.07,
    "side": 0.10,
    "order": 0.03,
    "size": 0.03,
    "color": 0.05,
    "relation": 0.03,
    "several": 0.03,
    "no_target": 0.03,
    "borrowed": 0.03,
}
_WORDS_FOR_PERSON = frozenset(
    "man woman person boy girl guy lady kid child people player men women he she his her".split()
)

# Wordings of one expression, and the indices of its referents.
Offer = tuple[Sequence[str], tuple[int, ...]]


@dataclass(frozen=True)
class DrawnExpression:
    """An expression, the indices of its referents (none for a no-target expression) and its kind."""

    text: str
    objects: tuple[int, ...]
    kind: str


class ExpressionChooser:
    """Draws expressions by the odds of their kinds.

    mix: relative odds of the kinds of `DEFAULT_MIX`; kinds that an image has no expression of are left out. borrowed:
    (category, expression) of other images, for complete scenes without that category. Raises DataError for an unknown
    kind, negative odds, or no odds above 0.
    """

    def __init__(self, mix: Mapping[str, float] = DEFAULT_MIX, borrowed: Sequence[tuple[str, str]] = ()) -> None:
        unknown = sorted(set(mix) - {"natural", "borrowed", *KINDS})
        if unknown or not any(odds > 0 for odds in mix.values()) or any(odds < 0 for odds in mix.values()):
            raise DataError(
                f"got the mix {dict(mix)}, expected odds of at least 0, one above, for: natural, borrowed,"
                f" {', '.join(KINDS)}"
            )
        self._mix = dict(mix)
        self._borrowed = [(category, text) for category, text in borrowed if _names(category, text)]

    def choose(
        self, scene: Scene, attributes: SceneAttributes, count: int, rng: np.random.Generator
    ) -> list[DrawnExpression]:
        """`count` expressions, or none if the scene has none."""
        offers = self.offers(scene, attributes, rng)
        if not offers:
            return []
        return self.draw(offers, count, rng)

    def draw(
        self, offers: Mapping[str, Sequence[Offer]], count: int, rng: np.random.Generator
    ) -> list[DrawnExpression]:
        """`count` expressions by the odds of their kinds. A wording is repeated only after all others of its kind."""
        kinds = sorted(offers)
        odds = np.array([self._mix[kind] for kind in kinds], dtype=np.float64)
        queues = {kind: _shuffle(offers[kind], rng) for kind in kinds}
        choices = []
        for drawn in rng.choice(len(kinds), size=count, p=odds / odds.sum()):
            kind = kinds[int(drawn)]
            if not queues[kind]:
                queues[kind] = _shuffle(offers[kind], rng)
            text, objects = queues[kind].pop()
            choices.append(DrawnExpression(text, objects, kind))
        return choices

    def offers(self, scene: Scene, attributes: SceneAttributes, rng: np.random.Generator) -> dict[str, list[Offer]]:
        """All expressions of the scene, by kind."""
        offers: dict[str, list[Offer]] = {}
        wanted = [kind for kind, odds in self._mix.items() if odds > 0]
        for template in make_templates(scene, rng, [kind for kind in KINDS if kind in wanted], attributes):
            offers.setdefault(template.kind, []).append(((template.text,), template.objects))
        if "natural" in wanted and scene.referents:
            offers["natural"] = [(referent.expressions, (referent.index,)) for referent in scene.referents]
        if "no_target" in wanted and scene.no_target:
            offers.setdefault("no_target", []).append((scene.no_target, ()))
        if "borrowed" in wanted and scene.complete and self._borrowed:
            candidates = (self._borrowed[int(i)] for i in rng.integers(len(self._borrowed), size=8))
            present = set(attributes.members)
            unmatched = [
                text
                for category, text in candidates
                if category in scene.listed and not confusable_with(category) & present
            ]
            if unmatched:
                offers["borrowed"] = [((text,), ()) for text in unmatched]
        return offers


def _shuffle(offers: Sequence[Offer], rng: np.random.Generator) -> list[tuple[str, tuple[int, ...]]]:
    """All (wording, objects), to be popped from the end: a wording of each offer in random order, then the second ones,
    and so on.
    """
    shuffled = [([texts[int(k)] for k in rng.permutation(len(texts))], objects) for texts, objects in offers]
    shuffled = [shuffled[int(k)] for k in rng.permutation(len(shuffled))]
    longest = max(len(texts) for texts, _ in shuffled)
    return [(texts[k], objects) for k in range(longest) for texts, objects in shuffled if k < len(texts)][::-1]


def _names(category: str, text: str) -> bool:
    """Whether an expression contains a noun of its category, so that it has no target in images without that
    category.
    """
    words = f" {' '.join(text.casefold().split())} "
    if category == "person":
        return any(f" {word} " in words for word in _WORDS_FOR_PERSON)
    return any(f" {form} " in words for form in noun_of(category).forms)
