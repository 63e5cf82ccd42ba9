"""Asking for several things at once: what cannot be used does not take its neighbours along."""

import pytest

from refseg.errors import ExpressionError
from refseg.evaluation.predictor_protocol import segment_each


class Echo:
    """Answers with the text in capitals; refuses texts without letters."""

    def __init__(self) -> None:
        self.passes = 0

    def encode(self, image: object) -> None: ...

    def segment(self, encoded: None, expressions: list[str]) -> list[str]:
        self.passes += 1
        if not all(any(letter.isalpha() for letter in text) for text in expressions):
            raise ExpressionError("no words")
        return [text.upper() for text in expressions]


@pytest.mark.parametrize(
    ("texts", "expected", "passes"),
    [
        (["a", "b"], ["A", "B"], 1),
        (["a", "...", "b"], ["A", None, "B"], 4),
        (["?!"], [None], 1),
    ],
)
def test_every_text_gets_its_answer_or_none(texts: list[str], expected: list[str | None], passes: int) -> None:
    predictor = Echo()
    assert segment_each(predictor, None, texts) == expected
    assert predictor.passes == passes
