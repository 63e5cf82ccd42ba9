"""Words, vocabulary and tokeniser."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.errors import CheckpointError, ExpressionError
from refseg.language import MAX_CHARACTERS, PAD, PAD_WORD, UNK, UNK_WORD, Tokeniser, Vocabulary, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Dog, on the LEFT!", ["the", "dog", "on", "the", "left"]),
        ("the dog's tail", ["the", "dog", "'s", "tail"]),
        ("the dog\u2019s tail", ["the", "dog", "'s", "tail"]),
        ("2nd car", ["2nd", "car"]),
        ("\uff24\uff2f\uff27", ["dog"]),  # full-width letters
        ("caf\u00e9 na\u00efve", ["caf\u00e9", "na\u00efve"]),
        ("red\u2014blue\tball\n", ["red", "blue", "ball"]),
        ("\U0001f436 dog \U0001f436", ["dog"]),
        ("<b>dog</b>", ["b", "dog", "b"]),
        ("snake_case", ["snake", "case"]),
        ("", []),
        ("\U0001f436 !?", []),
    ],
)
def test_words_of(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_hyphenated_word_stays_whole_where_it_is_known(tiny_vocabulary: Vocabulary) -> None:
    assert words_of("red T-shirt", tiny_vocabulary) == ["red", "t-shirt"]
    assert words_of("red dog-house", tiny_vocabulary) == ["red", "dog", "house"]


@given(st.text(max_size=200))
def test_words_are_stable_and_plain(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert not any(character.isspace() for word in words for character in word)


def test_encode_reports_what_is_lost(tiny_vocabulary: Vocabulary) -> None:
    expression = Tokeniser(tiny_vocabulary, max_words=4).encode("the zebra on the left zebra of the car")
    assert expression.tokens == ("the", "zebra", "on", "the")
    assert expression.ids == tuple(tiny_vocabulary.index(word) for word in expression.tokens)
    assert expression.ids[1] == UNK
    assert expression.unknown == ("zebra",)
    assert expression.truncated
    assert expression.dropped == ("left", "zebra", "of", "the", "car")


def test_batch_pads_to_the_longest(tiny_vocabulary: Vocabulary) -> None:
    tokeniser = Tokeniser(tiny_vocabulary)
    tokens, valid = tokeniser.batch([tokeniser.encode("dog"), tokeniser.encode("the red cat")])
    assert tokens.shape == valid.shape == (2, 3)
    np.testing.assert_array_equal(valid, [[True, False, False], [True, True, True]])
    assert (tokens[~valid] == PAD).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "empty"), ("   \n", "empty"), ("\U0001f436\U0001f436", "no word"), ("x" * 10_000, "10000 characters"), (None, "NoneType")],
)
def test_what_is_no_expression_is_refused_in_one_line(tiny_vocabulary: Vocabulary, text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        Tokeniser(tiny_vocabulary).encode(text)
    assert "\n" not in str(caught.value)


def test_the_longest_expression_allowed_is_truncated_not_refused(tiny_vocabulary: Vocabulary) -> None:
    expression = Tokeniser(tiny_vocabulary).encode("dog " * (MAX_CHARACTERS // 4))
    assert len(expression.tokens) == 20
    assert expression.truncated


def test_nearest_words_by_spelling_then_frequency(tiny_vocabulary: Vocabulary) -> None:
    assert tiny_vocabulary.nearest("umbrela")[0] == "umbrella"
    assert tiny_vocabulary.nearest("dgo")[0] == "dog"
    assert tiny_vocabulary.nearest("ca")[0] == "a"  # one letter away, and more frequent than "cat" and "car"
    assert tiny_vocabulary.nearest("xylophone") == []


def test_vocabulary_round_trip(tiny_vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    tiny_vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert [loaded.word(i) for i in range(len(loaded))] == [tiny_vocabulary.word(i) for i in range(len(tiny_vocabulary))]
    assert "dog" in loaded
    assert loaded.index("zebra") == UNK


@pytest.mark.parametrize("content", [b"dog\ncat\n", f"{PAD_WORD}\n{UNK_WORD}\ndog\ndog\n".encode(), b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_vocabulary_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        Vocabulary.load(path)
