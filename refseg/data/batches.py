"""Training batches: pictures, expressions and soft targets, drawn so that any step can be made again from the seed and its number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from refseg.data.augmentation import AugmentationConfig, draw_window, jitter_colours, reword
from refseg.data.facts import SceneFacts, measure
from refseg.data.masks import BoolMask
from refseg.data.nouns import confusable_with, noun_of
from refseg.data.scenes import Scene
from refseg.data.templates import KINDS, make_templates
from refseg.errors import DataError
from refseg.images import Letterbox
from refseg.language import Tokeniser

# "natural" are sentences people wrote about the picture, "borrowed" are sentences about something that is not in it.
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
DEFAULT_AUGMENTATION = AugmentationConfig()
TARGET_STRIDE = 4
_WORDS_FOR_PERSON = frozenset("man woman person boy girl guy lady kid child people player men women he she his her".split())


@dataclass(frozen=True)
class TrainingBatch:
    """B pictures and K expressions about them.

    images uint8 (B, S, S, 3) letterboxed; tokens int64 (K, T) and valid bool (K, T); image_index int64 (K,) into the pictures;
    masks uint8 (K, S/4, S/4), the share of each cell that is meant, times 255; weights float32 (K,);
    inside bool (B, S/4, S/4), the cells that are picture and not padding; kinds and texts, one for each expression.
    """

    images: NDArray[np.uint8]
    tokens: NDArray[np.int64]
    valid: NDArray[np.bool_]
    image_index: NDArray[np.int64]
    masks: NDArray[np.uint8]
    weights: NDArray[np.float32]
    inside: NDArray[np.bool_]
    kinds: list[str]
    texts: list[str]


# The wordings of one thing that can be said, and the indices of the objects it means.
_Offer = tuple[Sequence[str], tuple[int, ...]]


@dataclass(frozen=True)
class _Choice:
    text: str
    mask: BoolMask
    kind: str


@dataclass(frozen=True)
class _Sample:
    image: NDArray[np.uint8]
    masks: list[NDArray[np.uint8]]
    inside: NDArray[np.bool_]
    texts: list[str]
    kinds: list[str] = field(default_factory=list)


class TrainingSampler:
    """An endless iterator of `TrainingBatch`, a function of (seed, step): set `step` to go on from there exactly.

    sources: (scenes, weight) pairs; a picture is drawn from a source by weight and evenly within it. expressions_per_image: each
    picture brings exactly so many, repeated in other words where it has fewer. mix: relative odds of the kinds of `DEFAULT_MIX`;
    kinds a picture does not offer are left out of its draw. borrowed: (category, sentence) of other pictures, said of complete
    scenes without that category. kind_weights: loss weights other than 1. Raises DataError for settings that fit nothing.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Sequence[Scene], float]],
        tokeniser: Tokeniser,
        *,
        image_size: int = 320,
        images_per_batch: int = 8,
        expressions_per_image: int = 4,
        seed: int = 0,
        step: int = 0,
        mix: Mapping[str, float] = DEFAULT_MIX,
        borrowed: Sequence[tuple[str, str]] = (),
        kind_weights: Mapping[str, float] | None = None,
        augmentation: AugmentationConfig | None = DEFAULT_AUGMENTATION,
    ) -> None:
        unknown = sorted(set(mix) - {"natural", "borrowed", *KINDS})
        if unknown or not any(odds > 0 for odds in mix.values()) or any(odds < 0 for odds in mix.values()):
            raise DataError(f"got the mix {dict(mix)}, expected odds of at least 0, one above, for: natural, borrowed, {', '.join(KINDS)}")
        self._sources = [(scenes, weight) for scenes, weight in sources if len(scenes) and weight > 0]
        if not self._sources:
            raise DataError("got no source with pictures and a weight above 0, expected at least one: check the data folders")
        if image_size % TARGET_STRIDE:
            raise DataError(f"got the image size {image_size}, expected a multiple of {TARGET_STRIDE}")
        weights = np.array([weight for _, weight in self._sources], dtype=np.float64)
        self._odds = weights / weights.sum()
        self._tokeniser = tokeniser
        self._size = image_size
        self._images = images_per_batch
        self._expressions = expressions_per_image
        self._seed = seed
        self.step = step
        self._mix = dict(mix)
        self._borrowed = [(category, text) for category, text in borrowed if _names(category, text)]
        self._kind_weights = dict(kind_weights or {})
        self._augmentation = augmentation
        self._facts: dict[tuple[int, int], SceneFacts] = {}

    @property
    def state(self) -> dict[str, int]:
        """{"seed", "step"}: what a sampler with the same settings needs to go on."""
        return {"seed": self._seed, "step": self.step}

    def __iter__(self) -> Iterator[TrainingBatch]:
        return self

    def __next__(self) -> TrainingBatch:
        batch = self.batch(self.step)
        self.step += 1
        return batch

    def batch(self, step: int) -> TrainingBatch:
        """The batch of a step, whatever was drawn before."""
        samples = [self._sample(np.random.default_rng([self._seed, step, slot])) for slot in range(self._images)]
        texts = [text for sample in samples for text in sample.texts]
        kinds = [kind for sample in samples for kind in sample.kinds]
        tokens, valid = self._tokeniser.batch([self._tokeniser.encode(text) for text in texts])
        return TrainingBatch(
            images=np.stack([sample.image for sample in samples]),
            tokens=tokens,
            valid=valid,
            image_index=np.repeat(np.arange(self._images, dtype=np.int64), self._expressions),
            masks=np.stack([mask for sample in samples for mask in sample.masks]),
            weights=np.array([self._kind_weights.get(kind, 1.0) for kind in kinds], dtype=np.float32),
            inside=np.stack([sample.inside for sample in samples]),
            kinds=kinds,
            texts=texts,
        )

    def _sample(self, rng: np.random.Generator) -> _Sample:
        for _ in range(50):
            source = int(rng.choice(len(self._sources), p=self._odds))
            scenes = self._sources[source][0]
            index = int(rng.integers(len(scenes)))
            scene = scenes[index]
            facts = self._facts.get((source, index))
            if facts is None:
                facts = self._facts[source, index] = measure(scene)
            choices = self._choose(scene, facts, rng)
            if choices:
                return self._render(scene, choices, rng)
        raise DataError("got 50 pictures in a row without any expression, expected referents or labelled categories: check mix and data")

    def _choose(self, scene: Scene, facts: SceneFacts, rng: np.random.Generator) -> list[_Choice]:
        """`expressions_per_image` choices, or none when the scene offers nothing."""
        offers = self._offers(scene, facts, rng)
        if not offers:
            return []
        kinds = sorted(offers)
        odds = np.array([self._mix[kind] for kind in kinds], dtype=np.float64)
        decks = {kind: _deck(offers[kind], rng) for kind in kinds}
        choices = []
        for drawn in rng.choice(len(kinds), size=self._expressions, p=odds / odds.sum()):
            kind = kinds[int(drawn)]
            if not decks[kind]:
                decks[kind] = _deck(offers[kind], rng)
            text, objects = decks[kind].pop()
            choices.append(_Choice(text, scene.union(objects), kind))
        return choices

    def _offers(self, scene: Scene, facts: SceneFacts, rng: np.random.Generator) -> dict[str, list[_Offer]]:
        """By kind, everything that can be said of the scene."""
        offers: dict[str, list[_Offer]] = {}
        wanted = [kind for kind, odds in self._mix.items() if odds > 0]
        for template in make_templates(scene, rng, [kind for kind in KINDS if kind in wanted], facts):
            offers.setdefault(template.kind, []).append(((template.text,), template.objects))
        if "natural" in wanted and scene.referents:
            offers["natural"] = [(referent.sentences, (referent.index,)) for referent in scene.referents]
        if "borrowed" in wanted and scene.complete and self._borrowed:
            candidates = (self._borrowed[int(i)] for i in rng.integers(len(self._borrowed), size=8))
            present = set(facts.members)
            absent = [text for category, text in candidates if category in scene.listed and not confusable_with(category) & present]
            if absent:
                offers["borrowed"] = [((text,), ()) for text in absent]
        return offers

    def _render(self, scene: Scene, choices: Sequence[_Choice], rng: np.random.Generator) -> _Sample:
        image, masks = scene.image, [choice.mask for choice in choices]
        texts = [choice.text for choice in choices]
        if self._augmentation is not None:
            window = draw_window(image.shape[:2], masks, texts, rng, self._augmentation, scene.flippable)
            image, masks, texts = window.apply(image), [window.apply_mask(mask) for mask in masks], reword(texts, window)
        letterbox = Letterbox.of(image, self._size)
        boxed = letterbox.forward(image).astype(np.uint8, copy=False)
        if self._augmentation is not None:
            jittered = jitter_colours(boxed, texts, rng, self._augmentation)
            boxed[letterbox.window] = jittered[letterbox.window]
        grid = self._size // TARGET_STRIDE
        targets = [_shrink(letterbox.forward(mask.astype(np.uint8) * 255, 0), grid) for mask in masks]
        inside = np.zeros((self._size, self._size), dtype=np.uint8)
        inside[letterbox.window] = 255
        return _Sample(boxed, targets, _shrink(inside, grid) >= 128, texts, [choice.kind for choice in choices])


def _deck(offers: Sequence[_Offer], rng: np.random.Generator) -> list[tuple[str, tuple[int, ...]]]:
    """All (wording, objects) to be popped from the end: one wording of each offer in random order, then second ones, and so on."""
    shuffled = [([texts[int(k)] for k in rng.permutation(len(texts))], objects) for texts, objects in offers]
    shuffled = [shuffled[int(k)] for k in rng.permutation(len(shuffled))]
    longest = max(len(texts) for texts, _ in shuffled)
    return [(texts[k], objects) for k in range(longest) for texts, objects in shuffled if k < len(texts)][::-1]


def _shrink(array: NDArray[np.generic], size: int) -> NDArray[np.uint8]:
    return cv2.resize(array.astype(np.uint8, copy=False), (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _names(category: str, text: str) -> bool:
    """Whether a sentence says what it is about, so that it is plainly false of pictures without that category."""
    words = f" {' '.join(text.casefold().split())} "
    if category == "person":
        return any(f" {word} " in words for word in _WORDS_FOR_PERSON)
    return any(f" {form} " in words for form in noun_of(category).forms)
