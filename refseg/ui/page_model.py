"""The models that the page offers."""

import logging
from typing import TYPE_CHECKING, NamedTuple

from refseg.errors import UnreachableError

if TYPE_CHECKING:
    from refseg.inference.model_library import ModelLibrary
    from refseg.inference.predictor import Predictor

log = logging.getLogger("refseg")


class PageModels(NamedTuple):
    """models: those that users choose among.  notice: text for every visitor, or None."""

    models: "ModelLibrary[Predictor]"
    notice: str | None


def load_page_models(models: str | None = None) -> PageModels:
    """A library of the models in a list separated by commas, each as `Predictor.load` takes it or as NAME=MODEL; an
    empty name or "embedded" is the embedded model. The first is loaded now, see `load_page_model`; the others when they
    are first used.
    """
    from refseg import Predictor
    from refseg.inference.model_library import ModelLibrary, named_models

    texts = [text.strip() for text in (models or "").split(",") if text.strip()] or ["embedded"]
    named = {name: None if model == "embedded" else model for name, model in named_models(texts).items()}
    first, *others = named
    predictor, notice = load_page_model(named[first])
    loaders = {name: lambda model=named[name]: Predictor.load(model) for name in others}
    return PageModels(ModelLibrary({first: lambda: predictor, **loaders}), notice)


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
    notice = (
        f"The model {model} could not be loaded because the Hugging Face Hub cannot be reached. The embedded model"
        " answers instead."
    )
    return PageModel(predictor, notice)
