"""Several models: loaded once, when needed, and released when memory is short."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from refseg.errors import InputError
from refseg.inference.model_library import ModelLibrary, available_memory, named_models


class Loader:
    """Counts its calls and answers with its name."""

    def __init__(self, name: str, seconds: float = 0.0) -> None:
        self.name, self.seconds, self.calls = name, seconds, 0

    def __call__(self) -> str:
        self.calls += 1
        time.sleep(self.seconds)
        return self.name


def library(free: list[int] | None = None, names: str = "abc") -> tuple[ModelLibrary[str], dict[str, Loader]]:
    """Without `free` there is always memory; with it, each look at the memory takes the next number, the last again and
    again.
    """
    loaders = {name: Loader(name) for name in names}
    numbers = [10**12] if free is None else list(free)

    def free_memory() -> int:
        return numbers.pop(0) if len(numbers) > 1 else numbers[0]

    return ModelLibrary(loaders, free_memory=free_memory, spare=1000), loaders


def test_a_model_is_loaded_when_it_is_first_used_and_once() -> None:
    models, loaders = library()
    assert models.names == ("a", "b", "c") and models.loaded == ()
    assert models.get() == models.get("a") == "a" and models.get("b") == "b"
    assert [loaders[name].calls for name in "abc"] == [1, 1, 0] and models.loaded == ("a", "b")


def test_the_least_recently_used_go_first_when_memory_is_short() -> None:
    models, loaders = library(free=[5000, 5000, 500, 5000])
    models.get("a"), models.get("b")
    models.get("a")  # b is now the one not used for longest
    assert models.get("c") == "c"
    assert models.loaded == ("a", "c")
    assert models.get("b") == "b" and loaders["b"].calls == 2


def test_all_go_when_that_is_not_enough_and_the_wanted_one_is_loaded_all_the_same() -> None:
    models, _ = library(free=[5000, 5000, 0])
    models.get("a"), models.get("b")
    assert models.get("c") == "c" and models.loaded == ("c",)


def test_many_threads_load_a_model_once() -> None:
    slow = Loader("slow", 0.05)
    models = ModelLibrary({"slow": slow, "fast": Loader("fast")}, free_memory=lambda: None)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: models.get("slow"), range(16))) == {"slow"}
    assert slow.calls == 1


def test_a_model_that_loads_does_not_block_another() -> None:
    gate = threading.Event()
    models = ModelLibrary(
        {"stuck": lambda: gate.wait(10) and "stuck", "free": lambda: "free"}, free_memory=lambda: None
    )
    thread = threading.Thread(target=models.get, args=("stuck",))
    thread.start()
    assert models.get("free") == "free"
    gate.set()
    thread.join(10)
    assert set(models.loaded) == {"stuck", "free"}


def test_a_failure_is_told_and_tried_again() -> None:
    attempts = []

    def load() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise InputError("not there")
        return "there"

    models = ModelLibrary({"model": load})
    with pytest.raises(InputError, match="not there"):
        models.get()
    assert models.get() == "there"


def test_release() -> None:
    models, loaders = library()
    assert not models.release("a")
    models.get("a")
    assert models.release("a") and models.loaded == ()
    assert models.get("a") == "a" and loaders["a"].calls == 2


def test_unknown_names_and_no_model_at_all() -> None:
    models, _ = library()
    with pytest.raises(InputError, match="no model 'd' here, expected one of a, b, c"):
        models.get("d")
    with pytest.raises(ValueError, match="got no model"):
        ModelLibrary({})


def test_predictors_that_are_loaded_already_stay() -> None:
    models = ModelLibrary.of({"one": "1", "two": "2"})
    assert models.loaded == ("one", "two") and models.get() == "1" and models.get("two") == "2"


def test_free_memory_is_a_number_of_bytes_or_unknown() -> None:
    free = available_memory()
    assert free is None or free > 1_000_000


def test_names_of_models() -> None:
    models = ["user/name@v2", "runs/compact/checkpoint", "mine=runs/other/checkpoint", "other/checkpoint"]
    assert named_models(models) == {
        "name": "user/name@v2",
        "checkpoint": "runs/compact/checkpoint",
        "mine": "runs/other/checkpoint",
        "checkpoint 2": "other/checkpoint",
    }
    for bad in ("", "=x", "x="):
        with pytest.raises(InputError, match="expected a folder, a repository or NAME=MODEL"):
            named_models([bad])
