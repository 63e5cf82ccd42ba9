"""Words, vocabulary and tokenizer."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refseg.errors import CheckpointError, ExpressionError
from refseg.language import MAX_CHARACTERS, PAD, PAD_WORD, UNK, UNK_WORD, Tokenizer, Vocabulary, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Dog, on the LEFT!", ["the", "dog", "on", "the", "left"]),
        ("the dog's tail", ["the", "dog", "'s", "tail"]),
        ("the dog\u2019s tail", ["the", "dog", "'s", "tail"]),
        ("the dog\u00b4s tail", ["the", "dog", "'s", "tail"]),  # an acute accent typed as a quote
        ("\u0130stanbul", ["istanbul"]),  # its lower case is an i and a combining dot
        ("cafe\u0301", ["caf\u00e9"]),
        ("left\u2011most black\u2010and\u2010white", ["left", "most", "black", "and", "white"]),
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


def test_a_known_hyphenated_word_is_not_split(tiny_vocabulary: Vocabulary) -> None:
    assert words_of("red T-shirt", tiny_vocabulary) == ["red", "t-shirt"]
    assert words_of("red dog-house", tiny_vocabulary) == ["red", "dog", "house"]


@given(st.text(max_size=200))
def test_words_are_stable_and_plain(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert not any(character.isspace() for word in words for character in word)


def test_encode_reports_unknown_and_dropped_words(tiny_vocabulary: Vocabulary) -> None:
    expression = Tokenizer(tiny_vocabulary, max_words=4).encode("the zebra on the left zebra of the car")
    assert expression.tokens == ("the", "zebra", "on", "the")
    assert expression.ids == tuple(tiny_vocabulary.index(word) for word in expression.tokens)
    assert expression.ids[1] == UNK
    assert expression.unknown == ("zebra",)
    assert expression.truncated
    assert expression.dropped == ("left", "zebra", "of", "the", "car")


def test_batch_pads_to_the_longest(tiny_vocabulary: Vocabulary) -> None:
    tokenizer = Tokenizer(tiny_vocabulary)
    tokens, valid = tokenizer.batch([tokenizer.encode("dog"), tokenizer.encode("the red cat")])
    assert tokens.shape == valid.shape == (2, 3)
    np.testing.assert_array_equal(valid, [[True, False, False], [True, True, True]])
    assert (tokens[~valid] == PAD).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("\u200b", "only symbols"),
        ("\U0001f436\U0001f436", "only symbols"),
        ("x" * 10_000, "10000 characters"),
        ("dog \udce9", "Unicode"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_expression_is_refused_in_one_line(tiny_vocabulary: Vocabulary, text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        Tokenizer(tiny_vocabulary).encode(text)
    assert "\n" not in str(caught.value)


def test_the_longest_expression_allowed_is_truncated_not_refused(tiny_vocabulary: Vocabulary) -> None:
    expression = Tokenizer(tiny_vocabulary).encode("dog " * (MAX_CHARACTERS // 4))
    assert len(expression.tokens) == 20
    assert expression.truncated


def test_nearest_words_by_spelling_then_frequency(tiny_vocabulary: Vocabulary) -> None:
    assert tiny_vocabulary.nearest("umbrela")[0] == "umbrella"
    assert tiny_vocabulary.nearest("dgo")[0] == "dog"
    assert tiny_vocabulary.nearest("ca")[0] == "a"  # one letter away, and more frequent than "cat" and "car"
    assert tiny_vocabulary.nearest("xylophone") == []


def naive_distance(a: str, b: str) -> int:
    """The definition, restricted Damerau-Levenshtein: insert, delete, replace, or swap neighbors."""
    if not a or not b:
        return len(a) + len(b)
    best = min(
        naive_distance(a[1:], b) + 1, naive_distance(a, b[1:]) + 1, naive_distance(a[1:], b[1:]) + (a[0] != b[0])
    )
    if len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0]:
        best = min(best, naive_distance(a[2:], b[2:]) + 1)
    return best


@given(
    st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=6, unique=True),
    st.text("abcd", min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_nearest_matches_its_definition(known: list[str], word: str) -> None:
    limit = min(2, max(1, len(word) // 2))
    ranked = sorted((naive_distance(word, other), rank, other) for rank, other in enumerate(known))
    expected = [other for distance, _, other in ranked if distance <= limit][:3]
    assert Vocabulary([PAD_WORD, UNK_WORD, *known]).nearest(word) == expected


def test_nearest_never_returns_padding(tiny_vocabulary: Vocabulary) -> None:
    assert tiny_vocabulary.nearest("<pad>") == []
    assert tiny_vocabulary.nearest("<unk") == []


def test_vocabulary_round_trip(tiny_vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    tiny_vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert [loaded.word(i) for i in range(len(loaded))] == [
        tiny_vocabulary.word(i) for i in range(len(tiny_vocabulary))
    ]
    assert "dog" in loaded
    assert loaded.index("zebra") == UNK


def test_windows_line_ends(tiny_vocabulary: Vocabulary, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    tiny_vocabulary.save(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert Vocabulary.load(path).word(2) == tiny_vocabulary.word(2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dog\ncat\nman\n", "starts with <pad>"),
        (b"<pad>\n<unk>\ndog\ndog\n", "1 repeated"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"", "1 lines"),
        (b"<pad>\n<unk>\n", "2 lines"),
        (b"<pad>\n<unk>\n\ndog\n", "line 3"),
        (b"<pad>\n<unk>\nthe dog\n", "line 3"),
        (b"<pad>\n<unk>\ndog\nc\x00t\n", "line 4"),
        (b"<pad>\n<unk>\n" + b"x" * 200 + b"\n", "line 3"),
        (b"<pad>\n<unk>\ndog" + b"\n" * 1_000_001, "lines"),
        (b"x" * 20_000_001, "20,000,001 bytes"),
    ],
    ids=[
        "no-padding",
        "repeated",
        "not-utf8",
        "empty",
        "no-words",
        "blank-line",
        "space",
        "control",
        "long-word",
        "many-lines",
        "large-file",
    ],
)
def test_invalid_vocabulary_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        Vocabulary.load(path)
    assert "\n" not in str(caught.value)


def test_missing_vocabulary_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing"):
        Vocabulary.load(tmp_path / "nothing.txt")


def test_invalid_vocabularies_in_memory() -> None:
    with pytest.raises(ValueError, match="starts with"):
        Vocabulary(["dog"])
    with pytest.raises(ValueError, match="positive"):
        Tokenizer(Vocabulary([PAD_WORD, UNK_WORD, "dog"]), max_words=0)
