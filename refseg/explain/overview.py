"""One page for several explanations of an image: a small image of each mask with a link to its report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from refseg.explain.explanation import Explanation
from refseg.explain.overlays import mask_uri
from refseg.explain.report import final_mask, page_html
from refseg.explain.view import reduced
from refseg.explain.wording import verdict
from refseg.image_encoding import jpeg_uri

SIZE = 480  # longest side of the small images, in pixels


def overview_html(
    explanations: Sequence[Explanation],
    links: Sequence[str],
    *,
    image_name: str,
    masks: Sequence[NDArray[np.bool_]] | None = None,
) -> str:
    """A page that needs no other files than the reports that it links to.

    links: of the reports, relative to the page, one for each explanation, all of the same image.  masks: the final
    masks, as in `report_html`. Raises ValueError when there are none, or not as many links or masks.
    """
    if not explanations:
        raise ValueError("at least one explanation expected, got none")
    items = []
    final_masks: Sequence[NDArray[np.bool_] | None] = masks or [None] * len(explanations)
    for explanation, link, mask in zip(explanations, links, final_masks, strict=True):
        answer = explanation.segmentation
        view = reduced(answer, SIZE)
        final = final_mask(explanation, view, mask)
        share = f"{float(final.mean()):.1%} of the image"
        items.append(
            f'<li><a href="{escape(link)}"><div class="image"><img src="{mask_uri(final)}" alt="The mask:'
            f' {share}"></div><h2>{escape(answer.expression)}</h2><p>{share}. {escape(verdict(answer))}</p></a></li>'
        )
    title = f"Why these masks: {image_name}"
    image = jpeg_uri(reduced(explanations[0].segmentation, SIZE).image, 80)
    body = (
        f'<header><p class="kicker">Why these masks</p><h1>{escape(image_name)}</h1></header><ul'
        f' class="answers">{"".join(items)}</ul>'
    )
    return page_html(title, body, f":root{{--shown:url({image})}}")
