"""What the image tab does when something happens; its widgets are in `tab`.

Every method takes what the browser sent and the visitor's session, and returns plain values for the outputs. So each
can be called without a page. The class stores nothing of a visitor.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refseg.explain import find_candidates
from refseg.image_encoding import gray_uri, jpeg_uri, reduced_image, reduced_map
from refseg.images import load_image
from refseg.ui import request_values as values
from refseg.ui.examples import Example
from refseg.ui.messages import (
    NO_EXPRESSION,
    NO_IMAGE,
    Message,
    error_message,
    messages_html,
    replace_word,
    result_messages,
    word_messages,
)
from refseg.ui.model_runner import ModelRunner, RunResult
from refseg.ui.result_facts import facts_html
from refseg.ui.session import ImageSession
from refseg.ui.why.events import EMPTY as WHY_EMPTY
from refseg.ui.why.events import WhyEvents

if TYPE_CHECKING:
    from refseg.inference.segmentation import Segmentation

UploadedImage = Mapping[str, Any] | None
"""An uploaded image as the browser sends it: {"path": ...}. The path may be any: see `uploaded_file`."""

EMPTY: dict[str, Any] = {"state": "empty"}


class ImageOutputs(NamedTuple):
    """Values of the outputs, in the order in which the tab lists them."""

    result: dict[str, Any]
    messages: str
    facts: str
    why: dict[str, Any]
    session: ImageSession | None


class ImageEvents:
    """The image tab's callbacks."""

    def __init__(self, runner: ModelRunner, why: WhyEvents, examples: Sequence[Example] = ()) -> None:
        self._runner, self._why = runner, why
        self._examples = {str(number): example for number, example in enumerate(examples)}

    def open_image(
        self, upload: UploadedImage, session: ImageSession | None, model: str | None = None
    ) -> ImageOutputs | None:
        """Checks an image as soon as it is uploaded and encodes it, so that the first result comes fast.

        None if there is nothing to do: the session has this file already, or there was no image and there is none.
        Without a session in the outputs the image cannot be used, or was removed.
        """
        try:
            opened = self._open(upload, session)
            if opened is session:
                return None
            if opened is None:
                return _cleared()
            opened = opened.with_features(self._runner.encode(opened.image, model))
        except Exception as error:
            return _cleared(error_message(error))
        return ImageOutputs(_image_value(opened), "", "", WHY_EMPTY, opened)

    def segment(
        self,
        upload: UploadedImage,
        expression: str,
        threshold: float,
        refine: bool,
        session: ImageSession | None,
        model: str | None = None,
    ) -> ImageOutputs:
        """Segments an expression by a model, the default one for None. On an error the previous result is removed,
        because it is of another expression.
        """
        try:
            current = self._open(upload, session)
            if current is None:
                return _cleared(Message(NO_IMAGE, "error"))
            if not isinstance(expression, str) or not expression.strip():
                return _failed(current, Message(NO_EXPRESSION, "error"))
        except Exception as error:
            return _cleared(error_message(error))
        try:
            run = self._runner.run(current.image, expression, current.encoded, model)
            current = current.with_features(run.encoded).with_segmentation(run.segmentation)
            return self._outputs(current, run, float(threshold), refine)
        except Exception as error:
            return _failed(current, error_message(error))

    def refine(self, threshold: float, refine: bool, session: ImageSession | None) -> dict[str, Any]:
        """The result with refined edges, or without. The model does not run."""
        if session is None or session.segmentation is None:
            return EMPTY if session is None else _image_value(session)
        return _mask_value(session, session.segmentation, float(threshold), refine)

    def choose_candidate(
        self, choice: Mapping[str, Any], threshold: float, refine: bool, session: ImageSession | None
    ) -> tuple[dict[str, Any], ImageSession | None]:
        """The result with one candidate alone, or with all for the number 0. "Why this mask" does not change."""
        if session is None or session.segmentation is None:
            return EMPTY if session is None else _image_value(session), session
        segmentation = session.segmentation
        candidates = find_candidates(segmentation, float(threshold))
        chosen = next((one.mask for one in candidates if one.number == choice.get("number")), None)
        session = self._why.register(session.with_candidate(chosen))
        return _mask_value(session, segmentation, float(threshold), refine), session

    def choose_word(self, expression: str, choice: Mapping[str, Any]) -> str:
        """`expression` with an unknown word replaced by the one that was chosen."""
        return replace_word(expression or "", str(choice.get("word", "")), str(choice.get("replacement", "")))

    def choose_example(self, choice: Mapping[str, Any]) -> tuple[NDArray[np.uint8] | None, str]:
        """The image, uint8 (H, W, 3), and the expression of the example that was chosen."""
        example = self._examples.get(str(choice.get("number")))
        return (load_image(example.path), example.expression) if example else (None, "")

    def _open(self, upload: UploadedImage, session: ImageSession | None) -> ImageSession | None:
        """The session if it has this file, otherwise a new one; None without an image. Raises InputError."""
        if not upload or not upload.get("path"):
            return None
        if session is not None and session.source == upload["path"]:
            return session
        path = values.uploaded_file(upload)
        name = str(upload.get("orig_name") or path.name)
        return ImageSession(source=str(upload["path"]), name=name, image=load_image(path))

    def _outputs(self, session: ImageSession, run: RunResult, threshold: float, refine: bool) -> ImageOutputs:
        segmentation = run.segmentation
        known = sum(token not in segmentation.unknown for token in segmentation.tokens)
        messages = word_messages(segmentation.unknown, segmentation.suggestions, segmentation.dropped, known)
        messages += result_messages(segmentation.peak, threshold, segmentation.presence, segmentation.no_target)
        size = session.image.shape[:2]
        return ImageOutputs(
            _mask_value(session, segmentation, threshold, refine),
            messages_html(messages),
            facts_html(size, segmentation.peak, run.seconds, self._runner.device_label, run.reused),
            self._why.value(session),
            session,
        )


def _cleared(message: Message | None = None) -> ImageOutputs:
    """The outputs without an image."""
    return ImageOutputs(EMPTY, messages_html([message] if message else []), "", WHY_EMPTY, None)


def _failed(session: ImageSession, message: Message) -> ImageOutputs:
    """The outputs with an image but no mask."""
    session = session.with_segmentation(None)
    return ImageOutputs(_image_value(session), messages_html([message]), "", WHY_EMPTY, session)


def _image_value(session: ImageSession) -> dict[str, Any]:
    """Value of the result widget: the image alone."""
    view = reduced_image(session.image)
    return {
        "state": "image",
        "image": jpeg_uri(view),
        "width": view.shape[1],
        "height": view.shape[0],
        "alt": "the image",
        "run": f"{session.source}#{session.run}",
        "order": [session.opened_ms, session.run],
    }


def _mask_value(session: ImageSession, segmentation: "Segmentation", threshold: float, refine: bool) -> dict[str, Any]:
    """Value of the result widget: the image and everything that the browser needs to draw the mask."""
    refined = gray_uri(reduced_map(session.mask(threshold, refine=True))) if refine else None
    probability = segmentation.probability
    if session.candidate is not None:
        probability = np.where(session.candidate, probability, np.float32(0))
    return {
        **_image_value(session),
        "state": "mask",
        "probability": gray_uri(reduced_map(probability)),
        "refined": refined,
        "alt": f"the image with the mask of: {segmentation.expression}",
    }
