"""Predictions of the page's model for the annotation tab."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.predictions import Prediction
from refseg.annotation.records import Origin
from refseg.ui.messages import result_messages, word_messages
from refseg.ui.model_runner import ModelRunner
from refseg.version import __version__

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage
    from refseg.inference.segmentation import Segmentation


class PredictionClient:
    """The function `Predict` around a `ModelRunner`. Caches the features of the last image."""

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self._last: tuple[NDArray[np.uint8], EncodedImage | None] | None = None

    def release(self) -> None:
        """Frees the cached features."""
        self._last = None

    def __call__(self, image: NDArray[np.uint8], expressions: Sequence[str]) -> list[Prediction]:
        """One prediction for each expression. image: uint8 (H, W, 3). Raises what the predictor raises."""
        encoded = self._last[1] if self._last is not None and self._last[0] is image else None
        predictions = []
        for expression in expressions:
            answer = self._runner.run(image, expression, encoded)
            encoded = answer.encoded
            predictions.append(to_prediction(answer.segmentation, self._runner.predictor.name))
        self._last = image, encoded
        return predictions


def to_prediction(segmentation: "Segmentation", model: str) -> Prediction:
    """A segmentation as the annotation package takes it. model: name of the model, see `origin_of`."""
    known = sum(token not in segmentation.unknown for token in segmentation.tokens)
    notes = [message.text for message in word_messages(segmentation.unknown, {}, segmentation.dropped, known)]
    if segmentation.no_target:
        notes.append(
            f"The expression probably names nothing in this image (presence {segmentation.presence:.0%})."
            " Another threshold shows the mask anyway."
        )
    else:
        notes += [message.text for message in result_messages(segmentation.peak, segmentation.threshold, None, False)]
    return Prediction(
        mask=segmentation.mask(),
        probability=segmentation.probability,
        uncertainty=segmentation.uncertainty,
        origin=origin_of(model, segmentation.threshold),
        no_target=segmentation.no_target,
        notes=tuple(notes),
    )


def origin_of(model: str, threshold: float) -> Origin:
    """The origin of an unrefined mask. model: `name` or `name@revision`; an embedded model has refseg's version."""
    name, _, revision = model.partition("@")
    return Origin(name, revision or f"refseg {__version__}", threshold, "none")
