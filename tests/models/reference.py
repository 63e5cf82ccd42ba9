"""The judge: Eq. 1-6 and 9-11 as they are written, every f_pn and every pair of attention materialised. Slow, and meant
to be obviously right.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from refseg.models.cmsa.attention import CrossModalSelfAttention
from refseg.models.cmsa.cross_frame import CrossFrameSelfAttention
from refseg.models.cmsa.fusion import GatedFusion


class Response(NamedTuple):
    """features (P, C_v + C_l + 8);  word_attention (T,);  word_maps (T, P);  pairs (P, T, P, T): a[(p,n),(p',n')];
    places (P, P): sum_n a_n sum_n' a[(p,n),(p',n')]."""

    features: Tensor
    word_attention: Tensor
    word_maps: Tensor
    pairs: Tensor
    places: Tensor


def multimodal_features(visual: Tensor, words: Tensor, coordinates: Tensor) -> Tensor:
    """Eq. 1: visual (P, C_v), words (T, C_l), coordinates (P, 8) -> f (P, T, C_v + C_l + 8)."""
    return torch.stack(
        [torch.stack([torch.cat([v, e, s]) for e in words]) for v, s in zip(visual, coordinates, strict=True)]
    )


def attention(layer: CrossModalSelfAttention, visual: Tensor, words: Tensor, coordinates: Tensor) -> Response:
    """One picture and one expression without padding, visual (P, C_v), words (T, C_l)."""
    f = multimodal_features(visual, words, coordinates)
    positions, count, _ = f.shape
    # Eq. 2: q, k and x are linear in the whole of f_pn
    position, word = layer.position_qkv.weight, layer.word_qkv.weight
    weight = torch.cat([position[:, : layer.visual], word, position[:, layer.visual :]], dim=1)
    q, k, x = (f.flatten(0, 1) @ weight.T + bias_of(layer.position_qkv)).chunk(3, dim=-1)  # each (P*T, d)
    # Eq. 3: the softmax of each query runs over all keys
    a = torch.softmax(scale_of(layer) * q @ k.T, dim=1)  # (P*T, P*T)
    response = ((a @ x) @ layer.output.weight.T + bias_of(layer.output)).view(positions, count, -1) + f  # f^_pn
    # Eq. 4: what each word receives, from all queries and at all positions; divided by P where the layer does so
    pairs = a.view(positions, count, positions, count)
    received = pairs.sum((0, 1, 2)) / (positions if layer.mean_received else 1)
    attended = torch.softmax(received, dim=0) if layer.pooling != "average" else torch.full_like(received, 1 / count)
    # Eq. 5, or the mean or the maximum over the words
    pooled = response.amax(1) if layer.pooling == "max" else (attended[:, None] * response).sum(1)
    maps = (attended[None, :, None] * pairs.sum(2)).sum(1).T
    places = (attended[None, :, None] * pairs.sum(3)).sum(1)
    return Response(pooled, attended, maps, pairs, places)


def fusion(
    layer: GatedFusion, levels: Sequence[Tensor], sentences: Sequence[Tensor] = ()
) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 6 position by position, levels of (C, h, w) -> features (X, h, w), memory and reset gates (L, h, w);
    sentences (C_l,) for a modulated one.
    """
    gains = [torch.ones(())] * len(levels)
    if layer.modulate is not None:
        gains = [
            1 + torch.tanh(scale.weight @ e + scale.bias) for scale, e in zip(layer.modulate, sentences, strict=True)
        ]
    _, h, w = levels[0].shape
    features = torch.empty(layer.project[0].out_channels, h, w)
    memory, reset = torch.empty(2, len(levels), h, w)
    for y in range(h):
        for x in range(w):
            inputs = [
                gain * (project.weight[:, :, 0, 0] @ f[:, y, x] + project.bias)
                for project, f, gain in zip(layer.project, levels, gains, strict=True)
            ]
            m = [
                torch.sigmoid(gate.weight.flatten() @ own + gate.bias)[0]
                for gate, own in zip(layer.memory, inputs, strict=True)
            ]
            r = [
                torch.sigmoid(gate.weight.flatten() @ own + gate.bias)[0]
                for gate, own in zip(layer.reset, inputs, strict=True)
            ]
            total = torch.zeros(len(inputs[0]))
            for i, own in enumerate(inputs):
                others = sum(layer.gamma[j] * m[j] * inputs[j] for j in range(len(inputs)) if j != i)
                g = (1 - m[i]) * own + others
                total = total + r[i] * torch.tanh(g) + (1 - r[i]) * own
            features[:, y, x], memory[:, y, x], reset[:, y, x] = total, torch.stack(m), torch.stack(r)
    return features, memory, reset


def cross_frame(layer: CrossFrameSelfAttention, visual: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Eq. 9-11 over one window of frames, visual (F, P, C_v) -> V^ (P, C_v) and the frames' weights (F,), position by
    position.
    """
    frames, positions, _ = visual.shape
    coarse = torch.stack([_means(frame, grid, layer.stride) for frame in visual])  # (F, P', C_v)
    (wk, wx), (bk, bx) = layer.key_value.weight.chunk(2), bias_of(layer.key_value).chunk(2)
    keys, values = [frame @ wk.T + bk for frame in coarse], [frame @ wx.T + bx for frame in coarse]
    response, received = torch.zeros(frames, positions, layer.width).to(visual), torch.zeros(frames).to(visual)
    for t in range(frames):
        for p in range(positions):
            query = layer.query.weight @ visual[t, p] + bias_of(layer.query)
            logits = torch.stack([scale_of(layer) * query @ key for frame in keys for key in frame])
            a = torch.softmax(logits, dim=0).view(frames, -1)  # Eq. 9: one softmax over all keys of all frames
            response[t, p] = sum(a[u] @ values[u] for u in range(frames))
            received += a.sum(1)
    weights = torch.softmax(received / (positions if layer.mean_received else 1), dim=0)  # Eq. 10
    return sum(weights[t] * response[t] for t in range(frames)) @ layer.output.weight.T, weights  # Eq. 11


def bias_of(linear: nn.Linear) -> Tensor:
    """The bias, zero for a layer without one."""
    return linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias


def scale_of(layer: CrossModalSelfAttention | CrossFrameSelfAttention) -> Tensor:
    """The factor of the logits, 1 for a layer without one."""
    return torch.ones((), dtype=layer.output.weight.dtype) if layer.scale is None else layer.scale


def _means(frame: Tensor, grid: tuple[int, int], stride: int) -> Tensor:
    """Cell by cell: the mean of each stride x stride block of positions."""
    h, w = grid
    rows = [
        torch.stack([frame[(y + j) * w + x + i] for j in range(stride) for i in range(stride)]).mean(0)
        for y in range(0, h, stride)
        for x in range(0, w, stride)
    ]
    return torch.stack(rows)
