"""Cross-modal self-attention with word attention-aware pooling, Eq. 2-5, exact and without the (T*P) x (T*P) matrix.

Queries, keys and values are linear in f_pn (Eq. 2), so each splits into a part of the position (vision and coordinates,
with the bias) and a part of the word: q_pn = qv_p + qe_n, and likewise k and x (the value). Then q_pn . k_p'n' = q_pn .
kv_p' + q_pn . ke_n', and the softmax of Eq. 3 over all pairs (p', n') is the product of two:

    a[(p,n),(p',n')] = alpha_pn(p') * beta_pn(n'),
    alpha_pn = softmax_p'(q_pn . kv_p'),   beta_pn = softmax_n'(q_pn . ke_n').

The pooled response sum_n a_n v^_pn collapses once more. With E = exp(Qv Kv^T - rowmax), which depends on the image
alone, G = exp(Qe Kv^T - rowmax) and Z = E G^T,

    sum_n a_n sum_p' alpha_pn(p') xv_p' = [E * ((a/Z) G)] Xv,

which costs O(P^2 (d + T)) instead of O(T^2 P^2 d). The words collapse in the same way: with A = exp(Qv Ke^T - rowmax),
B = exp(Qe Ke^T - rowmax), N = A B^T,

    sum_n a_n beta_pn(n') = [A * ((a/N) B)],   sum_p beta_pn(n') = B * [(1/N)^T A].

What depends on the image alone (`ImageParts`) is computed once for any number of expressions.

The normalization of Eq. 3. The paper writes a softmax "performed over each row": it runs over the keys (p', n') of each
query (p, n), so that what one query pays sums to 1. Eq. 4 then sums what each word n' *receives* from all queries. The
other reading, a softmax over the queries (p, n) of each key, would make what each key receives sum to 1; Eq. 4 would
give every word the same P, and the attention a would be the constant 1/T whatever the image.

Options, each a deviation from the paper (docs/deviations.md): `biases` of the linear maps; `scaled`, a learnable factor
of the logits that starts at 1/sqrt(d); `mean_received`, Eq. 4 divided by P, as the plain sum, of mean P over the words,
saturates the softmax. In every configuration padded words are neither queries nor keys, so padding changes no answer.
"""

from functools import reduce
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.precision import at_least_float32

Pooling = Literal["attention", "average", "max"]

# Below this the product form loses terms to float32 underflow (and 1/Z^2 of its gradient overflows); such expressions
# take the log-domain path.
SMALLEST_NORMALIZER = 1e-12


