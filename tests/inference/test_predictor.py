"""The predictor: cached features, batches, threads, precisions, and what it refuses."""

import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from refseg.errors import CheckpointError, DeviceError, ExpressionError, ImageError, InputError
from refseg.images import MAX_PIXELS
from refseg.inference import predictor as module
from refseg.inference.checkpoint import CONFIG
from refseg.inference.predictor import Predictor
from refseg.language import Vocabulary
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.compact import CompactConfig, CompactSystem
from refseg.models.config import SystemConfig
from refseg.models.system import Answer

EXPRESSIONS = [
    "red circle",
    "the blue square on the right",
    "dog",
    "the man with the umbrella and the car on the left",
    "florp circle",
]


def fresh(vocabulary: Vocabulary, precision: str = "float32", **changes: Any) -> Predictor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = CompactSystem(CompactConfig.from_dict({**CompactConfig.tiny().to_dict(), **changes}), len(vocabulary))
    return Predictor(network, vocabulary, device="cpu", precision=precision, name="fresh")


def counted(monkeypatch: pytest.MonkeyPatch, predictor: Predictor, name: str) -> list[int]:
    """Counts calls of the network's method `name`: the list grows by one each."""
    calls: list[int] = []
    original = getattr(predictor._system, name)

    def method(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(predictor._system, name, method)
    return calls


def test_an_answer(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    (answer,) = tiny_predictor.segment(tiny_predictor.encode(sample_image), ["Florp circle!"])
    levels, grid = 3, (4, 4)
    assert answer.expression == "Florp circle!"
    assert answer.tokens == ("florp", "circle")
    assert answer.unknown == ("florp",)
    assert not answer.truncated and answer.dropped == ()
    assert set(answer.suggestions) == {"florp"}
    assert answer.probability.shape == sample_image.shape[:2] and answer.probability.dtype == np.float32
    assert 0 <= answer.probability.min() <= answer.probability.max() <= 1
    assert answer.word_attention.shape == (levels, 2)
    np.testing.assert_allclose(answer.word_attention.sum(1), 1, atol=1e-5)
    assert answer.word_maps.shape == (levels, 2, *grid)
    np.testing.assert_allclose(answer.word_maps.sum(1), 1, atol=1e-5)
    assert {name: values.shape for name, values in answer.maps.items()} == dict.fromkeys(
        ("memory_gate", "reset_gate"), (levels, *grid)
    )
    assert answer.presence is not None and 0 <= answer.presence <= 1


def test_further_expressions_do_not_run_the_backbone(
    tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = fresh(tiny_vocabulary)
    encodings, attend = counted(monkeypatch, predictor, "encode"), counted(monkeypatch, predictor, "answer")
    backbone: list[int] = []
    predictor._system.dense.backbone.register_forward_hook(lambda *_: backbone.append(1))
    encoded = predictor.encode(sample_image)
    assert (len(encodings), len(backbone), len(attend)) == (1, 1, 0)
    predictor.segment(encoded, ["red circle"])
    predictor.segment(encoded, EXPRESSIONS)
    assert (len(encodings), len(backbone), len(attend)) == (1, 1, 2)


def test_together_as_one_by_one(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    encoded = tiny_predictor.encode(sample_image)
    together = tiny_predictor.segment(encoded, EXPRESSIONS)
    assert [answer.expression for answer in together] == EXPRESSIONS
    for expression, answer in zip(EXPRESSIONS, together, strict=True):
        (alone,) = tiny_predictor.segment(encoded, [expression])
        assert alone.tokens == answer.tokens
        for name in ("probability", "word_attention", "word_maps", "response"):
            np.testing.assert_allclose(getattr(answer, name), getattr(alone, name), atol=2e-5, err_msg=name)
        for name, values in answer.maps.items():
            np.testing.assert_allclose(values, alone.maps[name], atol=2e-5, err_msg=name)
        assert answer.presence == pytest.approx(alone.presence, abs=1e-5)


@pytest.mark.parametrize("memory, passes", [(module.CHUNK_BYTES, 3), (1, 40)])
def test_many_expressions_go_in_passes(
    tiny_vocabulary: Vocabulary,
    sample_image: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    passes: int,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", memory)
    predictor = fresh(tiny_vocabulary)
    calls = counted(monkeypatch, predictor, "answer")
    expressions = (EXPRESSIONS * 8)[:40]
    answers = predictor.segment(predictor.encode(sample_image), expressions)
    assert len(calls) == passes
    assert [answer.expression for answer in answers] == expressions
    np.testing.assert_allclose(answers[0].logits, answers[35].logits, atol=1e-5)


def test_the_papers_network_takes_fewer_at_a_time() -> None:
    """A pass of the paper's sizes must not hold gigabytes: 16 compact ones fit, 16 of the paper's do not."""

    class Sizes(Predictor):
        def __init__(self, config: SystemConfig) -> None:
            self._config = config

        @property
        def config(self) -> SystemConfig:
            return self._config

    for config, chunk in ((CompactConfig(), 16), (CmsaConfig.paper(), 6)):
        assert Sizes(config)._chunk() == chunk


def test_no_expressions(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    assert tiny_predictor.segment(tiny_predictor.encode(sample_image), []) == []


def test_threads_take_turns(
    tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = fresh(tiny_vocabulary)
    inside: list[int] = []
    crowds: list[int] = []
    original = predictor._system.answer

    def answer_alone(*args: Any, **kwargs: Any) -> Answer:
        inside.append(1)
        crowds.append(len(inside))
        try:
            return original(*args, **kwargs)
        finally:
            inside.pop()

    monkeypatch.setattr(predictor._system, "answer", answer_alone)
    images = [np.ascontiguousarray(np.roll(sample_image, 9 * n, axis=1)) for n in range(4)]
    jobs = [(image, expression) for image in images for expression in EXPRESSIONS]

    def answer(job: tuple[NDArray[np.uint8], str]) -> NDArray[np.float32]:
        image, expression = job
        probability: NDArray[np.float32] = predictor.segment(predictor.encode(image), [expression])[0].probability
        return probability

    alone = [answer(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        crowd = list(pool.map(answer, jobs))
    for one, other in zip(alone, crowd, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert set(crowds) == {1}


def test_bfloat16_answers_nearly_the_same(tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8]) -> None:
    answers = {}
    for precision in ("float32", "bfloat16"):
        predictor = fresh(tiny_vocabulary, precision)
        assert predictor.precision == precision
        (answers[precision],) = predictor.segment(predictor.encode(sample_image), ["the red circle"])
        assert answers[precision].logits.dtype == np.float32
    np.testing.assert_allclose(answers["float32"].probability, answers["bfloat16"].probability, atol=0.05)
    assert not np.array_equal(answers["float32"].logits, answers["bfloat16"].logits)


@pytest.mark.parametrize("stage", ["encode", "answer"])
def test_an_overflow_in_half_precision_is_computed_again(
    tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The network is made to overflow wherever autocast is on, as float16 does above 65504."""
    predictor = fresh(tiny_vocabulary, "bfloat16")
    original = getattr(predictor._system, stage)

    def overflowing(*args: Any) -> Any:
        result = original(*args)
        if not torch.is_autocast_enabled("cpu"):
            return result
        if stage == "answer":
            return result._replace(logits=result.logits * float("nan"))
        dense = result.dense
        return result._replace(dense=dense._replace(details=tuple(detail * float("inf") for detail in dense.details)))

    monkeypatch.setattr(predictor._system, stage, overflowing)
    (answer,) = predictor.segment(predictor.encode(sample_image), ["the red circle"])
    exact = fresh(tiny_vocabulary)
    (expected,) = exact.segment(exact.encode(sample_image), ["the red circle"])
    np.testing.assert_allclose(answer.probability, expected.probability, atol=0.05)


def test_a_network_that_answers_with_no_numbers(tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8]) -> None:
    predictor = fresh(tiny_vocabulary)
    with torch.no_grad():
        predictor._system.dense.prediction.bias.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="the model fresh answers with values that are not finite numbers"):
        predictor.segment(predictor.encode(sample_image), ["dog"])


def test_unusable_expressions(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    encoded = tiny_predictor.encode(sample_image)
    for bad in ("", " \n", "🐶🎈", "x" * 10_000, None):
        with pytest.raises(ExpressionError):
            tiny_predictor.segment(encoded, ["dog", bad])  # type: ignore[list-item]
    with pytest.raises(InputError, match="expected a list of expressions"):
        tiny_predictor.segment(encoded, "dog")
    (answer,) = tiny_predictor.segment(encoded, ["florp glorb"])
    assert answer.unknown == ("florp", "glorb") and np.isfinite(answer.probability).all()
    (answer,) = tiny_predictor.segment(encoded, [" ".join(["dog"] * 25)])
    assert answer.truncated and answer.dropped == ("dog",) * 5 and len(answer.tokens) == 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (64, 64), (37, 91), (700, 500)])
def test_any_size_of_picture(tiny_predictor: Predictor, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    (answer,) = tiny_predictor.segment(tiny_predictor.encode(image), ["dog"])
    for array in (answer.probability, answer.response, answer.mask(), answer.word_map(2, 0)):
        assert array.shape == shape and np.isfinite(array).all()


def test_arrays_that_are_no_pictures(tiny_predictor: Predictor) -> None:
    for array in (
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ):
        with pytest.raises(ImageError):
            tiny_predictor.encode(array)
    with pytest.raises(ImageError, match="megapixels"):
        tiny_predictor.encode(np.broadcast_to(np.zeros((), np.uint8), (MAX_PIXELS // 100 + 1, 100, 3)))


def test_the_callers_picture_stays_his(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    encoded = tiny_predictor.encode(sample_image)
    assert sample_image.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        encoded.image[0, 0] = 0


def test_pictures_of_another_model(
    tiny_vocabulary: Vocabulary, tiny_predictor: Predictor, sample_image: NDArray[np.uint8]
) -> None:
    encoded = fresh(tiny_vocabulary).encode(sample_image)
    with pytest.raises(InputError, match="encoded by the model fresh, expected tiny: encode it again"):
        tiny_predictor.segment(encoded, ["dog"])


def test_a_name_is_no_proof_of_a_model(
    tiny_vocabulary: Vocabulary, tiny_checkpoint: Path, tmp_path: Path, sample_image: NDArray[np.uint8]
) -> None:
    """Every training writes a folder named checkpoint; the same weights may lie in folders of two names."""
    one, other = fresh(tiny_vocabulary), fresh(tiny_vocabulary)
    with pytest.raises(
        InputError, match="encoded by another model of the name fresh, expected this one: encode it again"
    ):
        other.segment(one.encode(sample_image), ["dog"])
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    config = json.loads((copy / CONFIG).read_text(encoding="utf-8"))
    del config["weights_sha256"]  # as in a checkpoint that does not tell
    (copy / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    loaded, again = (Predictor.load(folder, device="cpu", precision="float32") for folder in (tiny_checkpoint, copy))
    assert (loaded.name, again.name) == ("tiny", "copy") and again.weights == loaded.weights
    (first,), (second,) = (predictor.segment(loaded.encode(sample_image), ["dog"]) for predictor in (loaded, again))
    np.testing.assert_array_equal(first.logits, second.logits)


def test_an_encoded_picture_can_be_moved_and_kept(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    encoded = tiny_predictor.encode(sample_image)
    assert encoded.device == torch.device("cpu") and encoded.to("cpu") is encoded
    assert encoded.to("meta").device == torch.device("meta")
    assert 10_000 < encoded.nbytes < 1_000_000
    kept = pickle.loads(pickle.dumps(encoded))  # noqa: S301
    np.testing.assert_array_equal(
        tiny_predictor.segment(kept, ["dog"])[0].logits, tiny_predictor.segment(encoded, ["dog"])[0].logits
    )


def test_an_answer_can_go_to_another_process(tiny_predictor: Predictor, sample_image: NDArray[np.uint8]) -> None:
    """Where a GPU is lent, answers are pickled on their way to the page."""
    (answer,) = tiny_predictor.segment(tiny_predictor.encode(sample_image), ["dog"])
    there = pickle.loads(pickle.dumps(answer))  # noqa: S301
    np.testing.assert_array_equal(there.mask(0.4), answer.mask(0.4))


def test_load(tiny_checkpoint: Path, sample_image: NDArray[np.uint8], tiny_predictor: Predictor) -> None:
    predictor = Predictor.load(tiny_checkpoint, device="cpu", precision="float32")
    assert (predictor.name, predictor.threshold, predictor.config) == ("tiny", 0.5, CompactConfig.tiny())
    (loaded,), (original,) = (p.segment(p.encode(sample_image), ["red circle"]) for p in (predictor, tiny_predictor))
    np.testing.assert_allclose(loaded.probability, original.probability, atol=1e-2)  # weights are kept as float16


def test_load_refuses_a_device_before_it_looks_for_the_model() -> None:
    with pytest.raises(DeviceError):
        Predictor.load("nobody/nothing", device="gpu")
    with pytest.raises(DeviceError):
        Predictor.load("nobody/nothing", device="cpu", precision="float16")


def test_place(tiny_vocabulary: Vocabulary, sample_image: NDArray[np.uint8]) -> None:
    predictor = fresh(tiny_vocabulary)
    encoded = predictor.encode(sample_image)
    assert predictor.place("cpu") is predictor
    predictor.segment(encoded, ["dog"])
    with pytest.raises(DeviceError):
        predictor.place("nowhere")


def test_loading_a_folder_that_is_none(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        Predictor.load(tmp_path / "nothing")
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "käse ünd 木")
    assert Predictor.load(folder, device="cpu").name == "käse ünd 木"
