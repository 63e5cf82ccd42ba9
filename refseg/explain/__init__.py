"""Explanations of a mask: the effect of each word, the attention of a position, other candidates.

    from refseg import Predictor, explain, load_image

    predictor = Predictor.load()
    encoded = predictor.encode(load_image("photo.jpg"))
    why = explain.explain(predictor, encoded, "the dog on the left")
    for word in why.ranked():
        print(word.text, word.iou, word.presence_change)

Every answer contains the attention of the network: `Segmentation.word_attention`, `word_maps`, `maps` (such as gates)
and `response`, as far as the model has them. This package adds what needs further computation: answers without one of
the words, the attention of a single position, comparisons.
"""

from refseg.explain.candidates import Candidate, find_candidates
from refseg.explain.compare import Comparison, Consistency, agreement, compare, consistency
from refseg.explain.explanation import Explanation, WordLeftOut, explain
from refseg.explain.point_attention import PointAttention, attention_at

__all__ = [
    "Candidate",
    "Comparison",
    "Consistency",
    "Explanation",
    "PointAttention",
    "WordLeftOut",
    "agreement",
    "attention_at",
    "compare",
    "consistency",
    "explain",
    "find_candidates",
]
