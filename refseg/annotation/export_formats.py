"""The formats that a project can be exported to: what each keeps and what it loses, for the command's help, the page
and the documents.

Every format keeps images, categories and file names, and none holds what only the editor needs: colors, a model's first
mask, its uncertainty, authors and times.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportFormat:
    """title: the format's name and who reads it.  keeps: what comes back when the export is imported again.  loses:
    what does not, empty if all does."""

    title: str
    keeps: str
    loses: str = ""

    @property
    def line(self) -> str:
        """One line for a list of formats."""
        return f"{self.title}; keeps {self.keeps}" + (f"; loses {self.loses}" if self.loses else "")


_ALL = "masks to the pixel, expressions, no-target entries, splits, states, frames of videos"

EXPORT_FORMATS: dict[str, ExportFormat] = {
    "coco": ExportFormat("COCO instances with run-length masks", _ALL + ", original ids"),
    "coco-polygons": ExportFormat(
        "COCO instances with polygons, for tools that read no run lengths", _ALL + ", original ids"
    ),
    "refcoco": ExportFormat(
        "RefCOCO with polygons, for the REFER API and `refseg evaluate`",
        "masks to the pixel, expressions of single objects, splits, states, frames of videos",
        "no-target entries",
    ),
    "grefcoco": ExportFormat(
        "gRefCOCO with polygons, for the G_REFER API",
        _ALL + ", expressions that mean several objects",
        "no-target entries whose expression also means an object of the image",
    ),
    "ytvos": ExportFormat(
        "Ref-YouTube-VOS (frames as JPEG, one number a pixel) and MeViS (run lengths) in one folder",
        _ALL + ", expressions that mean several objects",
        "images that are not JPEG to the bit; in the PNGs, pixels that a smaller object covers",
    ),
    "png": ExportFormat("one PNG a mask and a list", _ALL + ", empty masks"),
    "yolo": ExportFormat(
        "YOLO segmentation as Ultralytics reads it",
        _ALL + ", class numbers",
        "the gaps between pieces where a line of one pixel joins them",
    ),
    "voc": ExportFormat(
        "Pascal VOC: boxes, class and object numbers",
        "boxes, expressions, no-target entries, splits, states, frames of videos",
        "pixels that a smaller object covers, images that are not JPEG to the bit",
    ),
    "labelme": ExportFormat("LabelMe JSON with mask shapes (LabelMe 5.3 or later)", _ALL),
    "labelme-polygons": ExportFormat("LabelMe JSON with polygon shapes, for any version", _ALL),
    "datasets": ExportFormat("a folder that Hugging Face `datasets` loads", _ALL),
}
