"""Deletion test: do the words that an explanation ranks first change the mask most?

    python -m benchmarks.deletion --data DATA/coco --split val [--limit IMAGES] [--json F]

For each expression with at least two content words, the network answers the expression without each of its words. The
change is 1 - IoU of the masks with and without the word, at the threshold of the model and whatever the verdict.
Content words are all words that are not in FUNCTION_WORDS (articles, pronouns, conjunctions, auxiliaries and plain
prepositions). Words of position such as left, behind or between are content words, because they distinguish objects.

The first word of a ranking is compared with a random content word. Nothing is sampled: the result is the expectation
over all content words, that is the share of them that change the mask less, with ties counted half. There are two
versions: among all content words, including the first-ranked one (a tie with itself), or among the others only. A
random ranking of the content words gives 50 %.

Leave-one-out ranks words by this same change. Its first word changes the mask at least as much as any other, so its
share is 100 % except for ties, and says nothing about the explanation. Two other results do: whether *attention* (the
mean of a, Eq. 4, over the levels) puts the words first that change most; and how much IoU with the *label* the answer
loses without a word, because no ranking uses the label.

Confidence intervals (95 %) are from 1000 bootstrap samples of the images, because expressions about the same image are
not independent.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.commands.progress import counting
from refseg.data.refcoco import RefCocoDataset, read_refcoco
from refseg.evaluation.tables import percent, table
from refseg.explain import Explanation, explain
from refseg.images import load_image
from refseg.inference.predictor import Predictor
from refseg.language import words_of
from refseg.mask_iou import iou

FUNCTION_WORDS = frozenset(
    "a an the this that these those some any each every both all 's i me my you your he him his she her hers it its we"
    " us our they them their who whom whose which what there here one ones and or but nor not no than as if while where"
    " when am is are was were be been being do does did has have had having can could will would may might just only"
    " also very too so of in on at to by with from for into onto off out about".split()
)
DRAWS, SEED = 1000, 0


@dataclass(frozen=True)
class Deletion:
    """Result of the test for one expression of N words.

    Attributes:
        image: number of the image.
        change: change of the mask without each word (N,).
        attention: attention of each word (N,).
        content: positions of the content words.
        first: position of the first-ranked word of the explanation.
        label_ious: IoU of the label with the answer without each word (N,).
        label_iou: IoU of the label with the answer to the whole expression.
    """

    image: int
    change: tuple[float, ...]
    attention: tuple[float, ...]
    content: tuple[int, ...]
    first: int
    label_ious: tuple[float, ...]
    label_iou: float


Ranking = Callable[[Deletion], int]
RANKINGS: dict[str, Ranking] = {
    "leave one out": lambda one: one.first,
    "attention": lambda one: max(range(len(one.attention)), key=one.attention.__getitem__),
    "attention, content words": lambda one: max(one.content, key=one.attention.__getitem__),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the test, print the tables, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deletion", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of a dataset in the RefCOCO layout")
    parser.add_argument("--split", help="split, such as val (default: all)")
    parser.add_argument("--limit", type=int, help="use only the first N images")
    parser.add_argument("--model", type=Path, help="checkpoint folder (default: the embedded model)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit must be at least 1, got {options.limit}")
    dataset = read_refcoco(options.data, options.split)
    samples = list(deletions(Predictor.load(options.model), dataset, options.limit))
    if not samples:
        parser.error("no expression has two content words, expected at least one: choose another split or limit")
    rankings = {name: figures_of(samples, ranking) for name, ranking in RANKINGS.items()}
    figures = {
        "n": len(samples),
        "pictures": len({one.image for one in samples}),
        "rankings": rankings,
    }
    print(report(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def deletions(predictor: Predictor, dataset: RefCocoDataset, limit: int | None = None) -> Iterator[Deletion]:
    """Test each expression with two content words, of the first `limit` images that have expressions."""
    images = [image for image in dataset.images if dataset.referents_of(image)][:limit]
    with counting("images") as progress:
        for number, image in enumerate(images):
            encoded = predictor.encode(load_image(dataset.path_of(image)))
            for referent in dataset.referents_of(image):
                label = referent.instance.mask(image.height, image.width)
                for sentence in referent.expressions:
                    words = words_of(sentence, predictor.vocabulary)[: predictor.tokenizer.max_words]
                    if len(content_words(words)) > 1:
                        yield deletion(number, explain(predictor, encoded, sentence), label)
            progress(number + 1, len(images))


def content_words(tokens: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the content words."""
    return tuple(position for position, word in enumerate(tokens) if word not in FUNCTION_WORDS)


