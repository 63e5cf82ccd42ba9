"""The factorised layer against the materialised definition, and what a caller relies on."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from refseg.models.cmsa.attention import Attended, CrossModalSelfAttention, Pooling, PositionAttention
from refseg.models.layers.multimodal import coordinate_features
from tests.models import reference

VISUAL, WORDS, WIDTH = 7, 5, 6
DEVIATIONS = {
    "biases": True,
    "scaled": True,
    "mean_received": True,
}  # of the embedded model; none of them: the paper to the letter
POOLINGS: tuple[Pooling, ...] = ("attention", "average", "max")


class Case:
    """A layer with random weights, pictures of `grid` positions and padded expressions."""

    def __init__(
        self,
        grid: tuple[int, int] = (3, 4),
        lengths: tuple[int, ...] = (4,),
        pictures: int = 1,
        pooling: Pooling = "attention",
        dtype: torch.dtype = torch.float64,
        sharpness: float = 1.0,
        seed: int = 0,
        literal: bool = False,
    ) -> None:
        torch.manual_seed(seed)
        self.layer = CrossModalSelfAttention(VISUAL, WORDS, 8, WIDTH, pooling, **({} if literal else DEVIATIONS)).to(
            dtype
        )
        with torch.no_grad():
            # untrained logits are nearly flat: the scale makes the softmaxes matter
            if self.layer.scale is not None:
                self.layer.scale.fill_(sharpness)
            else:
                self.layer.position_qkv.weight[:WIDTH] *= sharpness
                self.layer.word_qkv.weight[:WIDTH] *= sharpness
        self.visual = torch.randn(pictures, grid[0] * grid[1], VISUAL, dtype=dtype)
        self.coordinates = coordinate_features(*grid).to(dtype)
        self.words = torch.randn(len(lengths), max(lengths), WORDS, dtype=dtype)
        self.valid = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        self.index = torch.arange(len(lengths)) % pictures

    def run(self) -> Attended:
        return self.layer(self.layer.encode(self.visual, self.coordinates).select(self.index), self.words, self.valid)

    def naive(self) -> Attended:
        """The reference, one expression at a time and without its padding; word outputs padded with zeros."""
        features, attention, maps = [], [], []
        for k, length in enumerate(self.valid.sum(1).tolist()):
            one = reference.attention(self.layer, self.visual[self.index[k]], self.words[k, :length], self.coordinates)
            padding = self.words.shape[1] - length
            features.append(one.features)
            attention.append(torch.nn.functional.pad(one.word_attention, (0, padding)))
            maps.append(torch.nn.functional.pad(one.word_maps, (0, 0, 0, padding)))
        return Attended(torch.stack(features), torch.stack(attention), torch.stack(maps))

    def run_from(self, position: int) -> PositionAttention:
        return self.layer.attention_from(
            self.layer.encode(self.visual, self.coordinates).select(self.index), self.words, self.valid, position
        )

    def gradients(self, compute: Callable[[], Attended]) -> dict[str, Tensor]:
        """Gradients of a fixed random weighting of all three outputs w.r.t. both inputs and every parameter."""
        leaves = dict(self.layer.named_parameters()) | {
            "visual": self.visual.requires_grad_(),
            "words": self.words.requires_grad_(),
        }
        generator = torch.Generator().manual_seed(1)
        weighted = [(part * torch.randn(part.shape, generator=generator, dtype=part.dtype)).sum() for part in compute()]
        values = torch.autograd.grad(torch.stack(weighted).sum(), list(leaves.values()), materialize_grads=True)
        return dict(zip(leaves, values, strict=True))


def assert_same(got: Attended, expected: Attended, tolerance: float) -> None:
    for name, one, other in zip(Attended._fields, got, expected, strict=True):
        torch.testing.assert_close(
            one, other, rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


def assert_same_gradients(got: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    for name in expected:
        size = expected[name].abs().max().clamp_min(1).item()
        torch.testing.assert_close(
            got[name],
            expected[name],
            rtol=0,
            atol=tolerance * size,
            msg=lambda text, name=name: f"gradient of {name}: {text}",
        )


@pytest.fixture
def exact_path(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the expressions that take the log-domain path: the list grows by one for each."""
    taken: list[int] = []
    original = CrossModalSelfAttention._pooled_positions_exactly

    def counted(self: CrossModalSelfAttention, *arguments: Tensor) -> Tensor:
        taken.append(len(arguments[-1]))
        return original(self, *arguments)

    monkeypatch.setattr(CrossModalSelfAttention, "_pooled_positions_exactly", counted)
    return taken


