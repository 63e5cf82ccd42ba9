"""One export of one project: which images and objects are written, counted as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from refseg.annotation.export_output import ExportOutput
from refseg.annotation.exporters.options import ExportOptions, group_of, splits_by_share
from refseg.annotation.exporters.report import ExportReport
from refseg.annotation.progress import ProgressCallback, no_progress, with_progress
from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage, Annotation
from refseg.data.masks import BoolMask
from refseg.errors import DataError, ProjectError


class DrawnObject(NamedTuple):
    """An object with its mask, bool (H, W)."""

    annotation: Annotation
    mask: BoolMask


@dataclass
class ExportSession:
    """The project that is read, the output that is written to, and the report that grows with it."""

    project: Project
    output: ExportOutput
    options: ExportOptions = field(default_factory=ExportOptions)
    report: ExportReport = field(default_factory=ExportReport)
    progress: ProgressCallback = no_progress

    def names(self) -> list[str]:
        """The names of the images that are written, in the project's order; call it once.

        Skipped images are left out, and with `accepted_only` all that are not accepted; damaged records are left out,
        too. All are counted.
        """
        for name, reason in self.project.damaged.items():
            self.report.skip("image", "its record is damaged", f"{name}: {reason}")
        names: list[str] = []
        for entry in self.project.summaries:
            if entry.state == "skipped":
                self.report.skip("image", "marked as skipped", entry.name)
            elif self.options.accepted_only and entry.state != "accepted":
                self.report.skip("image", "not accepted", entry.name)
            else:
                names.append(entry.name)
        return names

    def records(self, names: list[str] | None = None) -> Iterator[AnnotatedImage]:
        """The records of the images that are written, with the split that the options give them; call it once.

        names: what `names` returned, in another order; None for the project's.
        """
        names = self.names() if names is None else names
        splits = splits_by_share(self._readable(names), self.options.splits) if self.options.splits else {}
        for name in with_progress(names, self.progress):
            for record in self._readable([name], counted=True):
                self.report.images += 1
                yield replace(record, split=splits.get(group_of(record), record.split))

    def has_splits(self) -> bool:
        """Whether an image of the project has a split, or gets one by the options."""
        names = [entry.name for entry in self.project.summaries if entry.state != "skipped"]
        return bool(self.options.splits) or any(record.split for record in self._readable(names))

    def objects(self, record: AnnotatedImage) -> list[DrawnObject]:
        """The objects of an image that have a mask of at least one pixel, counted with their expressions; others are
        counted as skipped."""
        found: list[DrawnObject] = []
        for annotation in record.annotations:
            if annotation.no_target:
                continue
            where = f"{record.name}: {(expressions_of(annotation) or [annotation.category or annotation.id])[0]}"
            try:
                mask = annotation.decode_mask()
            except DataError as error:
                self.report.skip("object", "its mask is damaged", f"{where}: {error}")
                continue
            if mask is None or not np.any(mask):
                self.report.skip("object", "without a mask" if mask is None else "with an empty mask", where)
                continue
            self.report.objects += 1
            self.report.expressions += len(expressions_of(annotation))
            found.append(DrawnObject(annotation, mask))
        return found

    def no_target(self, record: AnnotatedImage) -> list[list[str]]:
        """The expressions of each no-target entry of an image, counted."""
        entries = [expressions_of(annotation) for annotation in record.annotations if annotation.no_target]
        self.report.no_target += len(entries)
        self.report.expressions += sum(map(len, entries))
        return entries

    def lose_no_target(self, record: AnnotatedImage) -> None:
        """Count the no-target entries of an image, for a format that has no place for them."""
        for annotation in record.annotations:
            if annotation.no_target:
                self.report.lose(
                    "no-target entry",
                    "the format has no place for it",
                    f"{record.name}: {(expressions_of(annotation) or [''])[0]}",
                )

    def _readable(self, names: list[str], counted: bool = False) -> Iterator[AnnotatedImage]:
        """The records that can be read; with `counted`, the others go to the report."""
        for name in names:
            try:
                record = self.project.record(name)
            except ProjectError as error:
                if counted:
                    self.report.skip("image", "its record is damaged", f"{name}: {error}")
                continue
            yield record


def expressions_of(annotation: Annotation) -> list[str]:
    """The expressions of an object that are not blank."""
    return [text for text in annotation.expressions if text.strip()]
