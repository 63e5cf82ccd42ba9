import pytest
from hypothesis import given
from hypothesis import strategies as st

from refseg.data.wording import depends_on_position, mentions_writing, mirror_text, names_color


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("the dog on the left", "the dog on the right"),
        ("Left dog, right of the RIGHT car", "Right dog, left of the LEFT car"),
        ("leftmost cup", "rightmost cup"),
        ("left-hand side", "right-hand side"),
        ("second from left", "second from right"),
        ("his left arm", "his right arm"),
        ("man right in front of the bus", "man right in front of the bus"),
        ("cup right next to the left plate", "cup right next to the right plate"),
        ("girl right behind the right boy", "girl right behind the left boy"),
        ("the bag left behind on the left seat", "the bag left behind on the right seat"),
        ("going clockwise", "going counterclockwise"),
        ("bright copyright cleft leftover upright", "bright copyright cleft leftover upright"),
        ("plate at 3 o'clock", "plate at 9 o'clock"),
        ("plate at 12 o'clock", "plate at 12 o'clock"),
        ("dog on the right in front", "dog on the left in front"),
        ("turned to the right", "turned to the left"),
    ],
)
def test_mirror(text, mirrored):
    assert mirror_text(text) == mirrored


@given(
    st.lists(
        st.sampled_from("left right leftmost rightmost dog the of front 3 o'clock clockwise to".split()), max_size=8
    )
)
def test_mirroring_twice_changes_nothing(words):
    text = " ".join(words)
    assert mirror_text(mirror_text(text)) == text


@pytest.mark.parametrize(
    ("text", "writing"),
    [
        ("bus number 7", True),
        ('sign that says "stop"', True),
        ("player 23", True),
        ("cup at 3 o'clock", False),
        ("man reading a book", False),
        ("dog", False),
    ],
)
def test_writing(text, writing):
    assert mentions_writing(text) is writing


def test_words_that_bind():
    for text in (
        "left dog",
        "second cup",
        "the biggest pear",
        "cup next to the plate",
        "lower one",
        "both cups",
        "right-hand lamp",
    ):
        assert depends_on_position(text), text
    for text in ("dog", "brown horse", "a woman in a hat", "bright cup"):
        assert not depends_on_position(text), text
    for text in ("red cup", "Grey cat", "man in dark coat", "reddish", "golden retriever"):
        assert names_color(text), text
    for text in ("dog", "the big reader", "lightning", "tank"):
        assert not names_color(text), text
