"""Several models by name: each is loaded when it is first used, and released when memory is short."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from refseg.errors import InputError

P = TypeVar("P")

SPARE_BYTES = 1_500_000_000  # free memory below which a model that is not in use is released before another is loaded


class ModelLibrary(Generic[P]):
    """Predictors by name, loaded on demand; several threads may use it.

    loaders: a function for each name that loads the predictor; the first name is the default.  free_memory: bytes that
    are free, None if unknown.  spare: free bytes below which the least recently used models are released
    before another one is loaded. A released predictor stays usable for callers that still have it.
    """

    def __init__(
        self,
        loaders: Mapping[str, Callable[[], P]],
        *,
        free_memory: Callable[[], int | None] | None = None,
        spare: int = SPARE_BYTES,
    ) -> None:
        if not loaders:
            raise ValueError("got no model, expected at least one")
        self._loaders = dict(loaders)
        self._free_memory, self._spare = free_memory or available_memory, spare
        self._loaded: dict[str, P] = {}  # in the order of their last use
        self._lock = threading.Lock()  # of the two dictionaries
        self._loading = {name: threading.Lock() for name in self._loaders}

    @classmethod
    def of(cls, predictors: Mapping[str, P]) -> "ModelLibrary[P]":
        """A library of predictors that are loaded already and never released."""
        library = cls({name: lambda predictor=predictor: predictor for name, predictor in predictors.items()}, spare=0)  # type: ignore[misc]
        library._loaded.update(predictors)
        return library

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the default first."""
        return tuple(self._loaders)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The names of the models in memory, the least recently used first."""
        with self._lock:
            return tuple(self._loaded)

    def get(self, name: str | None = None) -> P:
        """The predictor of that name, the default one for None; loads it if necessary, once for all threads that wait.

        Raises InputError for an unknown name, and the errors of its loader.
        """
        name = self.names[0] if name is None else name
        if name not in self._loaders:
            raise InputError(f"there is no model {name[:60]!r} here, expected one of {', '.join(self.names)}")
        with self._loading[name]:
            with self._lock:
                if name in self._loaded:
                    self._loaded[name] = self._loaded.pop(name)  # used last
                    return self._loaded[name]
            self._make_room()
            predictor = self._loaders[name]()
            with self._lock:
                self._loaded[name] = predictor
            return predictor

    def release(self, name: str) -> bool:
        """Drop a model from memory; whether it was loaded. It is loaded again when it is next used."""
        with self._lock:
            return self._loaded.pop(name, None) is not None

    def _make_room(self) -> None:
        """Release the least recently used models until enough memory is free or none is left."""
        while self._spare and (free := self._free_memory()) is not None and free < self._spare:
            with self._lock:
                if not self._loaded:
                    return
                del self._loaded[next(iter(self._loaded))]


def available_memory() -> int | None:
    """Bytes of memory available without swapping; None if the system does not report it (Linux does)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def named_models(models: Sequence[str]) -> dict[str, str]:
    """Names for models given as `--model` takes them: `NAME=MODEL`, or the model's own last part; made unique by
    numbers.

    Raises InputError for a name or a model that is empty.
    """
    named: dict[str, str] = {}
    for text in models:
        name, equals, model = text.partition("=")
        if not equals:
            name, model = Path(text).name.partition("@")[0], text
        if not name or not model:
            raise InputError(f"the model is {text!r}, expected a folder, a repository or NAME=MODEL")
        unique, number = name, 2
        while unique in named:
            unique, number = f"{name} {number}", number + 1
        named[unique] = model
    return named
