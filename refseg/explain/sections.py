"""The parts of a report, as markup. All texts of users, files and models are escaped here.

An *overlay* is a small image with a name (`id`): the script shows the one that was clicked over the large image;
without a script the link leads to it, and the style sheet enlarges it in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from refseg.explain.explanation import Explanation, WordLeftOut
from refseg.explain.heatmap import heatmap_html, unknown_mark
from refseg.explain.overlays import candidates_uri, changes_uri, map_uri
from refseg.explain.view import in_view_of
from refseg.explain.wording import level_names, signed, verdict
from refseg.image_encoding import legend_gradient, place_of_maximum
from refseg.inference.segmentation import Segmentation

Kind = Literal["mask", "map", "changes", "image"]


@dataclass(frozen=True)
class Overlay:
    """id: its anchor.  kind: which legend it needs.  uri: the image.  title: what it shows, plain text.  alt: the
    same for screen readers. top: the value of a map's brightest color."""

    id: str
    kind: Kind
    uri: str
    title: str
    alt: str
    top: float = 1.0

    def html(self, caption: str = "") -> str:
        """The small image, a link, with a caption of plain text."""
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return (
            f'<figure id="{self.id}" class="overlay" data-kind="{self.kind}" data-title="{escape(self.title)}"'
            f' data-top="{self.top:.2f}"><a href="#{self.id}"><img src="{self.uri}"'
            f' alt="{escape(self.alt)}"></a>{below}</figure>'
        )


def map_overlay(name: str, title: str, values: NDArray[np.floating], top: float = 1.0) -> Overlay:
    """A map (H, W) from 0 to `top`."""
    alt = (
        f"{title}: between {float(values.min()):.2f} and {float(values.max()):.2f}, highest {place_of_maximum(values)}"
    )
    return Overlay(name, "map", map_uri(values / top), title, alt, top)


def expression_html(answer: Segmentation) -> str:
    """The words as read, shaded by their attention on average over the levels; each links to its map on the level with
    most attention.
    """
    if answer.word_attention is None:
        return " ".join(f"<span{unknown_mark(word in answer.unknown)}>{escape(word)}</span>" for word in answer.tokens)
    shares = answer.word_attention.mean(0)
    most = answer.word_attention.argmax(0)
    top = float(shares.max()) or 1.0
    words = []
    for place, word in enumerate(answer.tokens):
        unknown = word in answer.unknown
        note = ", not in the vocabulary" if unknown else ""
        words.append(
            f'<a class="word{" rs-unknown" if unknown else ""}" style="--share:{shares[place] / top:.3f}"'
            f' href="#{word_map_id(most[place], place)}" title="{shares[place]:.2f} of the'
            f' attention{note}">{escape(word)}</a>'
        )
    return " ".join(words)


def word_notes_html(answer: Segmentation) -> str:
    """Notes about words that the model did not read: unknown words and words beyond the limit."""
    notes = []
    for word in answer.unknown:
        near = ", ".join(answer.suggestions.get(word, ()))
        notes.append(
            f"\u201c{word}\u201d is not in the model's vocabulary" + (f"; similar words: {near}." if near else ".")
        )
    if answer.dropped:
        notes.append(
            f"The expression is longer than the model's limit; not read: \u201c{' '.join(answer.dropped)}\u201d."
        )
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes)


def presence_html(answer: Segmentation) -> str:
    """The verdict as a sentence with a bar; "" if the model predicts no presence."""
    if answer.presence is None:
        return ""
    return (
        f'<p class="presence{" no-target" if answer.no_target else ""}"><span class="bar" aria-hidden="true"><i'
        f' style="width:{answer.presence:.1%}"></i></span>{escape(verdict(answer))}</p>'
    )


def attention_html(answer: Segmentation) -> str:
    """The table of word attention; each cell links to the map of its word on its level. "" for a model without it."""
    if answer.word_attention is None:
        return ""
    return heatmap_html(
        answer.tokens,
        answer.word_attention,
        answer.unknown,
        lambda level, word: ("a", f'href="#{word_map_id(level, word)}"'),
    )


def word_maps_html(small: Segmentation) -> str:
    """The attention maps of each word on each level, on one scale from 0 to the largest share. small: a reduced answer.
    "" for a model without word maps."""
    if small.word_maps is None:
        return ""
    names = level_names(len(small.word_maps))
    top = float(small.word_maps.max()) or 1.0
    rows = []
    for place, word in enumerate(small.tokens):
        overlays = [
            map_overlay(
                word_map_id(level, place),
                f"Attention map of \u201c{word}\u201d, {name}",
                small.word_map(level, place),
                top,
            )
            for level, name in enumerate(names)
        ]
        rows.append(f'<th scope="row"{unknown_mark(word in small.unknown)}>{escape(word)}</th>{_cells(overlays)}')
    return _maps_table(
        names, rows, f"The share of a position's attention on the word, from 0 (dark) to {top:.2f} (bright)."
    )


