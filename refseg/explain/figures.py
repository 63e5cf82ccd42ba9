"""Figures for papers and slides: the words x levels heatmap of Eq. 4, leave-one-out, and a sheet of all maps; as PNG,
SVG or PDF.

Figures are built with matplotlib's objects, without pyplot, which keeps figures in memory and may need a display. The
same values result in the same file, byte for byte, on the same machine: files have no date and no random name. Text is
stored as text and never parsed as markup.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.explain.sections import map_title
from refseg.explain.view import reduced
from refseg.explain.wording import level_names, signed
from refseg.files import replacing
from refseg.image_encoding import colorized
from refseg.rendering import overlay

if TYPE_CHECKING:
    from refseg.explain.explanation import Explanation
    from refseg.inference.segmentation import Segmentation

FORMATS: dict[str, dict[str, Any]] = {  # metadata of each: the program, and no date
    "png": {"Software": "refseg"},
    "svg": {"Creator": "refseg", "Date": None},
    "pdf": {"Creator": "refseg", "Producer": None, "CreationDate": None},
}
RESOLUTION = 200  # pixels an inch in PNG, and of images in the others
SHADES = LinearSegmentedColormap.from_list("shades", ["#f5f5f4", "#0f766e"])
INK, SUBDUED, GRAY, UNKNOWN = "#1c1917", "#57534e", "#d6d3d1", "#b45309"
MAP_SIZE = 320  # longest side, in pixels, of a map on the sheet: the network's grid has at most 64 cells
UPRIGHT, MOST_LETTERS = 10, 24  # letters of a word that fits above its column, and of one that is not shortened

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "refseg",
    "pdf.fonttype": 42,
    "text.usetex": False,
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.linewidth": 0.6,
}
_STYLED = threading.Lock()  # settings belong to the process


def attention_figure(words: Sequence[str], attention: NDArray[np.floating], unknown: Sequence[str] = ()) -> Figure:
    """The heatmap of Eq. 4 as the paper shows it: a row for each level, a column for each word, each row of sum 1.

    words: the T tokens.  attention (L, T): a of Eq. 4.  unknown: words that are not in the vocabulary, in another color
    and with a note. Shades run from 0 to the largest share in the table. Raises ValueError when the sizes
    differ.
    """
    if attention.ndim != 2 or attention.shape[1] != len(words) or not attention.size:
        raise ValueError(
            f"attention of shape (levels, {len(words)}) expected for {len(words)} words, got {attention.shape}"
        )
    levels, count = attention.shape
    top = float(attention.max()) or 1.0
    slanted = max(map(len, words)) > UPRIGHT
    with _styled():
        figure = Figure(
            figsize=(1.9 + 0.62 * max(count, 3), 0.75 + 0.42 * levels + (1.1 if slanted else 0)), layout="constrained"
        )
        axes = figure.add_subplot()
        image = axes.imshow(attention, cmap=SHADES, vmin=0, vmax=top, aspect="auto")
        _table_axes(axes, words, level_names(levels), slanted)
        for label, word in zip(axes.get_xticklabels(), words, strict=True):
            label.set_color(UNKNOWN if word in unknown else INK)
        for (row, column), share in np.ndenumerate(attention):
            axes.text(
                column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.6 * top else INK
            )
        _finish_bar(figure.colorbar(image, ax=axes, aspect=30, pad=0.015), "share of the attention")
        if unknown_words := [word for word in dict.fromkeys(words) if word in unknown]:
            figure.supxlabel(
                f"not in the vocabulary: {', '.join(map(_shortened, unknown_words))}",
                fontsize=8,
                color=UNKNOWN,
                parse_math=False,
            )
    return figure


def left_out_figure(explanation: Explanation) -> Figure:
    """Leave-one-out, ranked: for each word how much of the mask changes without it (1 - IoU, 0..1, a bar) and the
    change in presence (a number).
    """
    ranked = explanation.ranked()
    with _styled():
        figure = Figure(figsize=(5.4, 0.9 + 0.32 * len(ranked)), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(ranked))
        axes.barh(places, [word.change for word in ranked], color=SHADES(1.0), height=0.62)
        for place, word in enumerate(ranked):
            axes.text(word.change + 0.012, place, f"{word.change:.2f}", va="center", color=SUBDUED)
            axes.text(1.2, place, signed(word.presence_change), ha="right", va="center", color=INK)
        axes.text(1.2, -0.75, "presence", ha="right", va="bottom", color=SUBDUED)
        axes.set_yticks(places, [_shortened(word.text) for word in ranked], parse_math=False)
        axes.set(xlim=(0, 1.22), ylim=(len(ranked) - 0.4, -0.75), xticks=np.linspace(0, 1, 6))
        axes.set_xlabel("1 \u2212 IoU of the masks with and without the word", color=SUBDUED)
        axes.tick_params(length=0)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.spines["left"].set_color(GRAY)
    return figure


def maps_figure(answer: Segmentation, threshold: float | None = None) -> Figure:
    """All maps of an answer on one sheet. Above: the image with the mask, the probability and the response (0..1).
    Below: a row for each level with the maps of each word (on one scale, from 0 to the largest share),
    and the model's other maps (0..1), such as gates.

    threshold: of the mask, see `Segmentation.mask`. Maps that the model does not have are omitted.
    """
    small = reduced(answer, MAP_SIZE)
    image, enlarge = small.image, small.letterbox.inverse
    height, width = image.shape[:2]
    words, top = _word_maps(small)
    columns = [(_shortened(word), words[index] / top) for index, word in enumerate(answer.tokens)] if len(words) else []
    for name, levels in answer.maps.items():
        columns.append(
            (f"{map_title(answer, name)[0].lower()}, 0 to 1", np.array([enlarge(values) for values in levels]))
        )
    with _styled():
        sheet = _Sheet(max((len(maps) for _, maps in columns), default=0), len(columns), height / width)
        mask = small.mask(threshold)
        _show(sheet.above[0], overlay(image, mask), "mask" if mask.any() else "mask: empty")
        _show(sheet.above[1], colorized(small.probability, image), "probability")
        if small.response is None:
            sheet.above[2].remove()
        else:
            _show(sheet.above[2], colorized(small.response, image), "response")
        for level, (row, name) in enumerate(zip(sheet.below, level_names(len(sheet.below)), strict=True)):
            for axes, (head, maps) in zip(row, columns, strict=True):
                if level < len(maps):
                    _show(axes, colorized(maps[level], image), "" if level else head)
                else:
                    axes.set_axis_off()
            row[0].set_ylabel(name, color=SUBDUED, fontsize=7)
        if len(words):
            colors = ScalarMappable(Normalize(0, top), "viridis")
            _finish_bar(sheet.figure.colorbar(colors, cax=sheet.scale), "share of a position's attention")
        else:
            sheet.scale.remove()
    return sheet.figure


def _word_maps(small: Segmentation) -> tuple[NDArray[np.float32], float]:
    """The share of each word in the attention, (T, L, H, W), and the largest share; (0,) for a model without
    word maps.
    """
    if small.word_maps is None:
        return np.zeros(0, np.float32), 1.0
    levels, words = small.word_maps.shape[:2]
    maps = np.array([[small.word_map(level, word) for level in range(levels)] for word in range(words)])
    return maps, float(maps.max()) or 1.0


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, SVG or PDF, by its suffix, atomically: the file is complete or not written.

    Raises InputError for another suffix, or a path that cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError(f"the figure is to be written to {path.name}, expected a name that ends in .png, .svg or .pdf")
    try:
        with _styled(), replacing(path) as temporary, warnings.catch_warnings():
            # The font lacks some scripts; viewers of SVG have their own fonts.
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            figure.savefig(temporary, format=kind, dpi=RESOLUTION, metadata=FORMATS[kind], facecolor="white")
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; give a folder that exists and may be written"
        ) from error


@contextmanager
def _styled() -> Iterator[None]:
    """Applies the settings of these figures within the block, one thread at a time."""
    with _STYLED, mpl.rc_context(_STYLE):
        yield


def _table_axes(axes: Axes, words: Sequence[str], levels: Sequence[str], slanted: bool) -> None:
    """Words above their columns, levels left of their rows, white lines between the cells."""
    axes.set_xticks(range(len(words)), [_shortened(word) for word in words], parse_math=False)
    axes.set_yticks(range(len(levels)), levels, color=SUBDUED)
    axes.xaxis.tick_top()
    if slanted:
        for label in axes.get_xticklabels():
            label.set(rotation=35, ha="left", rotation_mode="anchor")
    axes.set_xticks(np.arange(len(words) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(levels) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


class _Sheet:
    """Positions of the maps, in inches: three axes `above`, 1.5 times as high as the levels x columns `below`; `scale`
    beside these for the colors.

    Positions are computed here, because automatic layout takes seconds for so many axes.
    """

    LEFT, RIGHT, HEAD, GAP, CELL = 0.25, 0.75, 0.25, 0.06, 1.3

    def __init__(self, levels: int, columns: int, aspect: float) -> None:
        """aspect: height of a map divided by its width."""
        wide = min(self.CELL, 2 * self.CELL / aspect)  # a tall, narrow image must not make the sheet too long
        high = wide * aspect
        body = levels * (high + self.GAP)
        self._size = (
            self.LEFT + max(columns, 5) * (wide + self.GAP) + self.RIGHT,
            body + 1.5 * high + 2 * self.HEAD + self.GAP,
        )
        self.figure = Figure(figsize=self._size)
        self.above = [
            self._axes(self.LEFT + 1.5 * i * wide + i * self.GAP, body + self.HEAD, 1.5 * wide, 1.5 * high)
            for i in range(3)
        ]
        self.below = [
            [
                self._axes(
                    self.LEFT + i * (wide + self.GAP), body - (level + 1) * (high + self.GAP) + self.GAP, wide, high
                )
                for i in range(columns)
            ]
            for level in range(levels)
        ]
        self.scale = self._axes(self.LEFT + columns * (wide + self.GAP) + self.GAP, self.GAP, 0.08, body - self.GAP)

    def _axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        w, h = self._size
        return self.figure.add_axes((left / w, bottom / h, width / w, height / h))


def _shortened(word: str) -> str:
    return word if len(word) <= MOST_LETTERS else f"{word[: MOST_LETTERS - 1]}\u2026"


def _show(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(image)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=8, color=INK, parse_math=False)
    axes.spines[:].set_visible(False)


def _finish_bar(bar: Colorbar, label: str) -> None:
    bar.set_label(label, color=SUBDUED, fontsize=8)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=SUBDUED)
    bar.outline.set_visible(False)
