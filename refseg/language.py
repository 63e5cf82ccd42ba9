"""Vocabulary and tokenizer: an expression as a person types it -> word indices, and what was lost on the way."""

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

_PLAIN = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4\u0060", "'") | dict.fromkeys("\u2010\u2011\u2012\u2013", "-"))
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*|'s\b")


def words_of(text: str, known: Container[str] = frozenset()) -> list[str]:
    """Lower-case words of `text`: Unicode-normalised, "dog's" as "dog", "'s"; symbols and emoji dropped.

    A hyphenated word is kept whole where `known` holds it, and is split otherwise.
    """
    # Quotes and hyphens first: NFKC would turn an acute accent used as a quote into a space and a combining mark.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(_PLAIN)).casefold())
    text = "".join(character for character in text if not unicodedata.combining(character))
    words: list[str] = []
    for word in _WORD.findall(text):
        words.extend([word] if "-" not in word or word in known else word.split("-"))
    return words


class Vocabulary:
    """Words and their indices; 0 is padding, 1 stands for every unknown word, lower indices are more frequent words."""

    def __init__(self, words: Sequence[str]) -> None:
        """Raises ValueError unless `words` starts with <pad>, <unk> and has no word twice."""
        self._words = tuple(words)
        if self._words[:2] != (PAD_WORD, UNK_WORD):
            raise ValueError(f"a vocabulary starts with {PAD_WORD}, {UNK_WORD}; got {list(self._words[:2])}")
        self._index = {word: index for index, word in enumerate(self._words)}
        if len(self._index) != len(self._words):
            raise ValueError(f"a vocabulary holds each word once; got {len(self._words) - len(self._index)} repeated")

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._index

    def index(self, word: str) -> int:
        """Index of `word`, UNK if it is not known."""
        return self._index.get(word, UNK)

    def word(self, index: int) -> str:
        """The word at `index`."""
        return self._words[index]

    def nearest(self, word: str, count: int = 3) -> list[str]:
        """Up to `count` known words that are spelled most like `word`: by edit distance (at most 2, at most half the word), then by frequency.

        An edit inserts, deletes or replaces a letter, or swaps two neighbors.
        """
        limit = min(2, max(1, len(word) // 2))
        found = process.extract(word, self._words[UNK + 1 :], scorer=OSA.distance, processor=None, score_cutoff=limit, limit=None)
        return [known for known, _, _ in sorted(found, key=lambda match: match[1:])[:count]]

    def save(self, path: str | Path) -> None:
        """Write one word a line, UTF-8, atomically. Raises OSError."""
        with replacing(path) as temporary:
            temporary.write_text("\n".join(self._words) + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read what `save` wrote. Raises CheckpointError."""
        path = Path(path)
        expected = "expected UTF-8 text, one word a line"
        try:
            if (size := path.stat().st_size) > MAX_VOCABULARY_BYTES:
                raise CheckpointError(f"the vocabulary {path} has {size:,} bytes, expected at most {MAX_VOCABULARY_BYTES:,}")
            words = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"cannot read the vocabulary {path}: {error}; {expected}") from error
        if not 3 <= len(words) <= MAX_WORDS_IN_VOCABULARY:
            raise CheckpointError(f"the vocabulary {path} has {len(words)} lines, expected 3 to {MAX_WORDS_IN_VOCABULARY:,}")
        for number, word in enumerate(words, start=1):
            if not word or len(word) > MAX_LETTERS or " " in word or not word.isprintable():
                raise CheckpointError(f"line {number} of the vocabulary {path} is {word[:MAX_LETTERS]!r}; {expected}")
        try:
            return cls(words)
        except ValueError as error:
            raise CheckpointError(f"the vocabulary {path} cannot be used: {error}") from error


@dataclass(frozen=True)
class Expression:
    """A tokenised expression: `tokens` are the words used (at most the tokenizer's number) and `ids` their indices; `unknown` are those without
    an entry in the vocabulary; `dropped` are the words beyond the limit, and `truncated` says that there are some."""

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    unknown: tuple[str, ...]
    dropped: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether the expression had more words than are used."""
        return bool(self.dropped)

    def without(self, position: int) -> "Expression | None":
        """This expression but for the word at that `position` of `tokens`, as if it had been typed so; None where no word would be left.

        Words beyond the limit do not move up: only the one word is gone. Raises IndexError.
        """
        if not 0 <= position < len(self.tokens):
            raise IndexError(f"got the word {position} of an expression of {len(self.tokens)}")
        tokens = self.tokens[:position] + self.tokens[position + 1 :]
        ids = self.ids[:position] + self.ids[position + 1 :]
        if not tokens:
            return None
        return Expression(" ".join(tokens), tokens, ids, _unknown_of(tokens, ids))


def _unknown_of(words: Sequence[str], ids: Sequence[int]) -> tuple[str, ...]:
    """Each unknown word once, in order."""
    return tuple(dict.fromkeys(word for word, index in zip(words, ids, strict=True) if index == UNK))


class Tokenizer:
    """Expressions -> index arrays, for one vocabulary and at most `max_words` words."""

    def __init__(self, vocabulary: Vocabulary, max_words: int = 20) -> None:
        """Raises ValueError unless `max_words` is at least 1."""
        if max_words < 1:
            raise ValueError(f"max_words must be positive, got {max_words}")
        self.vocabulary, self.max_words = vocabulary, max_words

    def encode(self, text: str) -> Expression:
        """Raises ExpressionError when `text` is no text, blank, longer than MAX_CHARACTERS, or holds no word."""
        if not isinstance(text, str):
            raise ExpressionError(f"the expression is a {type(text).__name__}, expected text: type what you mean, e.g. the dog on the left")
        if len(text) > MAX_CHARACTERS:
            raise ExpressionError(f"the expression has {len(text)} characters, expected at most {MAX_CHARACTERS}: shorten it")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ExpressionError("the expression holds bytes that are no text: type it again in Unicode (UTF-8)")
        if not text.strip():
            raise ExpressionError("the expression is empty: type what you mean, e.g. the dog on the left")
        words = words_of(text, self.vocabulary)
        if not words:
            raise ExpressionError("the expression holds no word, only symbols: type what you mean in words, e.g. the dog on the left")
        kept = words[: self.max_words]
        ids = tuple(self.vocabulary.index(word) for word in kept)
        return Expression(text, tuple(kept), ids, _unknown_of(kept, ids), tuple(words[self.max_words :]))

    def batch(self, expressions: Sequence[Expression]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """tokens (B, T) padded with PAD and valid (B, T), T the longest of the batch."""
        longest = max((len(e.ids) for e in expressions), default=0)
        tokens = np.full((len(expressions), longest), PAD, dtype=np.int64)
        for row, expression in enumerate(expressions):
            tokens[row, : len(expression.ids)] = expression.ids
        return tokens, np.arange(longest) < np.array([len(e.ids) for e in expressions], dtype=np.int64)[:, None]
