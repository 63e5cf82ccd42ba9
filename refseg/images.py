"""Image files: safe decoding to RGB, headers without decoding, atomic writing of PNG."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from refseg.errors import ImageError
from refseg.files import replacing
from refseg.png_chunks import without_large_metadata

MAX_PIXELS = 50_000_000
MAX_BYTES = 200_000_000

# Pillow reads more formats. Some of its other decoders start programs (EPS), and some are rarely used but by attackers.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")

UintImage = NDArray[np.uint8]
ImageSource = str | Path | bytes | BinaryIO | Image.Image | NDArray[np.generic]


def load_image(source: ImageSource) -> UintImage:
    """Load an image as a new RGB array, uint8 (H, W, 3).

    The image is rotated upright by its EXIF orientation. Of an animation the first frame is loaded. Transparent pixels
    are blended with white. 16-bit values are scaled to 8 bits. CMYK is converted without its color profile.

    source: a path, encoded bytes, a binary file, a PIL image, or a uint8 array (H, W), (H, W, 1), (H, W, 3) or
    (H, W, 4). Raises ImageError if it is not an image, is damaged, or has more than MAX_PIXELS pixels. The number of
    pixels is read from the header, before anything is decoded.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    name = Path(source).name or str(source) if isinstance(source, (str, Path)) else "the image"
    try:
        with warnings.catch_warnings():
            # Pillow warns about large files and unusual metadata. The limits above decide what is too large, and
            # metadata has no effect on the pixels.
            warnings.simplefilter("ignore")
            if isinstance(source, Image.Image):
                return _decoded(source)
            with opened_image(source, name) as image:
                return _decoded(image)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not an image that can be read; expected JPEG, PNG, WebP, GIF, BMP or TIFF: save it as one of"
            " these"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name} has too many pixels, expected at most {MAX_PIXELS // 1_000_000} megapixels: resize it"
        ) from error
    except Exception as error:  # decoders raise errors of many types for damaged files
        if isinstance(error, OSError) and error.strerror:
            raise ImageError(
                f"cannot read {name}: {error.strerror}; expected a readable image file: check the path"
            ) from error
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(
            f"{name} cannot be decoded ({reason}); expected a complete, undamaged file: save it again as JPEG or PNG"
        ) from error


@dataclass(frozen=True)
class ImageHeader:
    """Header of an image file.

    Attributes:
        format: one of FORMATS.
        height, width: size of the upright image, in pixels.
        upright: whether the pixels are stored upright.
        orientation: 1 to 8 as in EXIF: how the stored pixels are rotated and mirrored to be upright.
    """

    format: str
    height: int
    width: int
    upright: bool
    orientation: int = 1

    @property
    def stored_size(self) -> tuple[int, int]:
        """(height, width) of the pixels as the file stores them, before rotation."""
        return (self.width, self.height) if self.orientation in (5, 6, 7, 8) else (self.height, self.width)


def read_image_size(source: str | Path) -> tuple[int, int]:
    """Read (height, width) of the image that `load_image` returns, without decoding it. Raises ImageError."""
    header = read_image_header(source)
    return header.height, header.width


def read_image_header(source: str | Path) -> ImageHeader:
    """Read the header of an image file without decoding its pixels. Raises ImageError."""
    name = Path(source).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_image(source, name) as image:
                width, height = image.size
                if isinstance(image, TiffImagePlugin.TiffImageFile):
                    # Pillow rotates TIFF itself. Some of its versions report the size before the rotation, some after.
                    width, height = (
                        int(image.tag_v2[tag]) for tag in (TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH)
                    )
                form = "JPEG" if image.format == "MPO" else image.format or ""  # phones put several JPEGs in one file
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(
            f"{name} is not an image that can be read; expected JPEG, PNG, WebP, GIF, BMP or TIFF: remove it"
        ) from error
    _check_pixels(width, height)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    orientation = orientation if orientation in (2, 3, 4, 5, 6, 7, 8) else 1
    return ImageHeader(form, height, width, upright=orientation == 1, orientation=orientation)


