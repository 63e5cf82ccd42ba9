"""The vocabulary of a run: every word of the data, and frequent words for strangers."""

from pathlib import Path

from refseg.training.vocabulary import add_words, build_vocabulary, frequent_words


def test_words_of_the_data_and_the_most_frequent_ones() -> None:
    vocabulary = build_vocabulary(
        ["The red dog", "a dog on grass", "zyx dog zyx"], ["the", "of", "dog", "and", "red"], size=2
    )
    # the first two of the list, those of the list that occur, then the rest by count and alphabet
    assert [vocabulary.word(index) for index in range(2, len(vocabulary))] == [
        "the",
        "of",
        "dog",
        "red",
        "zyx",
        "a",
        "grass",
        "on",
    ]
    assert vocabulary.word(0) == "<pad>" and vocabulary.word(1) == "<unk>"


def test_the_same_data_gives_the_same_indices_in_any_order() -> None:
    sentences = ["a cat", "two dogs", "the cat", "old dogs"]
    indices = [
        [build_vocabulary(order, ["the"], 5).index(word) for word in ("the", "a", "cat", "dogs", "old", "two")]
        for order in (sentences, sentences[::-1])
    ]
    assert indices[0] == indices[1] and 1 not in indices[0]


def test_new_words_come_last() -> None:
    known = build_vocabulary(["a t-shirt"], [], 0)
    more = add_words(known, ["the b T-shirt", "the c"])
    assert [more.word(index) for index in range(len(more))] == [
        "<pad>",
        "<unk>",
        *(known.word(i) for i in range(2, len(known))),
        "the",
        "b",
        "c",
    ]


def test_repeated_frequent_words_count_once() -> None:
    assert len(build_vocabulary([], ["the", "the", "of"], 3)) == 4


def test_frequent_words_come_from_the_word_vectors(tmp_path: Path) -> None:
    assert frequent_words(None) == [] and frequent_words(tmp_path) == []
    (tmp_path / "glove_6b_words.txt").write_text("the\nof\ncafé\n", encoding="utf-8")
    assert frequent_words(tmp_path) == ["the", "of", "café"]
