"""Masks of clips as other tools read them."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from refseg.files import write_json
from refseg.video.formats import (
    davis_palette,
    frame_names,
    meta_expressions,
    palette_png,
    sequence_folder,
    write_masks,
)


def test_the_palette_is_that_of_davis() -> None:
    palette = np.array(davis_palette()).reshape(-1, 3).tolist()
    assert palette[:9] == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [128, 0, 128],
        [0, 128, 128],
        [128] * 3,
        [64, 0, 0],
    ]
    assert palette[255] == [224, 224, 192]


def test_indexed_pngs_keep_the_labels() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.open(io.BytesIO(palette_png(labels)))
    assert picture.mode == "P"
    np.testing.assert_array_equal(np.asarray(picture), labels)
    assert picture.convert("RGB").getpixel((1, 0)) == (128, 0, 0)


def test_a_zip_of_masks_is_written_as_they_come_or_not_at_all(tmp_path: Path) -> None:
    masks = [np.eye(5, 7, k, dtype=bool) for k in range(3)]
    write_masks(tmp_path / "masks.zip", "my clip", iter(masks), frame_names([0, 5, 10]))
    with zipfile.ZipFile(tmp_path / "masks.zip") as archive:
        assert archive.namelist() == [f"Annotations/my_clip/{name}.png" for name in ("00000", "00005", "00010")]
        read = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in archive.namelist()]
    np.testing.assert_array_equal(np.array(read), np.array(masks))
    with pytest.raises(ValueError):
        write_masks(tmp_path / "short.zip", "clip", iter(masks), ["00000"])
    assert [path.name for path in tmp_path.iterdir()] == ["masks.zip"]


def test_meta_expressions(tmp_path: Path) -> None:
    write_json(tmp_path / "meta.json", meta_expressions("clip", ["the dog", "größter Hund"], ["00000", "00005"]))
    read = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))
    expected = {"0": {"exp": "the dog", "obj_id": "1"}, "1": {"exp": "größter Hund", "obj_id": "1"}}
    assert read == {"videos": {"clip": {"expressions": expected, "frames": ["00000", "00005"]}}}


@given(st.text())
def test_names_are_safe_everywhere(name: str) -> None:
    safe = sequence_folder(name)
    assert (
        safe
        and len(safe) <= 80
        and all(character.isalnum() or character in "-_" for character in safe)
        and safe.isascii()
    )


def test_plain_names_stay() -> None:
    assert (
        sequence_folder("boy-on_bike2") == "boy-on_bike2"
        and sequence_folder("../../etc/passwd") == "etc_passwd"
        and sequence_folder("…") == "clip"
    )