def check_whole(source: Path) -> None:
    """Decode the pixels of an image file, JPEGs at an eighth of their size. Raises ImageError if it is damaged or cut
    off.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_image(source, source.name) as image:
                _check_pixels(*image.size)
                image.draft("RGB", (image.width // 8, image.height // 8))
                image.load()
    except ImageError:
        raise
    except Exception as error:  # a decoder raises whatever a damaged file makes it stumble over
        raise ImageError(f"{source.name} is damaged or cut off: save it again as JPEG or PNG") from error


def _known_formats() -> list[str]:
    """Formats of FORMATS that this build of Pillow can read."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextmanager
def opened_image(
    source: str | Path | bytes | BinaryIO, name: str = "the image", formats: Sequence[str] = FORMATS
) -> Iterator[Image.Image]:
    """Open an image of one of `formats` with Pillow without decoding it; it is closed when the block ends.

    PNG text and color profiles that are too large for Pillow are removed first. Raises ImageError for more than
    MAX_BYTES bytes; errors of Pillow and of the operating system are passed on.
    """
    with ExitStack() as files:
        file: BinaryIO
        if isinstance(source, (str, Path)):
            _check_bytes(Path(source).stat().st_size, name)
            file = files.enter_context(Path(source).open("rb"))
        elif isinstance(source, bytes):
            _check_bytes(len(source), name)
            file = io.BytesIO(source)
        elif hasattr(source, "read"):
            file = source
        else:
            raise ImageError(
                f"cannot read an image from a value of type {type(source).__name__}; "
                "expected a path, bytes, a file, a PIL image or an array: pass one of these"
            )
        if hasattr(file, "seekable") and file.seekable() and file.tell() == 0:
            file = without_large_metadata(file) or file
        yield files.enter_context(Image.open(file, formats=[one for one in _known_formats() if one in formats]))


def _check_bytes(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise ImageError(
            f"{name} has {size:,} bytes, expected at most {MAX_BYTES:,}: resize it or save it with more compression"
        )


def _check_pixels(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"the image has {width} x {height} pixels, expected at least 1 x 1: use another image")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the image has {width} x {height} = {width * height / 1e6:.0f} megapixels, "
            f"expected at most {MAX_PIXELS // 1_000_000}: resize it"
        )


def _decoded(image: Image.Image) -> UintImage:
    _check_pixels(*image.size)
    if getattr(image, "is_animated", False):
        image.seek(0)
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I") or upright.mode == "F":
        return _gray_to_rgb(_to_eight_bits(np.asarray(upright)))
    if upright.mode in ("LA", "La", "PA", "RGBa", "RGBA") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.array(upright.convert("RGB"), dtype=np.uint8)


def _to_eight_bits(values: NDArray[np.generic]) -> UintImage:
    """Scale values (H, W) of more than 8 bits to uint8.

    Integers are taken as 16-bit values: 0..65535 becomes 0..255. Floating-point formats have no fixed range, so the
    largest value decides whether the range is 0..1, 0..255 or 0..65535.
    """
    gray = np.nan_to_num(np.asarray(values, dtype=np.float32))
    top = float(gray.max(initial=0))
    scale = (
        255.0
        if values.dtype.kind == "f" and top <= 1
        else 1.0
        if values.dtype.kind == "f" and top <= 255
        else 255.0 / 65535.0
    )
    return np.clip(np.round(gray * scale), 0, 255).astype(np.uint8)


def _gray_to_rgb(gray: UintImage) -> UintImage:
    return np.repeat(gray[:, :, None], 3, axis=2)


def _from_array(array: NDArray[np.generic]) -> UintImage:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"the array has shape {array.shape} and type {array.dtype}, "
            "expected uint8 0..255 of shape (H, W), (H, W, 3) or (H, W, 4): convert it first"
        )
    _check_pixels(array.shape[1], array.shape[0])
    pixels = array.astype(np.uint8, order="C")  # a copy, because the caller may change the array later
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return _gray_to_rgb(pixels.reshape(pixels.shape[:2]))
    if pixels.shape[2] == 4:
        return _decoded(Image.fromarray(pixels))
    return pixels


def save_png(path: str | Path, array: UintImage) -> None:
    """Write uint8 gray (H, W) or RGB (H, W, 3) as PNG, atomically. Raises ImageError if the file cannot be written."""
    try:
        with replacing(path) as temporary:
            Image.fromarray(array).save(temporary, format="PNG")
    except OSError as error:
        raise ImageError(
            f"cannot write {path}: {error.strerror or error}; expected a writable folder: choose another path"
        ) from error
