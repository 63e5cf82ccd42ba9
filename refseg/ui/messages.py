"""What the page says in words. Every text that comes from a person, a file or the model is escaped here."""

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

NO_PICTURE = "There is no picture yet: drop one in, paste it, use the camera or take an example."
NO_EXPRESSION = "Say what to look for, for example \u201cthe dog on the left\u201d, then press Enter."
NO_RESULT = "There is nothing to save yet: find something first."
INTERNAL = "Something went wrong inside the program; the picture and the words were left as they are, so please try again."


@dataclass(frozen=True)
class Choice:
    """A button inside a message: in the expression, `word` becomes `replacement`."""

    word: str
    replacement: str


@dataclass(frozen=True)
class Message:
    """One sentence for the person at the page, with optional replacements to choose from."""

    text: str
    kind: Kind = "info"
    choices: tuple[Choice, ...] = ()

    def html(self) -> str:
        """Escaped markup; the buttons stand in one row per word."""
        rows = "".join(
            f'<div class="rs-chips"><span>{escape(word)}</span>{"".join(_chip(choice) for choice in self.choices if choice.word == word)}</div>'
            for word in dict.fromkeys(choice.word for choice in self.choices)
        )
        return f'<div class="rs-message rs-{self.kind}" role="{_ROLE[self.kind]}"><p>{escape(self.text)}</p>{rows}</div>'


def _chip(choice: Choice) -> str:
    replacement = escape(choice.replacement)
    return (
        f'<button type="button" class="rs-chip" data-choice="word" data-word="{escape(choice.word)}" data-replacement="{replacement}"'
        f' aria-label="replace {escape(choice.word)} by {replacement}">{replacement}</button>'
    )


def messages_html(messages: Sequence[Message]) -> str:
    """All messages, one under the other; empty when there are none."""
    return "".join(message.html() for message in messages)


def failure(error: Exception) -> Message:
    """One sentence for the person; what is not theirs to mend goes to the log."""
    if isinstance(error, RefsegError):
        return Message(str(error), "error")
    log.exception("unexpected failure behind the page", exc_info=error)
    return Message(INTERNAL, "error")


def quoted(words: Sequence[str]) -> str:
    """\u201ca\u201d, \u201cb\u201d and \u201cc\u201d."""
    marked = [f"\u201c{word}\u201d" for word in words]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} and {marked[-1]}"


def about_words(unknown: Sequence[str], suggestions: Mapping[str, Sequence[str]], dropped: Sequence[str], known: int) -> list[Message]:
    """What the network could not read of an expression; `known` is the number of words it could."""
    messages = []
    if strangers := list(dict.fromkeys(unknown)):
        choices = tuple(Choice(word, near) for word in strangers for near in suggestions.get(word, ()))
        which = "these words" if len(strangers) > 1 else "this word"
        guess = ", so this mask is a guess from the picture alone" if not known else ""
        advice = "press a nearer one, or say it in other words" if choices else "say it in other words"
        messages.append(Message(f"The model does not know {which}: {quoted(strangers)}{guess}; {advice}.", "warning", choices))
    if dropped:
        end = " ".join(dropped)
        messages.append(Message(f"The expression is longer than the model reads; its end was left out: \u201c{end}\u201d.", "warning"))
    return messages


def about_finding(peak: float, threshold: float, presence: float | None, absent: bool) -> list[Message]:
    """Says so when the thing named was probably not found.  peak, threshold, presence: probabilities in 0..1; absent: the model's verdict."""
    if absent and presence is not None:
        return [
            Message(
                f"This is probably not in the picture (the model is {presence:.0%} sure that it is); what it took for it is shown.",
                "warning",
            )
        ]
    if peak < threshold:
        text = f"Nothing here reaches the threshold (the highest probability is {peak:.2f}): lower the threshold or say it in other words."
        return [Message(text, "warning")]
    return []


def replace_word(expression: str, word: str, replacement: str) -> str:
    """`expression` with every whole-word `word` (in any letter case) replaced; words are compared as the tokeniser compares them.

    Without a match the expression comes back unchanged.
    """
    text = unicodedata.normalize("NFKC", expression)
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    changed, count = pattern.subn(lambda _: replacement, text)
    return changed if count else expression
