"""Do the words that an explanation ranks first matter most? The deletion test.

    python -m benchmarks.deletion --data DATA/coco --split val [--limit PICTURES] [--json F]

Of each expression with at least two content words, each word is left out in turn; what that changes is 1 - IoU of the masks with and without it, at
the model's threshold and whatever its verdict of absence. A content word is any that is not in FUNCTION_WORDS (articles, pronouns, conjunctions,
auxiliaries and plain prepositions); words of place such as left, behind or between are content, as they tell which is meant.

The word that a ranking puts first is compared with a random content word. Nothing is drawn: what is printed is the expectation over all draws, the
share of content words that change less, ties counted half. Two versions: drawn among all content words, the first-ranked one included (which then
ties with itself), or among the others only. 50 % is what a random ranking of the content words gives.

Leaving one out ranks by the very change that is compared: its first word changes at least as much as any other by construction, so its share is 100 %
but for ties and says nothing of whether explanations are right. Two questions have no such answer: whether *attention* (the mean of a, Eq. 4, over
the levels) puts the words first that change most; and what the answer loses against the *label* when a word is left out, which no ranking has seen.

Intervals (95 %) are from 1000 draws of the pictures with replacement, as expressions about one picture are not independent.
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
    "a an the this that these those some any each every both all 's "
    "i me my you your he him his she her hers it its we us our they them their who whom whose which what there here one ones "
    "and or but nor not no than as if while where when "
    "am is are was were be been being do does did has have had having can could will would may might just only also very too so "
    "of in on at to by with from for into onto off out about".split()
)
DRAWS, SEED = 1000, 0


@dataclass(frozen=True)
class Deletion:
    """One expression: change (N,) by leaving each word out, its attention (N,), which are content words, and the explanation's first word.

    labelled (N,): IoU with the label of the answer without each word; label: of the whole answer.  picture: the number of its picture.
    """

    picture: int
    change: tuple[float, ...]
    attention: tuple[float, ...]
    content: tuple[int, ...]
    first: int
    labelled: tuple[float, ...]
    label: float


Ranking = Callable[[Deletion], int]
RANKINGS: dict[str, Ranking] = {
    "leave one out": lambda one: one.first,
    "attention": lambda one: max(range(len(one.attention)), key=one.attention.__getitem__),
    "attention, content words": lambda one: max(one.content, key=one.attention.__getitem__),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deletion", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of a data set of the RefCOCO layout")
    parser.add_argument("--split", help="only this split")
    parser.add_argument("--limit", type=int, help="only the first so many pictures")
    parser.add_argument("--model", type=Path, help="checkpoint folder; the embedded one without it")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit must be at least 1, got {options.limit}")
    dataset = read_refcoco(options.data, options.split)
    samples = list(deletions(Predictor.load(options.model), dataset, options.limit))
    if not samples:
        parser.error("no expression has two content words: choose another split or limit")
    figures = {"n": len(samples), "pictures": len({one.picture for one in samples}), "rankings": judged_all(samples)}
    print(report(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def deletions(predictor: Predictor, dataset: RefCocoDataset, limit: int | None = None) -> Iterator[Deletion]:
    """Explain each expression that has two content words, of the first `limit` pictures that are spoken of."""
    images = [image for image in dataset.images if dataset.referents_of(image)][:limit]
    with counting("pictures") as progress:
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
    """Places of the content words."""
    return tuple(place for place, word in enumerate(tokens) if word not in FUNCTION_WORDS)


def deletion(picture: int, explanation: Explanation, label: NDArray[np.bool_]) -> Deletion:
    """What the test needs of an explanation of at least two words, and how its answers agree with the label (H, W)."""
    answer, threshold = explanation.segmentation, explanation.threshold
    rest = [one.segmentation for one in explanation.left_out if one.segmentation is not None]
    return Deletion(
        picture,
        change=tuple(one.change for one in explanation.left_out),
        attention=tuple(float(value) for value in answer.word_attention.mean(0)),
        content=content_words(answer.tokens),
        first=explanation.ranked()[0].word,
        labelled=tuple(iou(one.mask(threshold), label) for one in rest),
        label=iou(answer.mask(threshold), label),
    )


def beaten(change: float, others: Sequence[float]) -> float:
    """Share of the others that change less, ties counted half."""
    return sum((change > other) + (change == other) / 2 for other in others) / len(others)


def judged(samples: Sequence[Deletion], ranking: Ranking) -> dict[str, Any]:
    """Figures of one ranking, shares in 0..1: against any content word and against the others, with their intervals; how often the first word is a
    content word; mean changes; mean IoUs with the label of the whole answers, without the first word, and without a random content word."""
    rows = []
    for one in samples:
        first = ranking(one)
        rows.append(
            (
                beaten(one.change[first], [one.change[place] for place in one.content]),
                beaten(one.change[first], [one.change[place] for place in one.content if place != first]),
                first in one.content,
                one.change[first],
                np.mean([one.change[place] for place in one.content]),
                one.label,
                one.labelled[first],
                np.mean([one.labelled[place] for place in one.content]),
            )
        )
    values = np.array(rows, dtype=np.float64)
    names = ("any", "others", "content", "change", "random_change", "label", "label_without", "label_without_random")
    figures: dict[str, Any] = dict(zip(names, values.mean(0).tolist(), strict=True))
    spread = intervals(values[:, :2], np.array([one.picture for one in samples]))
    return figures | {"any_interval": spread[0], "others_interval": spread[1]}


def intervals(values: NDArray[np.float64], pictures: NDArray[np.int_]) -> list[list[float]]:
    """Bounds of the middle 95 % of the means of each column when whole pictures are drawn with replacement."""
    rng = np.random.default_rng(SEED)
    _, group = np.unique(pictures, return_inverse=True)
    sums = np.stack([np.bincount(group, weights=column) for column in (*values.T, np.ones(len(values)))])  # (C + 1, pictures)
    drawn = sums[:, rng.integers(0, sums.shape[1], (DRAWS, sums.shape[1]))].sum(2)  # (C + 1, DRAWS)
    return [np.quantile(column / drawn[-1], [0.025, 0.975]).tolist() for column in drawn[:-1]]


def judged_all(samples: Sequence[Deletion]) -> dict[str, dict[str, Any]]:
    """`judged` for each of RANKINGS."""
    return {name: judged(samples, ranking) for name, ranking in RANKINGS.items()}


def report(figures: dict[str, Any]) -> str:
    """Both tables."""
    rankings = figures["rankings"]
    shares = [[name, _with_interval(one, "any"), _with_interval(one, "others"), percent(one["content"])] for name, one in rankings.items()]
    losses = [[name, f"{one['change']:.3f}", f"{one['label_without']:.3f}"] for name, one in rankings.items()]
    base = next(iter(rankings.values()))
    losses += [
        ["a random content word", f"{base['random_change']:.3f}", f"{base['label_without_random']:.3f}"],
        ["none", "0.000", f"{base['label']:.3f}"],
    ]
    return "\n".join(
        [
            f"{figures['n']} expressions of {figures['pictures']} pictures; leaving the first-ranked word out changes the mask more than leaving out",
            table(["ranked by", "any content word, %", "another content word, %", "first is content, %"], shares),
            "",
            table(["left out", "1 - IoU", "IoU with the label"], losses),
        ]
    )


def _with_interval(figures: dict[str, Any], name: str) -> str:
    low, high = figures[f"{name}_interval"]
    return f"{percent(figures[name])} ({percent(low)} to {percent(high)})"


if __name__ == "__main__":
    sys.exit(main())
