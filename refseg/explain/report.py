"""An explanation as one self-contained HTML file, which needs no network."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refseg.errors import InputError
from refseg.explain.explanation import Explanation
from refseg.explain.overlays import IMAGE_BYTES, image_uri, mask_uri, small_mask
from refseg.explain.sections import (
    Overlay,
    attention_html,
    candidates_html,
    expression_html,
    facts_html,
    left_out_html,
    legends_html,
    map_overlay,
    presence_html,
    system_maps_html,
    word_maps_html,
    word_notes_html,
)
from refseg.explain.view import reduced
from refseg.files import replacing
from refseg.image_encoding import jpeg_uri
from refseg.inference.result_record import encodable
from refseg.inference.segmentation import Segmentation
from refseg.version import __version__

STATIC = Path(__file__).parent / "static"
MOST_BYTES = 1_900_000  # of a page without its style and script
MASK_SIZE = 960  # longest side, in pixels, of the mask, of
CHANGES_SIZE = 480  # what changes without a word, and of
MAP_SIZE = 240  # a map, whose cells are four to ten pixels then
HINT = '<p class="hint">Click any small image to enlarge it.</p>'
WORD_HINT = (
    '<p class="hint">Words are shaded by their attention. Click a word to show its attention map; click any small image'
    " to enlarge it.</p>"
)


def report_html(
    explanation: Explanation,
    *,
    image_name: str,
    model: str,
    settings: Mapping[str, str] | None = None,
    date: str = "",
    mask: NDArray[np.bool_] | None = None,
) -> str:
    """The report: image with mask, words, presence, the heatmap of Eq. 4, all maps, gates, words left out,
    candidates, and how it was made.

    image_name, model: names to show.  settings: further facts, such as "Device": "cpu".  date: as it is shown; "" for
    none. mask: the final mask, bool (H, W), such as a refined one; None: the answer's own at the explanation's
    threshold. All texts are escaped. Images are reduced, so that the page has less than 2 MB for any image. Raises
    ValueError for a mask of another size.
    """
    answer = explanation.segmentation
    view = reduced(answer, MASK_SIZE)
    final = final_mask(explanation, view, mask)
    small = reduced(answer, MAP_SIZE)
    share = float((final if mask is None else mask).mean())
    found = view.mask(explanation.threshold)
    overlays = [
        _mask_overlay(final, found, share),
        map_overlay("probability", "Probability that a position belongs to the referent", small.probability),
    ]
    if small.response is not None:
        overlays.append(
            map_overlay("response", "Response of the strongest feature before the mask is predicted", small.response)
        )
    sections = {
        "Which words counted": attention_html(answer),
        "Effect of each word": left_out_html(explanation, reduced(answer, CHANGES_SIZE)),
        "Candidates": candidates_html(explanation, mask_uri(found)),
        "Probability and response": (
            f'<div class="three">{"".join(overlay.html(overlay.title) for overlay in overlays)}</div>'
        ),
        "Attention maps of each word": word_maps_html(small),
        "Other maps of the model": system_maps_html(small),
        "How it was made": facts_html(_facts(explanation, share, image_name, model, settings or {}, date)),
    }
    hint = HINT if answer.word_attention is None else WORD_HINT
    words = f"<h1>{expression_html(answer)}</h1>{hint}{word_notes_html(answer)}{presence_html(answer)}"
    head = f'<header><p class="kicker">Why this mask</p>{words}</header>'
    body = "".join(f"<section><h2>{title}</h2>{content}</section>" for title, content in sections.items() if content)
    gray = f":root{{--gray:url({_gray_uri(small.image)})}}"
    image = image_uri(
        answer.image, min(IMAGE_BYTES, MOST_BYTES - len(head) - len(body) - len(gray) - len(overlays[0].uri))
    )
    stage = _stage_html(image, overlays[0], answer.image.shape[:2], answer.expression)
    return page_html(
        f"Why this mask: {answer.expression}",
        f'{head}<div class="columns">{stage}<div class="body">{body}</div></div>',
        gray,
    )


def final_mask(explanation: Explanation, view: Segmentation, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The final mask at the size of `view`, a reduced answer: `mask` (H, W) of the whole image, or the answer's own.
    Raises ValueError.
    """
    answer = explanation.segmentation
    if mask is None:
        return view.mask(None if explanation.threshold == answer.threshold else explanation.threshold)
    if mask.shape != answer.image.shape[:2]:
        raise ValueError(f"a mask of shape {answer.image.shape[:2]} expected, got {mask.shape}")
    return small_mask(mask, max(view.image.shape[:2]))


def write_report(path: str | Path, html: str) -> None:
    """Write a page of `report_html` or `overview_html`, UTF-8, atomically. Raises InputError for a path that cannot be
    written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_text(encodable(html), encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; give a folder that exists and may be written"
        ) from error


def page_html(title: str, body: str, style: str = "") -> str:
    """A whole page around `body`; its policy forbids the browser to fetch anything and to run any other script."""
    script = _static("report.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light'
        ' dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<title>{escape(title)}</title>\n'
        f"<style>{_static('report.css')}{style}</style>\n</head>\n<body>\n<main>{body}</main>\n"
        f"<footer>refseg {escape(__version__)}</footer>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _mask_overlay(final: NDArray[np.bool_], found: NDArray[np.bool_], share: float) -> Overlay:
    """The final mask. If it is empty: the pixels that reach the threshold."""
    if final.any():
        return Overlay("mask", "mask", mask_uri(final), "The mask", f"The mask covers {share:.1%} of the image")
    shown = "the pixels that reach the threshold are shown" if found.any() else "nothing reaches the threshold"
    title = f"The mask is empty; {shown}"
    return Overlay("mask", "mask", mask_uri(found), title, title)


def _stage_html(image: str, overlay: Overlay, shape: tuple[int, int], expression: str) -> str:
    """The large image (height, width) with a overlay on it."""
    height, width = shape
    return (
        f'<div class="stage-column"><figure id="stage" data-kind="{overlay.kind}"'
        f' style="--ratio:{width / height:.4f}"><div class="image"><img src="{image}" width="{width}" height="{height}"'
        f' alt="The image"><img id="over" src="{overlay.uri}" alt="{escape(overlay.alt)}, found for:'
        f' {escape(expression)}"></div><figcaption><p id="caption"'
        f' aria-live="polite">{escape(overlay.title)}</p>{legends_html()}</figcaption></figure></div>'
    )


def _facts(
    explanation: Explanation, share: float, image_name: str, model: str, settings: Mapping[str, str], date: str
) -> dict[str, str]:
    answer = explanation.segmentation
    height, width = answer.image.shape[:2]
    return {
        "Expression": answer.expression,
        "Image": image_name,
        "Size": f"{width} \u00d7 {height}",
        "Mask": f"{share:.1%} of the image",
        "Highest probability": f"{answer.peak:.2f}",
        "Uncertainty, 0 to 1": f"{answer.uncertainty:.2f}",
        "Threshold": f"{explanation.threshold:g}",
        "Model": model,
        **settings,
        "refseg": __version__,
        **({"Date": date} if date else {}),
    }


def _gray_uri(image: NDArray[np.uint8]) -> str:
    """The background of the small maps: the image (h, w, 3) without its colors."""
    gray = np.round(image @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return jpeg_uri(np.repeat(gray[..., None], 3, axis=2), 80)


@cache
def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
