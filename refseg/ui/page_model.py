"""The model that the page starts with."""

import logging
from typing import TYPE_CHECKING, NamedTuple

from refseg.errors import UnreachableError

if TYPE_CHECKING:
    from refseg.inference.predictor import Predictor

log = logging.getLogger("refseg")


class PageModel(NamedTuple):
    """predictor: answers on the page.  notice: text for every visitor, or None."""

    predictor: "Predictor"
    notice: str | None


def load_page_model(model: str | None = None) -> PageModel:
    """Load `model` as `Predictor.load` does; where the Hub cannot be reached for it, load the embedded model and say
    so in `notice`.

    A page that is up with another model, and says so, serves its visitors better than none; everywhere else an
    unreachable model is an error.
    Raises CheckpointError or HubError for a model that does not exist or cannot be used.
    """
    from refseg import Predictor

    try:
        return PageModel(Predictor.load(model or None), None)
    except UnreachableError as error:
        log.warning("%s", error)
        predictor = Predictor.load()
    notice = f"The model {model} could not be loaded because the Hugging Face Hub cannot be reached. The embedded model answers instead."
    return PageModel(predictor, notice)
