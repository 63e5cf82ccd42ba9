"""Asks the page's network on behalf of annotation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.proposals import Proposal
from refseg.annotation.records import Origin
from refseg.ui.messages import about_finding, about_words
from refseg.ui.runner import Runner
from refseg.version import __version__

if TYPE_CHECKING:
    from refseg.inference.predictor import EncodedImage
    from refseg.inference.segmentation import Segmentation


class Proposer:
    """A `Propose` around one `Runner`; keeps the features of the picture that it was asked about last."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._last: tuple[NDArray[np.uint8], EncodedImage | None] | None = None

    def rest(self) -> None:
        """Let go of the features."""
        self._last = None

    def __call__(self, image: NDArray[np.uint8], expressions: Sequence[str]) -> list[Proposal]:
        """Raises ExpressionError and what else the predictor raises."""
        encoded = self._last[1] if self._last is not None and self._last[0] is image else None
        proposals = []
        for expression in expressions:
            answer = self._runner.run(image, expression, encoded)
            encoded = answer.encoded
            proposals.append(proposal_of(answer.segmentation, self._runner.predictor.name))
        self._last = image, encoded
        return proposals


def proposal_of(found: "Segmentation", model: str) -> Proposal:
    """An answer of the network as annotation sees it. model: its name, see `origin_of`."""
    known = sum(token not in found.unknown for token in found.tokens)
    notes = [message.text for message in about_words(found.unknown, {}, found.dropped, known)]
    if found.absent:
        notes.append(
            f"The model takes this for absent (it is {found.presence:.0%} sure that it is there): another threshold shows what it saw."
        )
    else:
        notes += [message.text for message in about_finding(found.peak, found.threshold, None, False)]
    return Proposal(
        mask=found.mask(),
        probability=found.probability,
        doubt=found.uncertainty,
        origin=origin_of(model, found.threshold),
        absent=found.absent,
        notes=tuple(notes),
    )


def origin_of(model: str, threshold: float) -> Origin:
    """Where an unrefined mask of the model `name` or `name@revision` comes from; an embedded one has refseg's version for a revision."""
    name, _, revision = model.partition("@")
    return Origin(name, revision or f"refseg {__version__}", threshold, "none")