@pytest.fixture
def word_softmax(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the softmaxes over words that are written out: the list grows by one each."""
    taken: list[int] = []
    original = CrossModalSelfAttention._word_softmax

    def counted(*arguments: Tensor) -> Tensor:
        taken.append(1)
        return original(*arguments)

    monkeypatch.setattr(CrossModalSelfAttention, "_word_softmax", staticmethod(counted))
    return taken


@pytest.mark.parametrize("pooling", POOLINGS)
@settings(max_examples=15, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    sharpness=st.sampled_from([0.1, 1.0, 4.0]),
    seed=st.integers(0, 1000),
)
def test_values_and_gradients_are_those_of_the_definition(
    pooling: Pooling, grid: tuple[int, int], lengths: tuple[int, ...], sharpness: float, seed: int
) -> None:
    case = Case(grid, lengths, pooling=pooling, sharpness=sharpness, seed=seed)
    got, expected = case.run(), case.naive()
    assert got.features.dtype == torch.float64
    assert_same(got, expected, 1e-10)
    with torch.no_grad():
        assert_same(case.run(), expected, 1e-10)
    assert_same_gradients(case.gradients(case.run), case.gradients(case.naive), 1e-10)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_float32_agrees_with_the_definition(pooling: Pooling) -> None:
    case = Case((4, 5), (6, 3), pooling=pooling, dtype=torch.float32)
    assert case.run().features.dtype == torch.float32
    assert_same(case.run(), case.naive(), 1e-5)
    assert_same_gradients(case.gradients(case.run), case.gradients(case.naive), 1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("pictures", [1, 3])
def test_features_are_projected_as_if_afterwards(pooling: Pooling, pictures: int) -> None:
    case = Case(lengths=(2, 5, 4), pictures=pictures, pooling=pooling)
    projection = torch.nn.Conv2d(VISUAL + WORDS + 8, 9, 1).double()
    wide = case.run()
    afterwards = projection(wide.features.transpose(1, 2).unflatten(-1, (3, 4))).flatten(2).transpose(1, 2)
    image = case.layer.encode(case.visual, case.coordinates).select(case.index)
    at_once = case.layer(image, case.words, case.valid, projection)
    assert_same(at_once, wide._replace(features=afterwards), 1e-12)
    leaves = [*case.layer.parameters(), *projection.parameters()]
    for one, other in zip(
        torch.autograd.grad(at_once.features.square().sum(), leaves, materialize_grads=True),
        torch.autograd.grad(afterwards.square().sum(), leaves, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_each_expression_attends_to_its_own_picture() -> None:
    case = Case(lengths=(3, 4, 2, 4), pictures=2)
    assert_same(case.run(), case.naive(), 1e-10)
    case.index = torch.tensor([1, 1, 0, 1])
    assert_same(case.run(), case.naive(), 1e-10)
    with torch.no_grad():
        assert_same(case.run(), case.naive(), 1e-10)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("filler", [0.0, 1e6, float("nan")])
def test_padding_changes_no_output(pooling: Pooling, filler: float) -> None:
    case = Case(lengths=(3,), pooling=pooling)
    bare = case.run()
    case.words = torch.cat([case.words, torch.full((1, 4, WORDS), filler, dtype=torch.float64)], dim=1)
    case.valid = torch.arange(7) < torch.tensor([[3]])
    padded = case.run()
    torch.testing.assert_close(padded.features, bare.features, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(padded.word_attention[:, :3], bare.word_attention, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(padded.word_maps[:, :3], bare.word_maps, rtol=1e-12, atol=1e-12)
    assert not padded.word_attention[:, 3:].any() and not padded.word_maps[:, 3:].any()


@pytest.mark.parametrize("sharpness", [1.0, 300.0])
def test_padded_words_receive_no_gradient(sharpness: float) -> None:
    case = Case(lengths=(2, 5), sharpness=sharpness)
    gradient = case.gradients(case.run)["words"]
    assert not gradient[0, 2:].any()
    assert gradient[0, :2].any() and gradient[1].any()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_batched_equals_one_by_one(pooling: Pooling) -> None:
    case = Case(lengths=(2, 5, 4), pictures=3, pooling=pooling)
    image = case.layer.encode(case.visual, case.coordinates)
    alone = [
        case.layer(image.select(torch.tensor([k])), case.words[k : k + 1, :length], case.valid[k : k + 1, :length])
        for k, length in enumerate(case.valid.sum(1).tolist())
    ]
    together = case.run()
    for k, one in enumerate(alone):
        torch.testing.assert_close(together.features[k : k + 1], one.features, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(
            together.word_maps[k : k + 1, : one.word_maps.shape[1]], one.word_maps, rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("sharpness", [1.0, 300.0])
def test_one_picture_is_broadcast_as_if_copied(pooling: Pooling, sharpness: float) -> None:
    case = Case(lengths=(2, 5, 4), pooling=pooling, sharpness=sharpness)
    broadcast = case.run()
    case.visual, case.index = case.visual.expand(3, -1, -1), torch.arange(3)
    assert_same(broadcast, case.run(), 1e-12)


def test_no_picture_is_copied_for_the_expressions_about_it() -> None:
    case = Case(lengths=(2, 5, 4))
    image = case.layer.encode(case.visual, case.coordinates)
    assert image.select(case.index).exponentials.data_ptr() == image.exponentials.data_ptr()


@pytest.mark.parametrize("sharpness", [30.0, 100.0, 1000.0])
def test_sharp_logits_are_exact_by_the_log_domain_path(
    sharpness: float, exact_path: list[int], word_softmax: list[int]
) -> None:
    case = Case((4, 4), (5, 3), sharpness=sharpness)
    got = case.run()
    assert exact_path == [1, 1] and word_softmax == [1], "the case is not sharp enough to test what it is for"
    assert_same(got, case.naive(), 1e-9)
    gradients = case.gradients(case.run)
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert_same_gradients(gradients, case.gradients(case.naive), 1e-8)


def test_sharp_logits_are_right_and_finite_in_float32(exact_path: list[int]) -> None:
    case = Case((4, 4), (5,), sharpness=60.0, dtype=torch.float32)
    got = case.run()
    assert exact_path == [1]
    gradients = case.gradients(case.run)
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    with torch.no_grad():
        case.layer.double()
        case.visual, case.words, case.coordinates = case.visual.double(), case.words.double(), case.coordinates.double()
        # logits of some hundreds carry a rounding error of some 1e-5 each
        assert_same(Attended(*(part.double() for part in got)), case.naive(), 2e-3)


def test_only_the_expressions_that_underflow_take_the_log_domain_path(exact_path: list[int]) -> None:
    case = Case((4, 4), (4, 5, 3), pictures=2, sharpness=40.0)
    case.words[0] *= 0.01
    case.words[2] *= 0.01
    got = case.run()
    assert exact_path == [1], "exactly the second expression should underflow"
    assert_same(got, case.naive(), 1e-9)
    assert_same_gradients(case.gradients(case.run), case.gradients(case.naive), 1e-8)


def test_flat_logits_never_take_the_log_domain_path(exact_path: list[int], word_softmax: list[int]) -> None:
    Case((4, 4), (4, 5, 3)).run()
    assert exact_path == word_softmax == []


@pytest.mark.parametrize("pooling", POOLINGS)
def test_autocast_leaves_the_layer_in_float32(pooling: Pooling) -> None:
    case = Case((4, 5), (6, 3), pooling=pooling, dtype=torch.float32)
    plain = case.run()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = case.run()
    assert mixed.features.dtype == torch.float32
    assert_same(mixed, plain, 1e-6)


def test_half_precision_inputs_are_promoted() -> None:
    case = Case((4, 5), (6, 3), dtype=torch.float32)
    plain = case.run()
    case.visual, case.words = case.visual.bfloat16(), case.words.bfloat16()
    half = case.run()
    assert half.features.dtype == torch.float32
    assert_same(half, plain, 5e-2)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("sharpness", [0.1, 3.0, 300.0])
def test_shares_are_shares(pooling: Pooling, sharpness: float) -> None:
    case = Case(lengths=(1, 5, 3), pooling=pooling, sharpness=sharpness)
    got = case.run()
    torch.testing.assert_close(got.word_attention.sum(1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(got.word_maps.sum(1), torch.ones(3, 12, dtype=torch.float64))
    assert (got.word_attention >= 0).all() and (got.word_maps >= 0).all()
    assert got.word_attention[1].min() > 0


@pytest.mark.parametrize("pooling", POOLINGS)
@settings(max_examples=15, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    sharpness=st.sampled_from([0.1, 1.0, 4.0, 300.0]),
    seed=st.integers(0, 1000),
    where=st.floats(0, 1, exclude_max=True),
)
def test_the_attention_of_one_position_is_that_of_the_definition(
    pooling: Pooling, grid: tuple[int, int], lengths: tuple[int, ...], sharpness: float, seed: int, where: float
) -> None:
    case = Case(grid, lengths, pictures=len(lengths), pooling=pooling, sharpness=sharpness, seed=seed)
    position = int(where * grid[0] * grid[1])
    with torch.no_grad():
        got, maps = case.run_from(position), case.run().word_maps
        for k, length in enumerate(lengths):
            one = reference.attention(case.layer, case.visual[k], case.words[k, :length], case.coordinates)
            torch.testing.assert_close(got.places[k], one.places[position], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(got.words[k, :length], one.word_maps[:, position], rtol=1e-9, atol=1e-9)
            assert not got.words[k, length:].any()
    torch.testing.assert_close(got.words, maps[:, :, position], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got.places.sum(1), torch.ones(len(lengths), dtype=torch.float64))


def test_the_attention_of_a_pair_is_the_product_of_its_factors() -> None:
    """A single query word has the weight 1, so both marginals of its attention are seen as they are."""
    case = Case((2, 3), (1,), sharpness=3.0)
    with torch.no_grad():
        pairs = reference.attention(case.layer, case.visual[0], case.words[0], case.coordinates).pairs
        for position in range(6):
            got = case.run_from(position)
            torch.testing.assert_close(torch.outer(got.places[0], got.words[0]), pairs[position, 0])


def test_average_pooling_weighs_words_alike() -> None:
    attention = Case(lengths=(2, 4), pooling="average").run().word_attention
    assert attention.tolist() == [[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]


def test_unknown_pooling_is_refused() -> None:
    with pytest.raises(ValueError, match="pooling is 'sum', expected 'attention', 'average' or 'max'"):
        CrossModalSelfAttention(VISUAL, WORDS, 8, WIDTH, "sum")  # type: ignore[arg-type]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_no_words_at_all_are_refused(pooling: Pooling) -> None:
    layer = CrossModalSelfAttention(VISUAL, WORDS, 8, WIDTH, pooling, **DEVIATIONS)
    image = layer.encode(torch.randn(1, 4, VISUAL), coordinate_features(2, 2))
    with pytest.raises(ValueError, match="at least one word"):
        layer(image, torch.zeros(1, 0, WORDS), torch.zeros(1, 0, dtype=torch.bool))
