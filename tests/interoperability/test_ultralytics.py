"""YOLO labels as Ultralytics reads them for training, restated, because the package needs torch.

A line is a class and a ring in shares of the image. The ring is sampled anew to at least 1000 points that keep its
corners if it has fewer, scaled, cut to whole pixels, and filled by OpenCV with the pixels of its line.
"""

from pathlib import Path

import cv2
import numpy as np
import yaml

from tests.interoperability.conftest import Export, objects

POINTS = 1000


def resampled(ring: np.ndarray) -> np.ndarray:
    """(N, 2) -> (POINTS, 2): along the closed ring, its own corners among them if it has fewer than POINTS."""
    if len(ring) == POINTS:
        return ring
    closed = np.concatenate([ring, ring[:1]])
    places = np.linspace(0, len(closed) - 1, POINTS - len(closed) if len(closed) < POINTS else POINTS)
    if len(closed) < POINTS:
        places = np.sort(np.concatenate([places, np.arange(len(closed))]))
    return np.stack([np.interp(places, np.arange(len(closed)), closed[:, axis]) for axis in range(2)], axis=1)


def filled(ring: np.ndarray, height: int, width: int) -> np.ndarray:
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [(resampled(ring) * (width, height)).astype(np.int32)], 1)
    return canvas > 0


def labels(root: Path) -> list[tuple[Path, list[tuple[int, np.ndarray]]]]:
    """Each image with the lines of its label file: "images" in its path is replaced by "labels"."""
    known = yaml.safe_load((root / "data.yaml").read_text(encoding="utf-8"))
    assert list(known["names"]) == list(range(len(known["names"])))
    found = []
    for split in ("train", "val"):
        for image in sorted((root / known[split]).iterdir()):
            assert image.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
            file = Path(str(image).replace("/images/", "/labels/", 1)).with_suffix(".txt")
            rows = [line.split() for line in file.read_text().splitlines()]
            assert all(0 <= int(row[0]) < len(known["names"]) for row in rows)
            found.append((image, [(int(row[0]), np.array(row[1:], float).reshape(-1, 2)) for row in rows]))
    return found


def test_every_mask_is_seen(export: Export) -> None:
    found = labels(export("yolo"))
    assert len(found) == 5
    for image, lines in found:
        assert cv2.imdecode(np.fromfile(image, np.uint8), cv2.IMREAD_COLOR).shape == (80, 120, 3)
        for number, ((_, ring), mask) in enumerate(zip(lines, objects(), strict=True)):
            assert (ring >= 0).all() and (ring <= 1).all()
            seen = filled(ring, 80, 120)
            if number in (0, 1, 4):  # one piece, with a hole or without
                np.testing.assert_array_equal(seen, mask)
            elif len(ring) < POINTS:
                assert not (mask & ~seen).any()


def test_pieces_are_joined_by_few_pixels(export: Export) -> None:
    """Two pieces; and noise, of which POINTS corners are read."""
    [(_, lines), *_] = labels(export("yolo"))
    for number, least in ((2, 0.85), (3, 0.6)):
        seen, mask = filled(lines[number][1], 80, 120), objects()[number]
        assert (seen & mask).sum() / (seen | mask).sum() > least
