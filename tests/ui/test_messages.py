import pytest

from refseg.errors import VideoError
from refseg.ui.messages import (
    INTERNAL_ERROR,
    Message,
    Replacement,
    error_message,
    messages_html,
    quoted_list,
    replace_word,
    result_messages,
    word_messages,
)

ATTACK = '<img src=x onerror="alert(1)">'


def test_everything_is_escaped() -> None:
    html = messages_html([Message(ATTACK, "warning", (Replacement(ATTACK, "\"'><script>"),))])
    assert "<img" not in html and "<script" not in html
    assert "&lt;img" in html and "&quot;" in html


@pytest.mark.parametrize(("kind", "role"), [("error", "alert"), ("warning", "status"), ("info", "status")])
def test_roles_for_screen_readers(kind: str, role: str) -> None:
    assert f'role="{role}"' in Message("a", kind).html()  # type: ignore[arg-type]


def test_no_messages_no_markup() -> None:
    assert messages_html([]) == ""


def test_quoted_reads_as_a_list() -> None:
    assert quoted_list(["a"]) == "“a”"
    assert quoted_list(["a", "b", "c"]) == "“a”, “b” and “c”"


def test_an_unknown_word_is_named_once_with_similar_words() -> None:
    (message,) = word_messages(["dgo", "dgo"], {"dgo": ["dog", "go"]}, [], known=2)
    assert message.replacements == (Replacement("dgo", "dog"), Replacement("dgo", "go"))
    assert "this word" in message.text and "image alone" not in message.text
    assert message.html().count("<button") == 2


def test_without_known_words_the_message_says_so() -> None:
    (message,) = word_messages(["xx", "yy"], {}, [], known=0)
    assert "depends on the image alone" in message.text and not message.replacements


def test_truncation_names_the_ignored_words() -> None:
    (message,) = word_messages([], {}, ["of", "the", "car"], known=20)
    assert "“of the car”" in message.text


@pytest.mark.parametrize(
    ("peak", "presence", "said"),
    [(0.2, 0.9, "0.20"), (0.9, 0.1, "10%"), (0.2, 0.1, "10%"), (0.9, 0.9, ""), (0.9, None, "")],
)
def test_not_found_hint(peak: float, presence: float | None, said: str) -> None:
    messages = result_messages(peak, 0.5, presence, no_target=presence is not None and presence < 0.3)
    assert bool(messages) == bool(said)
    assert all(said in message.text for message in messages)


@pytest.mark.parametrize(
    ("expression", "word", "changed"),
    [
        ("The Dgo on the left", "dgo", "The dog on the left"),
        ("dgos and dgo", "dgo", "dgos and dog"),
        ("a cat", "dgo", "a cat"),
        ("ｄｇｏ", "dgo", "dog"),
        ("a.b", "a.b", "dog"),
    ],
)
def test_replace_word(expression: str, word: str, changed: str) -> None:
    assert replace_word(expression, word, "dog") == changed


def test_replacement_is_not_a_pattern() -> None:
    assert replace_word("a b", "b", r"\1") == r"a \1"


def test_an_error_of_the_user_is_shown() -> None:
    assert error_message(VideoError("choose another video")) == Message("choose another video", "error")


def test_an_error_of_the_program_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    message = error_message(ZeroDivisionError("secret"))
    assert message == Message(INTERNAL_ERROR, "error") and "secret" in caplog.text
