"""A project with everything that readers may stumble over, exported once to every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from refseg.annotation.exporters import export_to
from refseg.annotation.project import Project
from refseg.annotation.records import Annotation
from refseg.data.masks import encode_rle

HEIGHT, WIDTH = 80, 120
CATEGORIES = ("dog", "object", "", "person", "猫")  # the second is called so, the third has none


def objects() -> list[NDArray[np.bool_]]:
    """Masks (H, W): a box, a ring with a hole, two pieces far from each other, noise, a dot inside the box."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot(y - 40, x - 60)
    dot = np.zeros((HEIGHT, WIDTH), bool)
    dot[30:33, 20:24] = True
    noise = (rng.random((HEIGHT, WIDTH)) > 0.7) & (x > 70) & (y < 20)
    return [
        (x < 40) & (y > 10) & (y < 60),
        (radius < 30) & (radius > 12),
        (x > 110) | ((y > 70) & (x < 20)),
        noise,
        dot,
    ]


Export = Callable[[str], Path]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Images in color, in 16 bits, in CMYK, turned by EXIF and with an animation, two of them in the split "val"."""
    folder = tmp_path_factory.mktemp("images")
    made = Project.create(tmp_path_factory.mktemp("projects") / "project", "interoperability")
    rng = np.random.default_rng(1)
    color = Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    color.save(folder / "dog.jpg")
    Image.fromarray(rng.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)).save(folder / "deep.png")
    color.convert("CMYK").save(folder / "print.jpg")
    color.transpose(Image.Transpose.ROTATE_90).save(folder / "猫の写真 1.jpg", exif=turned)
    color.save(folder / "loop.gif", save_all=True, append_images=[Image.new("RGB", color.size)])
    for name in ("dog.jpg", "deep.png", "print.jpg", "猫の写真 1.jpg", "loop.gif"):
        record = made.add_image(folder / name)
        annotations = [
            Annotation(str(number), (f"the object {number}", f"größtes Ding {number}"), category, mask=encode_rle(mask))
            for number, (category, mask) in enumerate(zip(CATEGORIES, objects(), strict=True))
        ]
        annotations.append(Annotation("absent", ("the elephant",), no_target=True))
        split = "val" if name in ("print.jpg", "loop.gif") else "train"
        made.save(replace(record, annotations=tuple(annotations), split=split, state="accepted"))
    return made


@pytest.fixture(scope="session")
def export(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The folder with the project in a format."""
    done: dict[str, Path] = {}

    def exported(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp("exports") / name
            report = export_to(name, project, done[name])
            assert report.images == 5 and report.objects == 25
        return done[name]

    return exported
