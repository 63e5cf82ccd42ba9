"""An object as another tool's data set describes it, and how it becomes one of the project with a mask of the image's
size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refseg.annotation.importers.report import ImportReport
from refseg.annotation.importers.sizes import SizeFit
from refseg.annotation.importers.values import numbers, original_id
from refseg.annotation.record_json import is_text
from refseg.annotation.records import MAX_ANNOTATIONS, MAX_TEXT, Annotation, Id, utc_now
from refseg.data.masks import BoolMask, encode_rle, polygons_to_mask
from refseg.errors import DataError
from refseg.images import ImageHeader

FAR = 1e9  # pixels


@dataclass(frozen=True, eq=False)
class ImportedObject:
    """One object of an image. Give its mask as `mask` or `polygons`; `box` is used if there is neither.

    where: the entry, such as "instances.json: annotation 7", for the report.
    mask: bool (H, W), or a function that returns it or raises DataError. Its own size says for which size of the image
    it was made.
    polygons: flat lists x0, y0, x1, y1 ... in pixels of the annotated size, the center of the top left pixel at (0.5,
    0.5). The object is their union.
    box: x0, y0, x1, y1 in the same pixels.
    no_target: the expressions name nothing in the image; there is no mask then.
    original_id, category_id: the object's and its category's id in the data set, any JSON value; kept if they are whole
    numbers or text.
    problem: why the object cannot be imported; completes "object ...". It is skipped and counted, and its image needs a
    further look.
    """

    where: str
    mask: BoolMask | Callable[[], BoolMask] | None = None
    polygons: Sequence[Any] = ()
    box: Sequence[float] | None = None
    expressions: Iterable[str] = ()
    category: str = ""
    no_target: bool = False
    original_id: Any = None
    category_id: Any = None
    problem: str = ""


@dataclass
class ObjectReader:
    """Objects of one image -> annotations of its record. Counts in the report what is left out or altered.

    is_complete: whether every object came with its own mask, so that nobody has to check the image.
    """

    header: ImageHeader
    fit: SizeFit
    report: ImportReport
    where: str
    is_complete: bool = True

    def read(self, objects: Callable[[int, int], Iterable[ImportedObject]]) -> tuple[Annotation, ...]:
        """At most MAX_ANNOTATIONS; the rest is counted.

        objects: called with the height and width of the image as it was annotated.
        """
        fit = self.fit
        self._report_fit(fit)
        found = iter(objects(*fit.annotated))
        annotations: list[Annotation] = []
        used: set[str] = set()
        for one in found:
            if len(annotations) == MAX_ANNOTATIONS:
                left_out = 1 + sum(1 for _ in found)
                self._skip(f"more than {MAX_ANNOTATIONS} in an image", self.where, left_out)
                break
            if (annotation := self._annotation(one, fit, used)) is not None:
                annotations.append(annotation)
        return tuple(annotations)

    def _annotation(self, one: ImportedObject, fit: SizeFit, used: set[str]) -> Annotation | None:
        if one.problem:
            self._skip(one.problem, one.where)
            return None
        expressions = self._expressions(one)
        mask: BoolMask | None = None
        if one.no_target:
            if not expressions:
                self.report.skip("no-target entry", "without an expression", one.where)
                return None
        elif (mask := self._mask(one, fit)) is None:
            return None
        known_id = original_id(one.original_id)
        id_ = _free_id("no-target" if one.no_target and known_id is None else known_id, used)
        return Annotation(
            id_,
            expressions,
            self._category(one),
            no_target=one.no_target,
            mask=None if mask is None else encode_rle(mask),
            created=utc_now(),
            original_id=known_id,
            category_id=original_id(one.category_id),
        )

    def _mask(self, one: ImportedObject, fit: SizeFit) -> BoolMask | None:
        """The mask of the size of the image, with at least one pixel; None for an object that is left out."""
        if one.mask is not None:
            return self._fitted(one, fit)
        if one.polygons:
            return self._filled(one, fit)
        if one.box is not None:
            return self._box(one, fit)
        return self._skip("without a mask", one.where)

    def _fitted(self, one: ImportedObject, fit: SizeFit) -> BoolMask | None:
        try:
            mask = one.mask() if callable(one.mask) else one.mask
            assert mask is not None  # noqa: S101 -- the caller has checked it
            size = (int(mask.shape[0]), int(mask.shape[1]))
        except DataError as error:
            return self._skip("with a mask that cannot be decoded", f"{one.where}: {error}")
        if not mask.any():
            return self._skip("with an empty mask", one.where)
        if size != fit.annotated:
            try:
                fit = SizeFit.of(self.header, size)
            except DataError:
                return self._skip(
                    "with a mask of another shape than the image",
                    f"{one.where}: {size[1]} x {size[0]}, image {fit.upright[1]} x {fit.upright[0]}",
                )
            if fit.is_scaled:
                self.report.alter("object", "mask scaled to the size of the image", one.where)
            elif fit.is_turned:
                self.report.alter("object", "mask turned like the image", one.where)
        fitted = fit.fit_mask(mask)
        return fitted if fitted.any() else self._skip("too small for a pixel of the image", one.where)

    def _filled(self, one: ImportedObject, fit: SizeFit) -> BoolMask | None:
        given = list(_flat_polygons(one.polygons))
        usable = [_points(fit, polygon) for polygon in given if polygon is not None]
        if not usable:
            return self._skip("with a polygon of fewer than three points", one.where)
        if bad := len(given) - len(usable):
            self.report.alter("object", "without its polygons of fewer than three points", one.where, bad)
        mask = fit.turn(polygons_to_mask([points.ravel().tolist() for points in usable], *fit.stored))
        return mask if mask.any() else self._skip(_why_empty(np.concatenate(usable), fit), one.where)

    def _box(self, one: ImportedObject, fit: SizeFit) -> BoolMask | None:
        sides = numbers(list(one.box or ()))
        if sides is None or len(sides) != 4:
            return self._skip("with a box that is not four numbers", one.where)
        left, top, right, bottom = sides
        corners = _points(fit, [left, top, right, top, right, bottom, left, bottom])
        mask = fit.turn(polygons_to_mask([corners.ravel().tolist()], *fit.stored))
        if not mask.any():
            return self._skip(_why_empty(corners, fit), one.where)
        self.report.alter("object", "without a mask, its box was filled", one.where)
        self.is_complete = False
        return mask

    def _skip(self, reason: str, where: str, number: int = 1) -> BoolMask | None:
        """Count objects that are left out, for which there is no mask; the image is not complete without them."""
        self.report.skip("object", reason, where, number)
        self.is_complete = False
        return None

    def _report_fit(self, fit: SizeFit) -> None:
        if fit.is_scaled:
            sizes = f"{self.where}: {fit.annotated[1]} x {fit.annotated[0]} to {fit.stored[1]} x {fit.stored[0]}"
            self.report.alter("image", "masks scaled to the size of the image", sizes)
        if fit.is_turned:
            self.report.alter("image", "masks turned like the image, by its EXIF orientation", self.where)
        if fit.ambiguous:
            self.report.alter("image", "EXIF orientation: objects are taken as drawn on the upright image", self.where)
            self.is_complete = False

    def _expressions(self, one: ImportedObject) -> tuple[str, ...]:
        kept: dict[str, None] = {}
        for text in one.expressions:
            if not text.strip():
                self.report.skip("expression", "without text", one.where)
            elif not is_text(text):
                self.report.skip("expression", f"longer than {MAX_TEXT} characters or not Unicode", one.where)
            elif text in kept:
                self.report.alter("expression", "repeated for its object, kept once", one.where)
            kept.update({text: None} if text.strip() and is_text(text) else {})
        return tuple(kept)

    def _category(self, one: ImportedObject) -> str:
        if is_text(one.category):
            return one.category
        self.report.alter(
            "object", f"without its category of more than {MAX_TEXT} characters or not Unicode", one.where
        )
        return ""


def _flat_polygons(values: Any, depth: int = 3) -> Iterator[list[float] | None]:
    """Flat lists x0, y0, x1, y1 ... of at least three points; None for each polygon that is none.

    Some tools leave the outer list out, write points as pairs or add another list around them.
    """
    if not isinstance(values, list | tuple) or depth < 0:
        yield None
    elif (flat := numbers(values)) is not None:
        yield flat if len(flat) >= 6 and len(flat) % 2 == 0 else None
    elif all(isinstance(one, list | tuple) and len(one) == 2 and numbers(one) is not None for one in values):
        yield from _flat_polygons([coordinate for point in values for coordinate in point], depth - 1)
    else:
        for one in values:
            yield from _flat_polygons(one, depth - 1)


def _points(fit: SizeFit, coordinates: list[float]) -> NDArray[np.float64]:
    """Points (N, 2) in pixels as they are stored.

    What is very far away is as good as any point outside, and would overflow.
    """
    return fit.scale_points(np.clip(np.array(coordinates), -FAR, FAR).reshape(-1, 2))


def _why_empty(points: NDArray[np.float64], fit: SizeFit) -> str:
    """Why filled points (N, 2) give no pixel."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    is_outside = right <= 0 or bottom <= 0 or left >= fit.stored[1] or top >= fit.stored[0]
    return "outside the image" if is_outside else "without area"


def _free_id(wanted: Id | None, used: set[str]) -> str:
    """The id as text, with "-2", "-3" ... if another object of the image has it; without one the lowest free number."""
    if wanted is None:
        id_ = next(str(number) for number in count(1) if str(number) not in used)
    else:
        id_ = next(
            one
            for one in chain((str(wanted)[:900],), (f"{str(wanted)[:900]}-{number}" for number in count(2)))
            if one not in used
        )
    used.add(id_)
    return id_