class ImageParts(NamedTuple):
    """The parts of Eq. 2 that depend on the image alone.

    features (B, P, C_v + 8): [v ; s];  queries, keys, values (B, P, d);  exponentials (B, P, P): E = exp(logits -
    rowmax), rows are queries.
    """

    features: Tensor
    queries: Tensor
    keys: Tensor
    values: Tensor
    exponentials: Tensor

    def select(self, index: Tensor) -> "ImageParts":
        """The images `index` (K,), repeated as often as they are named; a single image is broadcast instead
        of copied.
        """
        if len(self.features) == 1:
            return self
        return ImageParts(*(part.index_select(0, index) for part in self))

    def split(self, together: int, count: int) -> "list[ImageParts]":
        """The images of `count` expressions in parts of `together`, as views; the single image for all of them."""
        if len(self.features) == 1:
            return [self] * -(-count // together)
        return [ImageParts(*parts) for parts in zip(*(part.split(together) for part in self), strict=True)]


class Attended(NamedTuple):
    """features (K, P, C_v + C_l + 8): the pooled multimodal features f^, or (K, P, X) of their projection;
    word_attention (K, T): a of Eq. 4, rows sum to 1; word_maps (K, T, P): share sum_n a_n beta_pn(n') of its attention
    that position p pays to word n', sums to 1 over the words."""

    features: Tensor
    word_attention: Tensor
    word_maps: Tensor


class PositionAttention(NamedTuple):
    """What one position p attends to, pooled over the words n of the query with the weights a_n of Eq. 4.

    words (K, T): sum_n a_n beta_pn(n'), rows sum to 1, padded words 0;  places (K, P): sum_n a_n alpha_pn(p'), rows sum
    to 1."""

    words: Tensor
    places: Tensor


class CrossModalSelfAttention(nn.Module):
    """One level of CMSA: visual features, words and coordinates in, pooled multimodal features out."""

    def __init__(
        self,
        visual: int,
        words: int,
        coordinates: int,
        width: int,
        pooling: Pooling = "attention",
        *,
        biases: bool = False,
        scaled: bool = False,
        mean_received: bool = False,
    ) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise ValueError(f"pooling is {pooling!r}, expected 'attention', 'average' or 'max'")
        self.pooling, self.mean_received, self.visual = pooling, mean_received, visual
        self.position_qkv = nn.Linear(visual + coordinates, 3 * width, bias=biases)
        self.word_qkv = nn.Linear(words, 3 * width, bias=False)
        self.output = nn.Linear(width, visual + words + coordinates, bias=biases)
        self.scale = nn.Parameter(torch.tensor(width**-0.5)) if scaled else None

    def encode(self, visual: Tensor, coordinates: Tensor) -> ImageParts:
        """visual (B, P, C_v) and coordinates (P, 8) -> `ImageParts`, at least float32 whatever the autocast."""
        with torch.autocast(visual.device.type, enabled=False):
            visual = at_least_float32(visual)
            features = torch.cat([visual, coordinates.to(visual.dtype).expand(len(visual), -1, -1)], dim=-1)
            q, k, x = self.position_qkv(features).chunk(3, dim=-1)
            q = self._scaled(q)
            return ImageParts(features, q, k, x, _peaked_at_one(q @ k.transpose(1, 2)))

    def forward(self, image: ImageParts, words: Tensor, valid: Tensor, projection: nn.Conv2d | None = None) -> Attended:
        """Attend from K expressions, words (K, T, C_l) and valid (K, T), to their images: `image` of K entries, or of
        one for all of them.

        projection: W_x of Eq. 6, 1 x 1, to be applied to f^. It is linear after linear: the wide f^ need not be made at
        all.
        """
        with torch.autocast(words.device.type, enabled=False):
            words = at_least_float32(words).masked_fill(~valid.unsqueeze(-1), 0)
            qe, ke, xe = self._word_parts(words)
            a, shares = self._attended_words(image, qe, ke, valid)
            if self.pooling == "max":
                beta = self._word_softmax(image.queries, qe, ke, valid)
                features = self._max_pooled(image, words, (qe, xe), beta, valid)
                if projection is not None:
                    features = F.linear(features, projection.weight[:, :, 0, 0], projection.bias)
            else:
                pooled = self._pooled_positions(image, qe, a) + shares @ xe  # (K, P, d)
                features = self._with_residual(pooled, image, torch.einsum("kn,knc->kc", a, words), projection)
            return Attended(features, a, shares.transpose(1, 2))

    def attention_from(self, image: ImageParts, words: Tensor, valid: Tensor, position: int) -> PositionAttention:
        """Both factors of a[(p,n),(p',n')] for the queries of one position p, 0 <= p < P; arguments else as of
        `forward`.

        The same a_n are used whatever the pooling; with "max" they weigh nothing in the answer.
        """
        with torch.autocast(words.device.type, enabled=False):
            words = at_least_float32(words).masked_fill(~valid.unsqueeze(-1), 0)
            qe, ke, _ = self._word_parts(words)
            a, _ = self._attended_words(image, qe, ke, valid)
            query = image.queries[:, position : position + 1]  # (K, 1, d)
            alpha = ((query + qe) @ image.keys.transpose(1, 2)).softmax(-1)  # (K, T, P)
            beta = self._word_softmax(query, qe, ke, valid)  # (K, T, 1, T')
            return PositionAttention(_pooled_words(a, beta).squeeze(1), torch.einsum("kn,knp->kp", a, alpha))

    def _scaled(self, queries: Tensor) -> Tensor:
        return queries if self.scale is None else queries * self.scale

    def _word_parts(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The words' share of queries (scaled), keys and values, (K, T, C_l) -> each (K, T, d). Raises ValueError for
        no words at all.
        """
        if not words.shape[1]:
            raise ValueError(f"words must hold at least one word, got shape {tuple(words.shape)}")
        qe, ke, xe = self.word_qkv(words).chunk(3, dim=-1)
        return self._scaled(qe), ke, xe

    def _attended_words(self, image: ImageParts, qe: Tensor, ke: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """a (K, T), see `_word_weights`, and sum_n a_n beta_pn(n') (K, P, T'), whose rows sum to 1, by the product form
        where float32 holds it.
        """
        padded = ~valid.unsqueeze(1)
        by_position = _peaked_at_one(
            (image.queries @ ke.transpose(1, 2)).masked_fill(padded, float("-inf"))
        )  # A (K, P, T')
        by_word = _peaked_at_one((qe @ ke.transpose(1, 2)).masked_fill(padded, float("-inf")))  # B (K, T, T')
        normalizer = by_position @ by_word.transpose(1, 2)  # N (K, P, T)
        if bool(normalizer.amin() < SMALLEST_NORMALIZER):
            beta = self._word_softmax(image.queries, qe, ke, valid)
            a = self._word_weights(beta.mean(2), valid, beta.shape[2])
            return a, _pooled_words(a, beta)
        inverse = normalizer.reciprocal()
        paid = by_word * (inverse.transpose(1, 2) @ by_position) / inverse.shape[1]
        a = self._word_weights(paid, valid, inverse.shape[1])
        return a, by_position * ((a.unsqueeze(1) * inverse) @ by_word)

    @staticmethod
    def _word_softmax(queries: Tensor, qe: Tensor, ke: Tensor, valid: Tensor) -> Tensor:
        """beta (K, T, P, T') of queries (K, P, d): softmax over the words n' of q_pn . ke_n'; zero for padded keys, of
        no meaning for padded queries n.
        """
        between_words = (qe @ ke.transpose(1, 2)).masked_fill(~valid.unsqueeze(1), float("-inf"))  # (K, T, T')
        return ((queries @ ke.transpose(1, 2)).unsqueeze(1) + between_words.unsqueeze(2)).softmax(-1)

    def _word_weights(self, paid: Tensor, valid: Tensor, positions: int) -> Tensor:
        """a (K, T): softmax of the attention that each word receives from all queries (Eq. 4), or uniform for average
        pooling.

        paid (K, T, T'): what the queries of word n pay to word n' on average, (1/P) sum_p beta_pn(n')."""
        if self.pooling == "average":
            return valid.to(paid.dtype) / valid.sum(1, keepdim=True)
        received = torch.einsum("kn,knm->km", valid.to(paid.dtype), paid)  # (K, T'), mean 1 over valid words
        if not self.mean_received:
            received = received * positions
        return received.masked_fill(~valid, float("-inf")).softmax(-1)

    def _pooled_positions(self, image: ImageParts, qe: Tensor, a: Tensor) -> Tensor:
        """sum_n a_n sum_p' alpha_pn(p') xv_p', shape (K, P, d), by the product form where float32 holds it."""
        g = _peaked_at_one(qe @ image.keys.transpose(1, 2))  # (K, T, P)
        # One product for a single image; at least 1 for padded words, whose qe is zero.
        z = g @ image.exponentials.squeeze(0).mT  # (K, T, P)
        lost = (z.flatten(1).amin(1) < SMALLEST_NORMALIZER).tolist()
        weights = (a.unsqueeze(-1) / z).mT  # (K, P, T)
        # The P x P matrix of one expression stays in a CPU's cache, those of all do not: one by one takes half the
        # time. Gradients keep them all.
        together = 1 if any(lost) or (a.is_cpu and not torch.is_grad_enabled()) else len(a)
        pooled = []
        for start, part in zip(range(0, len(a), together), image.split(together, len(a)), strict=True):
            some = slice(start, start + together)
            if lost[start]:
                pooled.append(self._pooled_positions_exactly(part, qe[some], a[some]))
            else:
                pooled.append(_times(weights[some] @ g[some], part.exponentials) @ part.values)
        return torch.cat(pooled)

    def _pooled_positions_exactly(self, image: ImageParts, qe: Tensor, a: Tensor) -> Tensor:
        """The same by one softmax per word in the log domain: T times the cost, safe for any logits."""
        return torch.stack(
            [a[:, n, None, None] * self._positions_of_word(image, qe[:, n]) for n in range(qe.shape[1])]
        ).sum(0)

    @staticmethod
    def _positions_of_word(image: ImageParts, qe_n: Tensor) -> Tensor:
        """sum_p' alpha_pn(p') xv_p' of one word, qe_n (K, d) -> (K, P, d)."""
        return ((image.queries + qe_n.unsqueeze(1)) @ image.keys.transpose(1, 2)).softmax(-1) @ image.values

    def _with_residual(
        self, response: Tensor, image: ImageParts, word: Tensor, projection: nn.Conv2d | None = None
    ) -> Tensor:
        """f^ = W response + b + f_p of one (pooled) word, or its projection: response (K, P, d), word (K, C_l) -> (K,
        P, C), in the order of Eq. 1.
        """
        position = image.features
        weight: Tensor = self.output.weight
        bias: Tensor = weight.new_zeros(len(weight)) if self.output.bias is None else self.output.bias
        begin, end = self.visual, self.visual + word.shape[1]  # of the word among the channels of f_p
        if projection is None:
            space = word.new_zeros(*position.shape[:2], end - begin)
            position = torch.cat([position[..., :begin], space, position[..., begin:]], dim=-1)
            word = F.pad(word, (begin, len(weight) - end))
        else:
            narrow = projection.weight[:, :, 0, 0]  # (X, C)
            position = position @ torch.cat([narrow[:, :begin], narrow[:, end:]], dim=1).T
            word = word @ narrow[:, begin:end].T
            weight, bias = narrow @ weight, F.linear(bias, narrow, projection.bias)
        features = position + (word + bias).unsqueeze(
            1
        )  # (K, P, C), by far the largest here: the product is added in place
        return features.flatten(0, 1).addmm_(response.flatten(0, 1), weight.T).view_as(features)

    def _max_pooled(
        self, image: ImageParts, words: Tensor, parts: tuple[Tensor, Tensor], beta: Tensor, valid: Tensor
    ) -> Tensor:
        """Maximum over the words of f^_pn, per channel: the per-word path. (K, P, C_v + C_l + 8)."""
        qe, xe = parts

        def of_word(n: int) -> Tensor:
            response = self._positions_of_word(image, qe[:, n]) + beta[:, n] @ xe
            f_n = self._with_residual(response, image, words[:, n])
            return f_n.masked_fill(~valid[:, n, None, None], float("-inf"))

        return reduce(torch.maximum, (of_word(n) for n in range(words.shape[1])))


def _peaked_at_one(logits: Tensor) -> Tensor:
    """exp(logits - rowmax), in place of the logits: the largest entry of each row is 1. The maximum cancels, so no
    gradient goes through it.
    """
    return logits.sub_(logits.detach().amax(-1, keepdim=True)).exp_()


def _times(first: Tensor, second: Tensor) -> Tensor:
    """The product, in place of the first where no gradient needs it."""
    return first * second if torch.is_grad_enabled() else first.mul_(second)


def _pooled_words(a: Tensor, beta: Tensor) -> Tensor:
    """sum_n a_n beta_pn(n'): a (K, T) and beta (K, T, P, T') -> (K, P, T'), rows sum to 1."""
    return (a.unsqueeze(1) @ beta.flatten(2)).view(len(a), *beta.shape[2:])
