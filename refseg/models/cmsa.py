"""Cross-modal self-attention with word attention-aware pooling, Eq. 2-5, exact and without the (T*P) x (T*P) matrix.

Queries, keys and values are linear in f_pn, so each splits into a part of the position (vision and coordinates, with the bias) and a part of the
word: q_pn = qv_p + qe_n, and likewise k and x (the value). Then q_pn . k_p'n' = q_pn . kv_p' + q_pn . ke_n' and the softmax over all pairs
(p', n') is the product of two:

    a[(p,n),(p',n')] = alpha_pn(p') * beta_pn(n'),   alpha_pn = softmax_p'(q_pn . kv_p'),   beta_pn = softmax_n'(q_pn . ke_n')

and the pooled response sum_n a_n v^_pn collapses once more: with E = exp(Qv Kv^T - rowmax) of the picture alone, G = exp(Qe Kv^T - rowmax) and
Z = E G^T,

    sum_n a_n sum_p' alpha_pn(p') xv_p' = [E * ((a/Z) G)] Xv,

which costs O(P^2 (d + T)) instead of O(T^2 P^2 d). What depends on the picture alone (`ImageParts`) is computed once for any number of expressions.

Deviations from the paper: the attention that a word receives (Eq. 4) is divided by P before the softmax, as the plain sum would saturate it;
the logits carry a learnable scale, initially 1/sqrt(d); padded words are neither queries nor keys.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from refseg.models.features import at_least_float32

Pooling = Literal["attention", "average", "max"]

# Below this the product form loses terms to float32 underflow (and 1/Z^2 of its gradient overflows); such expressions take the log-domain path.
SMALLEST_NORMALISER = 1e-12


class ImageParts(NamedTuple):
    """The parts of Eq. 2 that depend on the picture alone.

    features (B, P, C_v + 8): [v ; s];  queries, keys, values (B, P, d);  exponentials (B, P, P): E = exp(logits - rowmax), rows are queries.
    """

    features: Tensor
    queries: Tensor
    keys: Tensor
    values: Tensor
    exponentials: Tensor

    def select(self, index: Tensor) -> "ImageParts":
        """The pictures `index` (K,), repeated as often as they are named; a single picture is broadcast instead of copied."""
        if len(self.features) == 1:
            return self
        return ImageParts(*(part.index_select(0, index) for part in self))


class Attended(NamedTuple):
    """features (K, P, C_v + C_l + 8): the pooled multimodal features f^;  word_attention (K, T): a of Eq. 4, rows sum to 1;
    word_maps (K, T, P): share sum_n a_n beta_pn(n') of its attention that position p pays to word n', sums to 1 over the words."""

    features: Tensor
    word_attention: Tensor
    word_maps: Tensor


class AttendedFrom(NamedTuple):
    """What one position p attends to, pooled over the words n of the query with the weights a_n of Eq. 4.

    words (K, T): sum_n a_n beta_pn(n'), rows sum to 1, padded words 0;  places (K, P): sum_n a_n alpha_pn(p'), rows sum to 1."""

    words: Tensor
    places: Tensor


class CrossModalSelfAttention(nn.Module):
    """One level of CMSA: visual features, words and coordinates in, pooled multimodal features out."""

    def __init__(self, visual: int, words: int, coordinates: int, width: int, pooling: Pooling = "attention") -> None:
        super().__init__()
        if pooling not in ("attention", "average", "max"):
            raise ValueError(f"pooling must be 'attention', 'average' or 'max', got {pooling!r}")
        self.pooling = pooling
        self.position_qkv = nn.Linear(visual + coordinates, 3 * width)
        self.word_qkv = nn.Linear(words, 3 * width, bias=False)
        self.output = nn.Linear(width, visual + words + coordinates)
        self.scale = nn.Parameter(torch.tensor(width**-0.5))
        self.visual = visual

    def encode(self, visual: Tensor, coordinates: Tensor) -> ImageParts:
        """visual (B, P, C_v) and coordinates (P, 8) -> `ImageParts`, at least float32 whatever the autocast."""
        with torch.autocast(visual.device.type, enabled=False):
            visual = at_least_float32(visual)
            features = torch.cat([visual, coordinates.to(visual.dtype).expand(len(visual), -1, -1)], dim=-1)
            q, k, x = self.position_qkv(features).chunk(3, dim=-1)
            q = q * self.scale
            return ImageParts(features, q, k, x, _peaked_at_one(q @ k.transpose(1, 2)))

    def forward(self, image: ImageParts, words: Tensor, valid: Tensor) -> Attended:
        """Attend from K expressions, words (K, T, C_l) and valid (K, T), to their pictures: `image` of K entries, or of one for all of them."""
        with torch.autocast(words.device.type, enabled=False):
            words = at_least_float32(words).masked_fill(~valid.unsqueeze(-1), 0)
            qe, ke, xe = self._word_parts(words)
            beta = self._word_softmax(image, qe, ke, valid)
            a = self._word_weights(beta, valid)
            if self.pooling == "max":
                return self._max_pooled(image, words, (qe, xe), beta, valid, a)
            shares = _pooled_words(a, beta)  # (K, P, T')
            pooled = self._pooled_positions(image, qe, a) + shares @ xe  # (K, P, d)
            features = self.output(pooled).add_(self._residual(image, torch.einsum("kn,knc->kc", a, words)))
            return Attended(features, a, shares.transpose(1, 2))

    def attention_from(self, image: ImageParts, words: Tensor, valid: Tensor, position: int) -> AttendedFrom:
        """Both factors of a[(p,n),(p',n')] for the queries of one position p, 0 <= p < P; arguments else as of `forward`.

        The same a_n are used whatever the pooling; with "max" they weigh nothing in the answer.
        """
        with torch.autocast(words.device.type, enabled=False):
            words = at_least_float32(words).masked_fill(~valid.unsqueeze(-1), 0)
            qe, ke, _ = self._word_parts(words)
            beta = self._word_softmax(image, qe, ke, valid)
            a = self._word_weights(beta, valid)
            alpha = ((image.queries[:, position].unsqueeze(1) + qe) @ image.keys.transpose(1, 2)).softmax(-1)  # (K, T, P)
            return AttendedFrom(torch.einsum("kn,knm->km", a, beta[:, :, position]), torch.einsum("kn,knp->kp", a, alpha))

    def _word_parts(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The words' share of queries (scaled), keys and values, (K, T, C_l) -> each (K, T, d)."""
        qe, ke, xe = self.word_qkv(words).chunk(3, dim=-1)
        return qe * self.scale, ke, xe

    def _word_softmax(self, image: ImageParts, qe: Tensor, ke: Tensor, valid: Tensor) -> Tensor:
        """beta (K, T, P, T'): softmax over the words n' of q_pn . ke_n'; zero for padded keys, of no meaning for padded queries n."""
        between_words = (qe @ ke.transpose(1, 2)).masked_fill(~valid.unsqueeze(1), float("-inf"))  # (K, T, T')
        return ((image.queries @ ke.transpose(1, 2)).unsqueeze(1) + between_words.unsqueeze(2)).softmax(-1)

    def _word_weights(self, beta: Tensor, valid: Tensor) -> Tensor:
        """a (K, T) over the words: softmax of the attention received (Eq. 4, divided by P), or uniform for average pooling."""
        if self.pooling == "average":
            return valid.to(beta.dtype) / valid.sum(1, keepdim=True)
        received = torch.einsum("kn,knm->km", valid.to(beta.dtype), beta.mean(2))  # (K, T'), mean 1 over valid words
        return received.masked_fill(~valid, float("-inf")).softmax(-1)

    def _pooled_positions(self, image: ImageParts, qe: Tensor, a: Tensor) -> Tensor:
        """sum_n a_n sum_p' alpha_pn(p') xv_p', shape (K, P, d), by the product form where float32 holds it."""
        g = _peaked_at_one(qe @ image.keys.transpose(1, 2))  # (K, T, P)
        z = image.exponentials @ g.transpose(1, 2)  # (K, P, T); at least 1 for padded words, whose qe is zero
        lost = z.flatten(1).amin(1) < SMALLEST_NORMALISER
        if not bool(lost.any()):
            return ((a.unsqueeze(1) / z) @ g * image.exponentials) @ image.values
        pooled = []
        for k in range(len(a)):
            one = image.select(torch.tensor([k], device=a.device))
            pieces = self._pooled_positions_exactly if bool(lost[k]) else self._pooled_positions
            pooled.append(pieces(one, qe[k : k + 1], a[k : k + 1]))
        return torch.cat(pooled)

    def _pooled_positions_exactly(self, image: ImageParts, qe: Tensor, a: Tensor) -> Tensor:
        """The same by one softmax per word in the log domain: T times the cost, safe for any logits."""
        return torch.stack([a[:, n, None, None] * self._positions_of_word(image, qe[:, n]) for n in range(qe.shape[1])]).sum(0)

    @staticmethod
    def _positions_of_word(image: ImageParts, qe_n: Tensor) -> Tensor:
        """sum_p' alpha_pn(p') xv_p' of one word, qe_n (K, d) -> (K, P, d)."""
        return ((image.queries + qe_n.unsqueeze(1)) @ image.keys.transpose(1, 2)).softmax(-1) @ image.values

    def _residual(self, image: ImageParts, word: Tensor) -> Tensor:
        """f_p of one (pooled) word, word (K, C_l) -> (K, P, C_v + C_l + 8) in the order of Eq. 1."""
        features = image.features.expand(len(word), -1, -1)
        v, s = features[..., : self.visual], features[..., self.visual :]
        return torch.cat([v, word.unsqueeze(1).expand(-1, v.shape[1], -1), s], dim=-1)

    def _max_pooled(
        self, image: ImageParts, words: Tensor, parts: tuple[Tensor, Tensor], beta: Tensor, valid: Tensor, a: Tensor
    ) -> Attended:
        """Maximum over the words of f^_pn, per channel: the per-word path."""
        qe, xe = parts
        features: Tensor | None = None
        for n in range(words.shape[1]):
            response = self._positions_of_word(image, qe[:, n]) + beta[:, n] @ xe
            f_n = self.output(response) + self._residual(image, words[:, n])
            f_n = f_n.masked_fill(~valid[:, n, None, None], float("-inf"))
            features = f_n if features is None else torch.maximum(features, f_n)
        if features is None:
            raise ValueError(f"words must hold at least one word, got shape {tuple(words.shape)}")
        return Attended(features, a, _pooled_words(a, beta).transpose(1, 2))


def _peaked_at_one(logits: Tensor) -> Tensor:
    """exp(logits - rowmax), in place of the logits: the largest entry of each row is 1. The maximum cancels, so no gradient goes through it."""
    return logits.sub_(logits.detach().amax(-1, keepdim=True)).exp_()


def _pooled_words(a: Tensor, beta: Tensor) -> Tensor:
    """sum_n a_n beta_pn(n'): a (K, T) and beta (K, T, P, T') -> (K, P, T'), rows sum to 1."""
    return (a.unsqueeze(1) @ beta.flatten(2)).view(len(a), *beta.shape[2:])
