"""What a person can get wrong about the picture and the expression: the right result or one sentence, and no file left behind."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.commands.console import Capture, Segment, complaint, tree

EXPRESSIONS = {"empty": "", "blank": " \t\n", "emoji": "🐶🎈", "10,000 characters": "dog " * 2500, "symbols": "!?"}


@pytest.mark.parametrize("text", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_unusable_expressions(segment: Segment, picture: Path, tmp_path: Path, capsys: Capture, text: str) -> None:
    assert segment(picture, "--expression", "dog", f"--expression={text}") == 2
    assert complaint(capsys).startswith("the expression ")
    assert tree(tmp_path) == {"picture.png"}


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises that size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


PICTURES = {
    "text renamed": (b"This is no picture.", "not a picture"),
    "empty": (b"", "not a picture"),
    "cut off": (bomb(64, 64)[:60], "cannot be decoded"),
    "20,000 x 20,000": (bomb(20_000, 20_000), "expected at most 50 megapixels"),
}


@pytest.mark.parametrize("data, message", PICTURES.values(), ids=PICTURES)
def test_unusable_pictures(segment: Segment, tmp_path: Path, capsys: Capture, data: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert segment(path, "--expression", "dog") == 2
    assert message in complaint(capsys)
    assert tree(tmp_path) == {"photo.jpg"}


def test_no_picture(segment: Segment, tmp_path: Path, capsys: Capture) -> None:
    for path in (tmp_path / "nothing.jpg", tmp_path):
        assert segment(path, "--expression", "dog") == 2
        assert "there is no picture" in complaint(capsys)
    assert segment(tmp_path / ("x" * 400), "--expression", "dog") == 2
    assert "File name too long" in complaint(capsys)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def kinds_of_pictures() -> dict[str, bytes]:
    grey = Image.fromarray(np.linspace(0, 255, 20 * 30).reshape(20, 30).astype(np.uint8))
    colour = grey.convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "1x1": saved(colour.resize((1, 1)), "PNG"),
        "cmyk": saved(colour.convert("CMYK"), "JPEG"),
        "16 bit": saved(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100), "PNG"),
        "palette": saved(colour.quantize(8), "PNG"),
        "alpha": saved(colour.convert("RGBA"), "PNG"),
        "animation": saved(colour, "GIF", save_all=True, append_images=[colour.rotate(90), colour]),
        "turned": saved(colour, "JPEG", exif=turned),
    }


@pytest.mark.parametrize("kind", kinds_of_pictures())
def test_odd_pictures(segment: Segment, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(kinds_of_pictures()[kind])
    assert segment(path, "--expression", "dog") == 0
    size = {"1x1": (1, 1), "turned": (20, 30)}.get(kind, (30, 20))
    with Image.open(tmp_path / "out" / "masks" / "000.png") as mask:
        assert mask.size == size
