"""The vocabulary of a run: the words of its expressions, and frequent words of the language, so that other
words of users have vectors, too.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from refseg.language import PAD_WORD, UNK_WORD, Vocabulary, words_of


def build_vocabulary(expressions: Iterable[str], frequent: Iterable[str], size: int) -> Vocabulary:
    """Every word of `expressions`, and the first `size` of `frequent` (most frequent first); in the order of
    `frequent`, then by count.
    """
    counts = Counter(word for text in expressions for word in words_of(text))
    ordered = list(dict.fromkeys(word for rank, word in enumerate(frequent) if rank < size or word in counts))
    listed = set(ordered)
    others = sorted((word for word in counts if word not in listed), key=lambda word: (-counts[word], word))
    return Vocabulary([PAD_WORD, UNK_WORD, *ordered, *others])


def add_words(vocabulary: Vocabulary, expressions: Iterable[str]) -> Vocabulary:
    """A vocabulary with the words of `expressions` that it lacks at its end, the most frequent first."""
    counts = Counter(word for text in expressions for word in words_of(text, vocabulary) if word not in vocabulary)
    new = sorted(counts, key=lambda word: (-counts[word], word))
    return Vocabulary([*(vocabulary.word(index) for index in range(len(vocabulary))), *new])


def frequent_words(folder: Path | None) -> list[str]:
    """The words of the GloVe table in `folder`, most frequent first; an empty list if there is no such table."""
    path = folder / "glove_6b_words.txt" if folder is not None else None
    return path.read_text(encoding="utf-8").split() if path is not None and path.is_file() else []
