"""Words for the expressions that are generated from one scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from refseg.data.nouns import confusable_with, noun_of
from refseg.data.object_attributes import SceneAttributes
from refseg.data.scenes import Scene

# Smaller targets (share of the image) vanish on the network's grid.
MIN_TARGET = 0.0012


class ExpressionWriter:
    """Draws nouns, articles and phrasings with one random generator. A noun fits no other category of the scene."""

    def __init__(self, scene: Scene, attributes: SceneAttributes, rng: np.random.Generator) -> None:
        self.scene = scene
        self.attributes = attributes
        self.rng = rng

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def phrase(self, options: Sequence[str]) -> str:
        """One of the phrasings, "the" before it in two of five cases."""
        text = self.pick(options)
        return (
            text
            if self.rng.random() < 0.6 or text.startswith(("the ", "a ", "all ", "both ", "every "))
            else f"the {text}"
        )

    def _form(self, category: str, forms: Sequence[str]) -> str:
        present = set(self.attributes.members)
        ambiguous = {form for other in present - {category} for form in noun_of(other).forms}
        # Everyday names are wider than the category ("bag"): not used if a similar category is in the image.
        wider = not (confusable_with(category) - {category}) & present
        free = [form for position, form in enumerate(forms) if (position == 0 or wider) and form not in ambiguous]
        if not free or self.rng.random() < 0.55:
            return forms[0]
        return self.pick(free)

    def one(self, category: str) -> str:
        return self._form(category, noun_of(category).singular)

    def many(self, category: str) -> str:
        noun = noun_of(category)
        return self._form(category, noun.plural or noun.singular)

    def countable_categories(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Countable categories, all of whose objects are labeled."""
        for category, members in self.attributes.members.items():
            if category in self.scene.exhaustive and noun_of(category).countable:
                yield category, members

    def visible(self, indices: Sequence[int]) -> bool:
        return sum(self.attributes.objects[i].area for i in indices) >= MIN_TARGET
