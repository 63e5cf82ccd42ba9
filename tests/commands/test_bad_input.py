"""Invalid images and expressions give the right result or a one-line error, and leave no file."""

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
def test_unusable_expressions(segment: Segment, image_path: Path, tmp_path: Path, capsys: Capture, text: str) -> None:
    assert segment(image_path, "--expression", "dog", f"--expression={text}") == 2
    assert complaint(capsys).startswith("the expression ")
    assert tree(tmp_path) == {"photo.png"}


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header has that size, with almost no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


IMAGES = {
    "text renamed": (b"This is not an image.", "not an image"),
    "empty": (b"", "not an image"),
    "cut off": (bomb(64, 64)[:60], "cannot be decoded"),
    "20,000 x 20,000": (bomb(20_000, 20_000), "expected at most 50 megapixels"),
}


@pytest.mark.parametrize("data, message", IMAGES.values(), ids=IMAGES)
def test_unusable_images(segment: Segment, tmp_path: Path, capsys: Capture, data: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert segment(path, "--expression", "dog") == 2
    assert message in complaint(capsys)
    assert tree(tmp_path) == {"photo.jpg"}


def test_missing_image(segment: Segment, tmp_path: Path, capsys: Capture) -> None:
    for path in (tmp_path / "nothing.jpg", tmp_path):
        assert segment(path, "--expression", "dog") == 2
        assert "there is no image" in complaint(capsys)
    assert segment(tmp_path / ("x" * 400), "--expression", "dog") == 2
    assert "File name too long" in complaint(capsys)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def kinds_of_images() -> dict[str, bytes]:
    gray = Image.fromarray(np.linspace(0, 255, 20 * 30).reshape(20, 30).astype(np.uint8))
    color = gray.convert("RGB")
    rotated = Image.Exif()
    rotated[0x0112] = 6
    return {
        "1x1": encoded(color.resize((1, 1)), "PNG"),
        "cmyk": encoded(color.convert("CMYK"), "JPEG"),
        "16 bit": encoded(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100), "PNG"),
        "palette": encoded(color.quantize(8), "PNG"),
        "alpha": encoded(color.convert("RGBA"), "PNG"),
        "animation": encoded(color, "GIF", save_all=True, append_images=[color.rotate(90), color]),
        "rotated": encoded(color, "JPEG", exif=rotated),
    }


@pytest.mark.parametrize("kind", kinds_of_images())
def test_unusual_images(segment: Segment, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(kinds_of_images()[kind])
    assert segment(path, "--expression", "dog") == 0
    size = {"1x1": (1, 1), "rotated": (20, 30)}.get(kind, (30, 20))
    with Image.open(tmp_path / "out" / "masks" / "000.png") as mask:
        assert mask.size == size
