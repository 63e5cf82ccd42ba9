"""Messages of the page. Every text that comes from a user, a file or the model is escaped here."""

import logging
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from refseg.errors import RefsegError

log = logging.getLogger(__name__)

Kind = Literal["info", "warning", "error"]
_ROLE = {"info": "status", "warning": "status", "error": "alert"}

NO_IMAGE = "There is no image yet. Drop one, paste it, use the camera or choose an example."
NO_EXPRESSION = (
    "The expression is empty. Type what to segment, for example \u201cthe dog on the left\u201d, and press Enter."
)
NO_RESULT = "There is nothing to save yet. Segment something first."
INTERNAL_ERROR = "The program failed. Your image and your expression are unchanged. Please try again."


@dataclass(frozen=True)
class Replacement:
    """A button in a message: replaces `word` of the expression by `replacement`."""

    word: str
    replacement: str


@dataclass(frozen=True)
class Message:
    """A message with replacements to choose from."""

    text: str
    kind: Kind = "info"
    replacements: tuple[Replacement, ...] = ()

    def html(self) -> str:
        """Escaped markup, with one row of buttons for each word."""
        words = dict.fromkeys(one.word for one in self.replacements)
        rows = "".join(_replacement_row(word, [one for one in self.replacements if one.word == word]) for word in words)
        return (
            f'<div class="rs-message rs-{self.kind}" role="{_ROLE[self.kind]}"><p>{escape(self.text)}</p>{rows}</div>'
        )


def _replacement_row(word: str, replacements: Sequence[Replacement]) -> str:
    return f'<div class="rs-chips"><span>{escape(word)}</span>{"".join(map(_replacement_button, replacements))}</div>'


def _replacement_button(one: Replacement) -> str:
    word, replacement = escape(one.word), escape(one.replacement)
    return (
        f'<button type="button" class="rs-chip" data-choice="word" data-word="{word}" data-replacement="{replacement}"'
        f' aria-label="Replace {word} by {replacement}">{replacement}</button>'
    )


def messages_html(messages: Sequence[Message]) -> str:
    """Markup of all messages; empty if there are none."""
    return "".join(message.html() for message in messages)


def error_message(error: Exception) -> Message:
    """The message for an error. An error that is not the user's is logged and replaced by a general message."""
    if isinstance(error, RefsegError):
        return Message(str(error), "error")
    log.exception("unexpected error behind the page", exc_info=error)
    return Message(INTERNAL_ERROR, "error")


def quoted_list(words: Sequence[str]) -> str:
    """\u201ca\u201d, \u201cb\u201d and \u201cc\u201d."""
    marked = [f"\u201c{word}\u201d" for word in words]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} and {marked[-1]}"


def word_messages(
    unknown: Sequence[str], suggestions: Mapping[str, Sequence[str]], dropped: Sequence[str], known: int
) -> list[Message]:
    """Messages about the words that the model did not read. known: number of words that it did read."""
    messages = []
    if words := list(dict.fromkeys(unknown)):
        replacements = tuple(Replacement(word, near) for word in words for near in suggestions.get(word, ()))
        noun = "these words" if len(words) > 1 else "this word"
        guess = "" if known else " The mask depends on the image alone."
        advice = "Choose a similar word, or rephrase the expression." if replacements else "Rephrase the expression."
        text = f"The model does not know {noun}: {quoted_list(words)}.{guess} {advice}"
        messages.append(Message(text, "warning", replacements))
    if dropped:
        end = " ".join(dropped)
        text = f"The expression is too long for the model, which ignored \u201c{end}\u201d. Shorten the expression."
        messages.append(Message(text, "warning"))
    return messages


def result_messages(peak: float, threshold: float, presence: float | None, no_target: bool) -> list[Message]:
    """Messages about a mask that is probably not what the user asked for.

    peak, threshold, presence: probabilities in 0..1.  no_target: whether the model decided that the expression names
    nothing in the image.
    """
    if no_target and presence is not None:
        text = (
            f"The expression probably names nothing in this image (presence {presence:.0%}). The likeliest mask is"
            " shown."
        )
        return [Message(text, "warning")]
    if peak < threshold:
        text = (
            f"The mask is empty: the highest probability is {peak:.2f}, below the threshold."
            " Lower the threshold or rephrase the expression."
        )
        return [Message(text, "warning")]
    return []


def replace_word(expression: str, word: str, replacement: str) -> str:
    """`expression` with every whole word `word` replaced, in any letter case. Unchanged if it does not occur.

    Words are normalized as the tokenizer does.
    """
    text = unicodedata.normalize("NFKC", expression)
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    changed, count = pattern.subn(lambda _: replacement, text)
    return changed if count else expression
