"""Selection: which of the proposed regions an expression means, or none of them.

Words and regions attend to each other in one sequence of T + N entries, so that "the man next to the dog" can depend on
the other regions.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refseg.models.layers.precision import at_least_float32
from refseg.models.layers.text import read_in_context
from refseg.models.regions.instance_masks import paste_masks
from refseg.models.regions.proposals import COLORS, GEOMETRY, Regions

HEADS, LAYERS, DROPOUT = 4, 3, 0.1
SIMILARITIES = 4
ASPECTS = 4  # appearance, name, geometry, colors
EVIDENCE = 3  # channels of `region_evidence`
PRESENCE_CUES = 3 + SIMILARITIES  # channels of `presence_cues`
MARGIN_CUE = 2  # which of them is a quarter of best - none
SHOWN = 8  # regions whose masks can show; those beyond the eighth best do not
OF_ONE, OF_SEVERAL = (
    4.0,
    0.5,
)  # how sharply the best region is preferred to the next, if one object is meant and if several are


class Selected(NamedTuple):
    """The choice of K expressions.

    logits (K, N + 1): over the regions and, last, "none of them".  category (K, C): logits of the detector's class that
    the expression names.  similarity (K, N, 4): how well each region's class fits that, see `RegionSelection`.  votes:
    the answers of the single selections, see `VotedSelection`.  several (K,): logit that more than one object is meant,
    see `NumberReader`; None for a network that does not read it.
    """

    logits: Tensor
    category: Tensor
    similarity: Tensor
    votes: "tuple[Selected, ...]" = ()
    several: Tensor | None = None


class DescribedRegions(NamedTuple):
    """The image's share of the selection.

    tokens (B, N, width).  aspects (B, N, 4, width / 2): to be compared with what the expression says of each.  names
    (B, N, E): in the space of the word table. classes and distribution (B, N, C): probability of each class, absolute
    and relative to the likeliest.
    """

    tokens: Tensor
    aspects: Tensor
    names: Tensor
    classes: Tensor
    distribution: Tensor

    def select(self, index: Tensor) -> "DescribedRegions":
        """The images `index` (K,), repeated as often as they are named."""
        return DescribedRegions(*(part.index_select(0, index) for part in self))


class TransformerLayer(nn.Module):
    """Self-attention and a two-layer network, each after a normalization and added to its input (pre-norm
    transformer).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm, self.network_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        """x (K, L, width), allowed (K, L) bool: entries that may be attended to."""
        k, length, width = x.shape
        q, key, value = (
            self.qkv(self.attention_norm(x)).view(k, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        )
        with torch.autocast(
            x.device.type, enabled=False
        ):  # on CPUs its bfloat16 backward pass takes four times as long
            q, key, value = (at_least_float32(part) for part in (q, key, value))
            attended = F.scaled_dot_product_attention(
                q, key, value, attn_mask=allowed[:, None, None, :]
            )  # (K, heads, L, width / heads)
        x = x + self._drop_path(self.output(attended.transpose(1, 2).reshape(k, length, width)))
        changed: Tensor = x + self._drop_path(self.network(self.network_norm(x)))
        return changed

    def _drop_path(self, branch: Tensor) -> Tensor:
        """Stochastic depth: in training the branch is left out for a tenth of the expressions. It regularizes as well
        as dropout, without a random number for every entry.
        """
        return branch * F.dropout(branch.new_ones(len(branch), 1, 1), DROPOUT, self.training)


class RegionSelection(nn.Module):
    """Word vectors and regions -> `Selected`. What depends on the images alone (`describe`) is computed once for all
    their expressions.

    The words are read by a small bidirectional GRU of its own. The class that an expression names is predicted first,
    as a distribution over the detector's classes: sum_n att_n (e_n + W h_n) compared with the class names, all in the
    space of the word table. The similarity of a region's class to that is given as log probability, as share of its
    class distribution, as the closest word to its name, and as the geometric mean of the first two.

    Besides, four aspects of each region (appearance, name, geometry, colors) are compared one by one with what the
    expression says of each, which a word attention of its own reads: the modules of Yu et al., "MAttNet" (CVPR 2018).
    They learn "left" and "red" fast; the sequence learns the rest.
    """

    def __init__(self, embedding: int, classes: int, appearance: int, width: int = 128) -> None:
        super().__init__()
        self.names = nn.Linear(classes, embedding, bias=False)  # column c: the name of class c as a vector
        self.reader = nn.GRU(embedding, width // 2, batch_first=True, bidirectional=True)
        read = embedding + width
        self.focus = nn.Linear(read, 1, bias=False)  # no bias: a softmax ignores what is added to all its entries
        self.topic = nn.Linear(read, embedding)
        self.topic_scale = nn.Parameter(torch.tensor(0.3))
        self.class_prior = nn.Parameter(torch.zeros(classes))
        self.word = nn.Linear(read, width)
        self.appearance = nn.Linear(appearance, width)
        self.name = nn.Linear(embedding, width)
        self.geometry = nn.Sequential(nn.Linear(GEOMETRY, width // 2), nn.GELU(), nn.Linear(width // 2, width))
        self.colors = nn.Sequential(nn.Linear(COLORS, width // 2), nn.GELU(), nn.Linear(width // 2, width))
        self.similarity = nn.Linear(SIMILARITIES, width)
        self.aspect = nn.ModuleList(nn.Linear(width, width // 2) for _ in range(ASPECTS))
        self.aspect_focus = nn.Linear(read, ASPECTS, bias=False)
        self.aspect_query = nn.ModuleList(nn.Linear(read, width // 2) for _ in range(ASPECTS))
        self.layers = nn.ModuleList(TransformerLayer(width) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(width)
        self.score, self.none = nn.Linear(width, 1), nn.Linear(width, 1)
        self.class_gain = nn.Parameter(torch.tensor(1.0))

    def __iter__(self) -> "Iterator[RegionSelection]":
        """The voters: itself alone, see `VotedSelection`."""
        yield self

    def describe(self, regions: Regions) -> DescribedRegions:
        """Everything measured of the regions of B images, as tokens."""
        distribution = regions.classes / regions.classes.amax(-1, keepdim=True).clamp_min(1e-4)
        names = self.names(distribution)  # (B, N, E)
        parts = [
            self.appearance(regions.appearance),
            self.name(names),
            self.geometry(regions.geometry),
            self.colors(regions.colors),
        ]
        # In training each aspect of each region is hidden at random, so that the choice does not rely on one alone.
        shown = F.dropout(parts[0].new_ones(*parts[0].shape[:2], 1, ASPECTS), DROPOUT, self.training).unbind(-1)
        kept = [part * keep for part, keep in zip(parts, shown, strict=True)]
        aspects = torch.stack([aspect(F.gelu(one)) for aspect, one in zip(self.aspect, kept, strict=True)], dim=2)
        return DescribedRegions(sum(kept[1:], kept[0]), aspects, names, regions.classes, distribution)

    def forward(self, embedded: Tensor, valid: Tensor, regions: DescribedRegions) -> Selected:
        """embedded (K, T, E) as looked up, valid (K, T), and the regions of the image that each expression is about."""
        words = self._read(embedded, valid)  # (K, T, E + width)
        attention = self.focus(words).squeeze(-1).masked_fill(~valid, float("-inf")).softmax(1)
        topic = torch.einsum("kt,kte->ke", attention, embedded + self.topic(words))
        category = self.topic_scale * topic @ self.names.weight + self.class_prior  # (K, C)

        named = category.softmax(-1)
        probability = torch.einsum("kc,knc->kn", named, regions.classes)
        share = torch.einsum("kc,knc->kn", named, regions.distribution)
        closest = F.normalize(regions.names, dim=-1) @ F.normalize(embedded, dim=-1).transpose(1, 2)  # (K, N, T)
        closest = closest.masked_fill(~valid.unsqueeze(1), -1).amax(-1)
        logarithm = (probability + 1e-3).log()
        similarity = torch.stack([logarithm / 2 + 1, share, closest, (share * probability + 1e-8).sqrt()], dim=-1)

        described = regions.tokens + self.similarity(similarity)
        x = torch.cat([self.word(words), described], dim=1)  # (K, T + N, width)
        allowed = torch.cat([valid, valid.new_ones(described.shape[:2])], dim=1)
        for layer in self.layers:
            x = layer(x, allowed)
        x = self.norm(x)
        read, chosen = x[:, : valid.shape[1]], x[:, valid.shape[1] :]
        expression = (read * valid.unsqueeze(-1)).sum(1) / valid.sum(1, keepdim=True).clamp_min(1)
        scores = (
            self.score(chosen).squeeze(-1)
            + self.class_gain * logarithm
            + self._agreement(words, valid, regions.aspects)
        )
        return Selected(torch.cat([scores, self.none(expression)], dim=1), category, similarity)

    def _agreement(self, words: Tensor, valid: Tensor, aspects: Tensor) -> Tensor:
        """Sum over the aspects of query . aspect / sqrt(width / 2), (K, N)."""
        attention = self.aspect_focus(words).masked_fill(~valid.unsqueeze(-1), float("-inf")).softmax(1)  # (K, T, 4)
        attended = torch.einsum("kta,ktc->kac", attention, words)
        queries = torch.stack(
            [aspect(one) for aspect, one in zip(self.aspect_query, attended.unbind(1), strict=True)], dim=1
        )  # (K, 4, width / 2)
        agreement: Tensor = torch.einsum("knac,kac->kn", aspects, queries) / queries.shape[-1] ** 0.5
        return agreement

    def _read(self, embedded: Tensor, valid: Tensor) -> Tensor:
        """Words with the states of the reader: each a unit vector, then scaled to a root mean square of 1 together."""
        states = read_in_context(self.reader, embedded, valid)
        both = torch.cat([F.normalize(embedded, dim=-1), F.normalize(states, dim=-1)], dim=-1)
        scaled: Tensor = both * (both.shape[-1] / 2) ** 0.5 * valid.unsqueeze(-1)
        return scaled


def region_evidence(selected: Selected, boxes: Tensor, masks: Tensor, image_size: int, cells: int) -> Tensor:
    """What the choice says about each position: (K, 3, cells, cells), all in 0..1.

    boxes (K, N, 4) and masks (K, N, 28, 28) of its regions. With pi = softmax(logits) and the sharpness s: the mask of
    the best region, or of several if they are as good, max_k m_k(p) (pi_k / max_j pi_j)^s; the same times the
    probability 1 - pi_none that there is one; and that probability itself. s lies between `OF_ONE` and `OF_SEVERAL`, by
    the probability that several objects are meant: if one is meant, a second region shows only if it is nearly as
    likely (0.84) as the best; if several are, a quarter is enough.
    """
    logits = selected.logits
    probability = at_least_float32(logits).softmax(-1)
    found = 1 - probability[:, -1]
    best, which = probability[:, :-1].topk(min(SHOWN, logits.shape[1] - 1), dim=1)  # (K, M)
    relative = (best / best[:, :1].clamp_min(1e-6)).clamp_min(1e-6)  # a root has no slope at 0
    weights = relative ** _sharpness(selected)
    rows = torch.arange(len(logits), device=logits.device).unsqueeze(1)
    pasted = paste_masks(masks[rows, which], boxes[rows, which], image_size, cells)  # (K, M, cells, cells)
    strongest = (pasted * weights[:, :, None, None]).amax(1)
    everywhere = found[:, None, None].expand_as(strongest)
    return torch.stack([strongest, strongest * everywhere, everywhere], dim=1)


def _sharpness(selected: Selected) -> Tensor:
    """The exponent s, (K, 1); without gradient, since the reader of number has a loss of its own."""
    if selected.several is None:
        return selected.logits.new_tensor(OF_ONE, dtype=torch.float32)
    several = at_least_float32(selected.several.detach()).sigmoid().unsqueeze(1)
    return OF_ONE + (OF_SEVERAL - OF_ONE) * several


def presence_cues(selected: Selected) -> Tensor:
    """(K, 7): best score, "none", their difference (all over 4), and the best similarity of each kind over
    the regions.
    """
    best, none = selected.logits[:, :-1].amax(1), selected.logits[:, -1]
    return torch.cat([torch.stack([best, none, best - none], dim=1) / 4, selected.similarity.amax(1)], dim=1)
