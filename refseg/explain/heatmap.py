"""The levels x words heatmap of Eq. 4 as an accessible table: colors, and numbers for the pointer, the keyboard
and screen readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from refseg.explain.wording import level_names

Control = Callable[[int, int], tuple[str, str]]


def heatmap_html(
    words: Sequence[str], attention: NDArray[np.floating], unknown: Sequence[str], control: Control
) -> str:
    """attention (L, T): a of Eq. 4, each row sums to 1.  words: the T tokens.  unknown: those that are not in the
    vocabulary. control: of a level and a word, the element that shows its map: its tag and its attributes, which are
    trusted.

    The shade is the share divided by the largest share in the table. Raises ValueError when the sizes differ.
    """
    if attention.ndim != 2 or attention.shape[1] != len(words):
        raise ValueError(
            f"attention of shape (levels, {len(words)}) expected for {len(words)} words, got {attention.shape}"
        )
    top = float(attention.max(initial=0.0)) or 1.0
    heads = "".join(f'<th scope="col"{unknown_mark(word in unknown)}>{escape(word)}</th>' for word in words)
    rows = []
    for level, name in enumerate(level_names(len(attention))):
        cells = "".join(
            _cell(word, float(attention[level, place]), top, *control(level, place)) for place, word in enumerate(words)
        )
        rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
    return (
        '<div class="rs-scroll" tabindex="0" role="region" aria-label="Attention per word and level"><table'
        ' class="rs-heatmap" aria-describedby="rs-shares">'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        '<p class="rs-aside" id="rs-shares">The share of the attention that each word receives on each level; a row'
        " sums to 1 (Eq. 4).</p>"
    )


def unknown_mark(unknown: bool) -> str:
    """Attributes of an element that shows a word that may be missing in the vocabulary."""
    return ' class="rs-unknown" title="not in the vocabulary"' if unknown else ""


def _cell(word: str, value: float, top: float, tag: str, attributes: str) -> str:
    share = max(0.0, value / top)
    strong = " rs-strong" if share > 0.6 else ""
    return (
        f'<td class="rs-cell{strong}" style="--share:{share:.3f}">'
        f'<{tag} {attributes} title="{escape(word)}: {value:.3f}">{value:.2f}</{tag}></td>'
    )
