"""Maps with their legends, and the line of facts under the result."""

from html import escape

import numpy as np
from numpy.typing import NDArray

from refseg.pictures import MAP_VIEW, coloured, jpeg_uri, legend_gradient, place_of_maximum, reduced_image, reduced_map


def map_html(title: str, explanation: str, values: NDArray[np.floating], image: NDArray[np.uint8]) -> str:
    """A map (H, W) in 0..1 over its picture (H, W, 3), with a legend from 0 to 1 and the place of the maximum in words for those who cannot see it."""
    small = reduced_map(values, MAP_VIEW)
    uri = jpeg_uri(coloured(small, reduced_image(image, MAP_VIEW)))
    alt = f"{title}: between {float(values.min()):.2f} and {float(values.max()):.2f}, highest {place_of_maximum(small)}"
    return (
        f'<figure class="rs-map"><img src="{uri}" alt="{escape(alt)}">'
        f"<figcaption><strong>{escape(title)}</strong> {escape(explanation)}"
        f'<span class="rs-legend" aria-hidden="true"><span>0</span><i style="background:{legend_gradient()}"></i><span>1</span></span>'
        "</figcaption></figure>"
    )


def facts_html(size: tuple[int, int], peak: float, seconds: float, place: str, reused: bool) -> str:
    """size: (height, width) of the picture.  peak: highest probability.  seconds: time the network took on `place`."""
    facts = [
        ("Picture", f"{size[1]} \u00d7 {size[0]}"),
        ("Highest probability", f"{peak:.2f}"),
        ("Time", f"{seconds:.2f} s"),
        ("Device", place),
        ("Picture features", "reused" if reused else "computed"),
    ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="rs-facts">{items}</dl>'