def system_maps_html(small: Segmentation) -> str:
    """The other maps that the model has, per level, such as gates. small: a reduced answer. "" for a model without
    any.
    """
    if not small.maps:
        return ""
    names = level_names(max(len(levels) for levels in small.maps.values()))
    rows, about = [], []
    for name, levels in small.maps.items():
        title, text = map_title(small, name)
        overlays = [
            map_overlay(f"{name}-{level}", f"{title}, {names[level]}", small.letterbox.inverse(values))
            for level, values in enumerate(levels)
        ]
        rows.append(f'<th scope="row">{escape(title.lower())}</th>{_cells(overlays)}')
        about.append(f"{title}: {text}")
    return _maps_table(names, rows, escape(" ".join(about)) + " From 0 (dark) to 1 (bright).")


def map_title(answer: Segmentation, name: str) -> tuple[str, str]:
    """Title and meaning of one of an answer's `maps`; the name itself and "" if the model does not describe it."""
    description = answer.map_descriptions.get(name)
    return (name.replace("_", " ").capitalize(), "") if description is None else (description.title, description.about)


def _cells(overlays: Sequence[Overlay]) -> str:
    return "".join(f"<td>{overlay.html()}</td>" for overlay in overlays)


def _maps_table(columns: Sequence[str], rows: Sequence[str], about: str) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<p class="about">{about}</p><table'
        f' class="maps"><thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def left_out_html(explanation: Explanation, small: Segmentation) -> str:
    """The words ranked by their effect. small: the reduced answer, at whose size the changes are
    shown.
    """
    before = small.mask(explanation.threshold)
    rows = []
    for rank, word in enumerate(explanation.ranked(), start=1):
        answer = word.segmentation
        after = np.zeros_like(before) if answer is None else in_view_of(answer, small).mask(explanation.threshold)
        title = f"Without \u201c{word.text}\u201d"
        alt = f"{title}: {_percent(before & ~after)} of the image are lost, {_percent(after & ~before)} are gained"
        overlay = Overlay(f"without-{word.word}", "changes", changes_uri(before, after), title, alt)
        rows.append(_left_out_row(rank, word, overlay))
    return (
        '<p class="about" id="about-words">The answer without the word: the change of the mask (1 \u2212 IoU) and of'
        ' the presence.</p><div class="rs-scroll" tabindex="0" role="region" aria-label="Words left out"><table'
        ' class="ranked" aria-describedby="about-words"><thead><tr><td></td><th scope="col">without</th><th'
        ' scope="col" class="wide">change</th><th scope="col" class="iou">IoU</th><th scope="col">presence</th><th'
        f' scope="col">pixels</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _left_out_row(rank: int, word: WordLeftOut, overlay: Overlay) -> str:
    alone = " <small>no word is left</small>" if word.segmentation is None else ""
    return (
        f'<tr data-overlay="{overlay.id}"><td>{rank}</td><th scope="row"><a'
        f' href="#{overlay.id}">{escape(word.text)}</a>{alone}</th><td class="wide"><span class="bar"'
        f' aria-hidden="true"><i style="width:{word.change:.1%}"></i></span>{word.change:.2f}</td><td'
        f' class="iou">{word.iou:.2f}</td><td>{signed(word.presence_change)}</td><td>{overlay.html()}</td></tr>'
    )


def candidates_html(explanation: Explanation, mask: str) -> str:
    """The separate pieces of the mask to choose from; "" if there is only one. mask: the image of the mask at
    the explanation's threshold.
    """
    candidates = explanation.candidates
    if len(candidates) < 2:
        return ""
    overlay = Overlay(
        "candidates",
        "mask",
        candidates_uri(candidates, mask, explanation.segmentation.image.shape[:2]),
        f"{len(candidates)} separate pieces",
        f"The mask with {len(candidates)} numbered frames",
    )
    items = "".join(f"<li>{one.score:.0%} probable on average, {one.share:.0%} of the mask</li>" for one in candidates)
    return f'<div class="beside">{overlay.html()}<ol>{items}</ol></div>'


def facts_html(facts: Mapping[str, str]) -> str:
    """Names and values, both plain text."""
    rows = [f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items()]
    return f'<dl class="facts">{"".join(rows)}</dl>'


def legends_html(kinds: Sequence[Kind] = ("mask", "map", "changes")) -> str:
    """One legend for each kind of overlay; the style sheet shows that of the current overlay."""
    legends = {
        "mask": '<span class="key mask">the mask</span>',
        "map": f'<span>0</span><i style="background:{legend_gradient()}"></i><span class="top">1</span>',
        "changes": (
            '<span class="key kept">kept</span><span class="key lost">lost without the word</span><span class="key'
            ' gained">gained without it</span>'
        ),
    }
    return "".join(f'<p class="legend" data-for="{kind}" aria-hidden="true">{legends[kind]}</p>' for kind in kinds)


def word_map_id(level: int, word: int) -> str:
    """Anchor of the map of a word on a level."""
    return f"map-{int(level)}-{int(word)}"


def _percent(mask: NDArray[np.bool_]) -> str:
    return f"{float(mask.mean()):.1%}"
