"""What the image tab does when something happens on it; the widgets themselves are in `image_tab`.

Every method takes what the browser sent and the visitor's session and returns plain values for the outputs, so that each can be called
without a page. Nothing of a visitor is kept here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refseg.explain import find_candidates
from refseg.image_encoding import grey_uri, jpeg_uri, reduced_image, reduced_map
from refseg.images import load_image
from refseg.ui import requests as ask
from refseg.ui.examples import Example
from refseg.ui.figures import facts_html
from refseg.ui.messages import (
    NO_EXPRESSION,
    NO_PICTURE,
    Message,
    about_finding,
    about_words,
    failure,
    messages_html,
    replace_word,
)
from refseg.ui.runner import Answer, Runner
from refseg.ui.session import Session
from refseg.ui.why_page import EMPTY as NOTHING
from refseg.ui.why_page import WhyPage

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation

Picture = Mapping[str, Any] | None
"""An uploaded picture as the browser sends it: {"path": ...}. Anybody can send any path: see `requests.uploaded`."""

EMPTY: dict[str, Any] = {"state": "empty"}


class Shown(NamedTuple):
    """Values of the outputs, in the order in which the tab lists them."""

    result: dict[str, Any]
    messages: str
    facts: str
    why: dict[str, Any]
    session: Session | None


class ImagePage:
    """The image tab's callbacks around one `Runner`."""

    def __init__(self, runner: Runner, why: WhyPage, examples: Sequence[Example] = ()) -> None:
        self._runner, self._why = runner, why
        self._examples = {str(number): example for number, example in enumerate(examples)}

    def open_picture(self, picture: Picture, session: Session | None) -> Shown | None:
        """Checks a picture as soon as it arrives and encodes it, so that the first answer comes fast.

        None when there is nothing to do: the session is about this file already, or there was no picture and there is none.
        Without a session in the answer the picture cannot be used, or was taken away.
        """
        try:
            fresh = self._session_of(picture, session)
            if fresh is session:
                return None
            if fresh is None:
                return _cleared()
            fresh = fresh.encoded_as(self._runner.encode(fresh.image))
        except Exception as error:
            return _cleared(failure(error))
        return Shown(_plain(fresh), "", "", NOTHING, fresh)

    def segment(self, picture: Picture, expression: str, threshold: float, refine: bool, session: Session | None) -> Shown:
        """Finds what `expression` means. What was shown before goes away even when this fails, for it would belong to other words."""
        try:
            current = self._session_of(picture, session)
            if current is None:
                return _cleared(Message(NO_PICTURE, "error"))
            if not isinstance(expression, str) or not expression.strip():
                current = current.answered(None)
                return Shown(_plain(current), messages_html([Message(NO_EXPRESSION, "error")]), "", NOTHING, current)
        except Exception as error:
            return _cleared(failure(error))
        try:
            answer = self._runner.run(current.image, expression, current.encoded)
            current = current.encoded_as(answer.encoded).answered(answer.segmentation)
            return self._shown(current, answer, float(threshold), refine)
        except Exception as error:
            return Shown(_plain(current), messages_html([failure(error)]), "", NOTHING, current.answered(None))

    def refine(self, threshold: float, refine: bool, session: Session | None) -> dict[str, Any]:
        """The result with its edges refined, or as the network drew it; the network does not run."""
        if session is None or session.segmentation is None:
            return EMPTY if session is None else _plain(session)
        return _masked(session, session.segmentation, float(threshold), refine)

    def choose_part(self, choice: Mapping[str, Any], threshold: float, refine: bool, session: Session | None) -> Any:
        """The result with one of its candidates alone, or with all of them for the number 0; what the script of "Why" shows stays."""
        if session is None or session.segmentation is None:
            return EMPTY if session is None else _plain(session), session
        number, found = choice.get("number"), session.segmentation
        parts = find_candidates(found, float(threshold))
        chosen = next((part.mask for part in parts if part.number == number), None)
        session = self._why.know(session.choosing(chosen))
        return _masked(session, found, float(threshold), refine), session

    def choose_word(self, expression: str, choice: Mapping[str, Any]) -> str:
        """`expression` with an unknown word replaced by the one that was pressed."""
        return replace_word(expression or "", str(choice.get("word", "")), str(choice.get("replacement", "")))

    def choose_example(self, choice: Mapping[str, Any]) -> tuple[NDArray[np.uint8] | None, str]:
        """The picture, uint8 (H, W, 3), and the expression of the example that was pressed."""
        example = self._examples.get(str(choice.get("number")))
        return (load_image(example.path), example.expression) if example else (None, "")

    def _session_of(self, picture: Picture, session: Session | None) -> Session | None:
        """The session when it is about this very file, else a new one; None without a picture.  Raises InputError or ImageError."""
        if not picture or not picture.get("path"):
            return None
        if session is not None and session.source == picture["path"]:
            return session
        path = ask.uploaded(picture)
        return Session(source=str(picture["path"]), name=str(picture.get("orig_name") or path.name), image=load_image(path))

    def _shown(self, session: Session, answer: Answer, threshold: float, refine: bool) -> Shown:
        found = answer.segmentation
        known = sum(token not in found.unknown for token in found.tokens)
        messages = about_words(found.unknown, found.suggestions, found.dropped, known)
        messages += about_finding(found.peak, threshold, found.presence, found.absent)
        return Shown(
            _masked(session, found, threshold, refine),
            messages_html(messages),
            facts_html(session.image.shape[:2], found.peak, answer.seconds, self._runner.place, answer.reused),
            self._why.value(session),
            session,
        )


def _cleared(message: Message | None = None) -> Shown:
    """The page without a picture."""
    return Shown(EMPTY, messages_html([message] if message else []), "", NOTHING, None)


def _plain(session: Session) -> dict[str, Any]:
    """The picture alone."""
    view = reduced_image(session.image)
    return {
        "state": "picture",
        "picture": jpeg_uri(view),
        "width": view.shape[1],
        "height": view.shape[0],
        "alt": "the picture",
        "run": f"{session.source}#{session.run}",
        "order": [session.born, session.run],
    }


def _masked(session: Session, found: "Segmentation", threshold: float, refine: bool) -> dict[str, Any]:
    """The picture with all the browser needs to draw the mask."""
    refined = grey_uri(reduced_map(session.mask(threshold, refine=True))) if refine else None
    probability = found.probability if session.chosen is None else np.where(session.chosen, found.probability, np.float32(0))
    return {
        **_plain(session),
        "state": "mask",
        "probability": grey_uri(reduced_map(probability)),
        "refined": refined,
        "alt": f"the picture with what was found for: {found.expression}",
    }
