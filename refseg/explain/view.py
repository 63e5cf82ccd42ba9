"""Answers at reduced size. Maps come from a coarse grid, so they lose nothing."""

from __future__ import annotations

from dataclasses import replace

from refseg.image_encoding import reduced_image
from refseg.inference.segmentation import Segmentation


def reduced(answer: Segmentation, limit: int) -> Segmentation:
    """The same answer about the image reduced to a longest side of at most `limit` pixels: all its maps and masks
    have that size.

    Its probability and masks are cached with it, so those of a large image need not be computed. Returns the answer
    itself if it is small enough.
    """
    image = reduced_image(answer.image, limit)
    if image is answer.image:
        return answer
    height, width = image.shape[:2]
    return replace(answer, image=image, letterbox=replace(answer.letterbox, height=height, width=width))


def in_view_of(answer: Segmentation, other: Segmentation) -> Segmentation:
    """An answer about the same image as `other`, at the size of `other`, with which it shares the reduced image."""
    return replace(answer, image=other.image, letterbox=other.letterbox)
