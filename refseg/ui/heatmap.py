"""The levels x words heatmap of Eq. 4 as an accessible table: colours to see, numbers to hover, focus and read aloud."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from refseg.explain.wording import level_names


def heatmap_html(words: Sequence[str], attention: NDArray[np.floating], unknown: Sequence[str] = ()) -> str:
    """attention (L, T): a of Eq. 4, each row sums to 1.  words: the T tokens.  unknown: those read as "unknown word".

    The shade is the share divided by the largest share in the table.  Raises ValueError when the sizes differ.
    """
    if attention.ndim != 2 or attention.shape[1] != len(words):
        raise ValueError(f"attention of shape (levels, {len(words)}) expected for {len(words)} words, got {attention.shape}")
    top = float(attention.max(initial=0.0)) or 1.0
    heads = "".join(_head(word, word in unknown) for word in words)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(_cell((level, place), word, float(value), top) for place, (word, value) in row)}</tr>'
        for level, name in enumerate(level_names(len(attention)))
        for row in [enumerate(zip(words, attention[level], strict=True))]
    )
    return (
        '<div class="rs-scroll" tabindex="0" role="region" aria-label="Attention per word and level"><table class="rs-heatmap">'
        "<caption>How much each word counted at each level; a row sums to 1</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _head(word: str, unknown: bool) -> str:
    mark = ' class="rs-unknown" title="not in the vocabulary"' if unknown else ""
    return f'<th scope="col"{mark}>{escape(word)}</th>'


def _cell(where: tuple[int, int], word: str, value: float, top: float) -> str:
    share = max(0.0, value / top)
    strong = " rs-strong" if share > 0.6 else ""
    place = f'role="button" tabindex="0" data-level="{where[0]}" data-word="{where[1]}"'
    return (
        f'<td class="rs-cell{strong}" {place} style="--share:{share:.3f}" title="{escape(word)}: {value:.3f}"><span>{value:.2f}</span></td>'
    )