def deletion(image: int, explanation: Explanation, label: NDArray[np.bool_]) -> Deletion:
    """Test one explanation of at least two words. label: bool (H, W)."""
    answer, threshold = explanation.segmentation, explanation.threshold
    answers = [one.segmentation for one in explanation.left_out if one.segmentation is not None]
    return Deletion(
        image,
        change=tuple(one.change for one in explanation.left_out),
        attention=tuple(float(value) for value in answer.word_attention.mean(0)),
        content=content_words(answer.tokens),
        first=explanation.ranked()[0].word,
        label_ious=tuple(iou(one.mask(threshold), label) for one in answers),
        label_iou=iou(answer.mask(threshold), label),
    )


def share_below(change: float, others: Sequence[float]) -> float:
    """Return the share of `others` below `change`; ties count half."""
    return sum((change > other) + (change == other) / 2 for other in others) / len(others)


def figures_of(samples: Sequence[Deletion], ranking: Ranking) -> dict[str, Any]:
    """Compute the figures of one ranking; shares are 0..1.

    Returns:
        any, others: share of all content words, and of the others, that change less than the first word.
        content: how often the first word is a content word.
        change, random_change: mean change without the first word, and without a random content word.
        label, label_without, label_without_random: mean IoU with the label of the whole answers, without the first
            word, and without a random content word.
        any_interval, others_interval: 95 % confidence intervals.
    """
    rows = []
    for one in samples:
        first = ranking(one)
        rows.append(
            (
                share_below(one.change[first], [one.change[position] for position in one.content]),
                share_below(one.change[first], [one.change[position] for position in one.content if position != first]),
                first in one.content,
                one.change[first],
                np.mean([one.change[position] for position in one.content]),
                one.label_iou,
                one.label_ious[first],
                np.mean([one.label_ious[position] for position in one.content]),
            )
        )
    values = np.array(rows, dtype=np.float64)
    names = ("any", "others", "content", "change", "random_change", "label", "label_without", "label_without_random")
    figures: dict[str, Any] = dict(zip(names, values.mean(0).tolist(), strict=True))
    spread = intervals(values[:, :2], np.array([one.image for one in samples]))
    return figures | {"any_interval": spread[0], "others_interval": spread[1]}


def intervals(values: NDArray[np.float64], images: NDArray[np.int_]) -> list[list[float]]:
    """Return the bootstrap 95 % interval of the mean of each column. Whole images are sampled with replacement."""
    rng = np.random.default_rng(SEED)
    _, group = np.unique(images, return_inverse=True)
    sums = np.stack(
        [np.bincount(group, weights=column) for column in (*values.T, np.ones(len(values)))]
    )  # (C + 1, images)
    drawn = sums[:, rng.integers(0, sums.shape[1], (DRAWS, sums.shape[1]))].sum(2)  # (C + 1, DRAWS)
    return [np.quantile(column / drawn[-1], [0.025, 0.975]).tolist() for column in drawn[:-1]]


def report(figures: dict[str, Any]) -> str:
    """Format both tables."""
    rankings = figures["rankings"]
    shares = [
        [name, _with_interval(one, "any"), _with_interval(one, "others"), percent(one["content"])]
        for name, one in rankings.items()
    ]
    losses = [[name, f"{one['change']:.3f}", f"{one['label_without']:.3f}"] for name, one in rankings.items()]
    base = next(iter(rankings.values()))
    losses += [
        ["a random content word", f"{base['random_change']:.3f}", f"{base['label_without_random']:.3f}"],
        ["none", "0.000", f"{base['label']:.3f}"],
    ]
    title = (
        f"{figures['n']} expressions of {figures['pictures']} images: "
        "how often the mask changes more without the first-ranked word than without"
    )
    share_table = table(["ranked by", "any content word, %", "another content word, %", "first is content, %"], shares)
    loss_table = table(["removed word", "1 - IoU", "IoU with the label"], losses)
    return "\n".join([title, share_table, "", loss_table])


def _with_interval(figures: dict[str, Any], name: str) -> str:
    low, high = figures[f"{name}_interval"]
    return f"{percent(figures[name])} ({percent(low)} to {percent(high)})"


if __name__ == "__main__":
    sys.exit(main())
