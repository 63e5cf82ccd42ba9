"""Vocabulary and tokenizer: from the text of an expression to indices of words."""

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from refseg.errors import CheckpointError, ExpressionError
from refseg.files import replacing

PAD, UNK = 0, 1
PAD_WORD, UNK_WORD = "<pad>", "<unk>"
MAX_CHARACTERS = 1000
MAX_WORDS_IN_VOCABULARY = 1_000_000
MAX_VOCABULARY_BYTES = 20_000_000
MAX_LETTERS = 100
_EXAMPLE = "describe the object, for example: the dog on the left"

_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc\u00b4\u0060", "'") | dict.fromkeys("\u2010\u2011\u2012\u2013", "-")
)
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*|'s\b")


def words_of(text: str, known: Container[str] = frozenset()) -> list[str]:
    """Split `text` into lower-case words.

    Unicode is normalized, symbols and emoji are removed, and "dog's" becomes "dog", "'s". A hyphenated word that is in
    `known` is one word; otherwise it is split at its hyphens.
    """
    # Quotes and hyphens come first, because NFKC turns an acute accent used as a quote into a space and a combining
    # mark.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(_PLAIN)).casefold())
    text = "".join(character for character in text if not unicodedata.combining(character))
    words: list[str] = []
    for word in _WORD.findall(text):
        words.extend([word] if "-" not in word or word in known else word.split("-"))
    return words


class Vocabulary:
    """Words and their indices. Index 0 is padding, 1 is any unknown word; more frequent words have lower indices."""

    def __init__(self, words: Sequence[str]) -> None:
        """Raises ValueError if `words` does not start with <pad>, <unk> or has a word twice."""
        self._words = tuple(words)
        if self._words[:2] != (PAD_WORD, UNK_WORD):
            raise ValueError(f"a vocabulary starts with {PAD_WORD}, {UNK_WORD}, got {list(self._words[:2])}")
        self._index = {word: index for index, word in enumerate(self._words)}
        if len(self._index) != len(self._words):
            raise ValueError(
                f"a vocabulary has each word once, got {len(self._words) - len(self._index)} repeated words"
            )

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._index

    def index(self, word: str) -> int:
        """Return the index of `word`, or UNK if it is unknown."""
        return self._index.get(word, UNK)

    def word(self, index: int) -> str:
        """Return the word at `index`."""
        return self._words[index]

    def nearest(self, word: str, count: int = 3) -> list[str]:
        """Return up to `count` known words with a spelling similar to `word`, sorted by edit distance, then frequency.

        An edit inserts, deletes or replaces a letter, or swaps two neighbors. The distance is at most 2 and at most
        half the length of `word`.
        """
        limit = min(2, max(1, len(word) // 2))
        found = process.extract(
            word, self._words[UNK + 1 :], scorer=OSA.distance, processor=None, score_cutoff=limit, limit=None
        )
        return [known for known, _, _ in sorted(found, key=lambda match: match[1:])[:count]]

    def save(self, path: str | Path) -> None:
        """Write one word per line in UTF-8, atomically. Raises OSError."""
        with replacing(path) as temporary:
            temporary.write_text("\n".join(self._words) + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Load a vocabulary written by `save`. Raises CheckpointError."""
        path = Path(path)
        expected = "expected UTF-8 text with one word per line: copy the checkpoint again"
        try:
            if (size := path.stat().st_size) > MAX_VOCABULARY_BYTES:
                raise CheckpointError(
                    f"the vocabulary {path} has {size:,} bytes, expected at most {MAX_VOCABULARY_BYTES:,}: copy it"
                    " again"
                )
            words = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"cannot read the vocabulary {path} ({error}), {expected}") from error
        if not 3 <= len(words) <= MAX_WORDS_IN_VOCABULARY:
            raise CheckpointError(
                f"the vocabulary {path} has {len(words)} lines, expected 3 to {MAX_WORDS_IN_VOCABULARY:,}: copy it"
                " again"
            )
        for number, word in enumerate(words, start=1):
            if not word or len(word) > MAX_LETTERS or " " in word or not word.isprintable():
                raise CheckpointError(f"line {number} of the vocabulary {path} is {word[:MAX_LETTERS]!r}, {expected}")
        try:
            return cls(words)
        except ValueError as error:
            raise CheckpointError(f"the vocabulary {path} is invalid: {error}: copy the checkpoint again") from error


@dataclass(frozen=True)
class Expression:
    """Expression after tokenization.

    Attributes:
        text: the expression as the user typed it.
        tokens: the words that are used, at most `Tokenizer.max_words`.
        ids: index of each token in the vocabulary.
        unknown: tokens that are not in the vocabulary, each once.
        dropped: words beyond `Tokenizer.max_words`.
    """

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    unknown: tuple[str, ...]
    dropped: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether the expression has more words than are used."""
        return bool(self.dropped)

    def without(self, position: int) -> "Expression | None":
        """Return this expression without the token at `position`, or None if it is the only one.

        Dropped words do not take its place, so exactly one word changes. Raises IndexError.
        """
        if not 0 <= position < len(self.tokens):
            raise IndexError(f"the position is {position}, expected 0 to {len(self.tokens) - 1}")
        tokens = self.tokens[:position] + self.tokens[position + 1 :]
        ids = self.ids[:position] + self.ids[position + 1 :]
        if not tokens:
            return None
        return Expression(" ".join(tokens), tokens, ids, _unknown_of(tokens, ids))


def _unknown_of(words: Sequence[str], ids: Sequence[int]) -> tuple[str, ...]:
    """Return each unknown word once, in order."""
    return tuple(dict.fromkeys(word for word, index in zip(words, ids, strict=True) if index == UNK))


class Tokenizer:
    """Converts expressions to indices of one vocabulary; uses at most `max_words` words of each."""

    def __init__(self, vocabulary: Vocabulary, max_words: int = 20) -> None:
        """Raises ValueError if `max_words` is below 1."""
        if max_words < 1:
            raise ValueError(f"max_words must be positive, got {max_words}")
        self.vocabulary, self.max_words = vocabulary, max_words

    def encode(self, text: str) -> Expression:
        """Tokenize one expression.

        Raises ExpressionError if `text` is not a string, has no words, or has more than MAX_CHARACTERS characters.
        """
        if not isinstance(text, str):
            raise ExpressionError(f"the expression is of type {type(text).__name__}, expected text: {_EXAMPLE}")
        if len(text) > MAX_CHARACTERS:
            raise ExpressionError(
                f"the expression has {len(text)} characters, expected at most {MAX_CHARACTERS}: shorten it"
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ExpressionError("the expression has invalid characters, expected Unicode text: type it again")
        if not text.strip():
            raise ExpressionError(f"the expression is empty, expected at least one word: {_EXAMPLE}")
        words = words_of(text, self.vocabulary)
        if not words:
            raise ExpressionError(f"the expression has only symbols, expected at least one word: {_EXAMPLE}")
        kept = words[: self.max_words]
        ids = tuple(self.vocabulary.index(word) for word in kept)
        return Expression(text, tuple(kept), ids, _unknown_of(kept, ids), tuple(words[self.max_words :]))

    def batch(self, expressions: Sequence[Expression]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return tokens (B, T), padded with PAD, and valid (B, T); T is the length of the longest expression."""
        longest = max((len(e.ids) for e in expressions), default=0)
        tokens = np.full((len(expressions), longest), PAD, dtype=np.int64)
        for row, expression in enumerate(expressions):
            tokens[row, : len(expression.ids)] = expression.ids
        return tokens, np.arange(longest) < np.array([len(e.ids) for e in expressions], dtype=np.int64)[:, None]
