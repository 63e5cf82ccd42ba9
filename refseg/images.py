"""Pictures in and out: safe decoding to RGB, the letterbox and its exact inverse, atomic PNG writing."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from refseg.errors import ImageError
from refseg.files import replacing
from refseg.png_chunks import without_large_metadata

if TYPE_CHECKING:
    import torch

MAX_PIXELS = 50_000_000
MAX_BYTES = 200_000_000
PAD_VALUE = 114  # the grey that detectors are trained to see around a picture

# Pillow knows more, but some of its readers start other programs (EPS) or are hardly ever used by anyone but attackers.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")

UintImage = NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)
ImageSource = str | Path | bytes | BinaryIO | Image.Image | NDArray[np.generic]


def load_image(source: ImageSource) -> UintImage:
    """Any picture as a new RGB array, uint8 (H, W, 3): upright (EXIF), first frame, alpha over white, 16 bits scaled to 8.

    CMYK is converted without its colour profile. Arrays must be uint8: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).
    Raises ImageError for what is no picture, is damaged, or has more than MAX_PIXELS pixels; the count is read from the header, before decoding.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    name = Path(source).name or str(source) if isinstance(source, (str, Path)) else "the picture"
    try:
        with warnings.catch_warnings():
            # Pillow warns about large files and odd metadata. The limits here decide what is too large, and a photo with odd metadata is still a photo.
            warnings.simplefilter("ignore")
            if isinstance(source, Image.Image):
                return _decoded(source)
            with opened_image(source, name) as picture:
                return _decoded(picture)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not a picture that can be read; expected JPEG, PNG, WebP, GIF, BMP or TIFF: save it as one of these"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} has far too many pixels, expected at most {MAX_PIXELS // 1_000_000} megapixels: reduce it") from error
    except Exception as error:  # a decoder raises whatever a damaged file makes it stumble over
        if isinstance(error, OSError) and error.strerror:
            raise ImageError(f"cannot read {name}: {error.strerror}; expected a picture file that exists and may be read") from error
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"{name} cannot be decoded ({reason}); it may be damaged or cut off: save it again as JPEG or PNG") from error


@dataclass(frozen=True)
class PictureHeader:
    """What an image file says of itself. format: one of FORMATS.  height, width: once it is upright.  upright: whether its pixels are stored that way.
    orientation: 1 to 8, as in EXIF; how the stored pixels are turned and mirrored to be upright."""

    format: str
    height: int
    width: int
    upright: bool
    orientation: int = 1

    @property
    def stored_size(self) -> tuple[int, int]:
        """(height, width) of the pixels in the file, not turned."""
        return (self.width, self.height) if self.orientation in (5, 6, 7, 8) else (self.height, self.width)


def picture_size(source: str | Path) -> tuple[int, int]:
    """(height, width) of a picture file as `load_image` would give it, upright; the pixels are not decoded. Raises ImageError."""
    header = picture_header(source)
    return header.height, header.width


def picture_header(source: str | Path) -> PictureHeader:
    """The header of a picture file; the pixels are not decoded. Raises ImageError."""
    name = Path(source).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened_image(source, name) as picture:
                width, height = picture.size
                if isinstance(picture, TiffImagePlugin.TiffImageFile):
                    # Pillow turns this format's pictures itself, and some versions give the size before and some after.
                    width, height = (int(picture.tag_v2[tag]) for tag in (TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH))
                form = "JPEG" if picture.format == "MPO" else picture.format or ""  # phones put several JPEGs in one file
                orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name} is not a picture that can be read; expected JPEG, PNG, WebP, GIF, BMP or TIFF: leave it out") from error
    _check_pixels(width, height)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    orientation = orientation if orientation in (2, 3, 4, 5, 6, 7, 8) else 1
    return PictureHeader(form, height, width, upright=orientation == 1, orientation=orientation)


def _known_formats() -> list[str]:
    """Those of FORMATS that this build of Pillow has."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextmanager
def opened_image(source: str | Path | bytes | BinaryIO, name: str = "the image", formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """A Pillow image of one of the formats, not decoded yet. PNG text and profiles that are too large for Pillow are left out.

    Raises ImageError for more than MAX_BYTES bytes; Pillow's and the system's errors are passed on.
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
                f"cannot read a picture from a {type(source).__name__}; expected a path, bytes, a file, a PIL image or an array"
            )
        if hasattr(file, "seekable") and file.seekable() and file.tell() == 0:
            file = without_large_metadata(file) or file
        yield files.enter_context(Image.open(file, formats=[one for one in _known_formats() if one in formats]))


def _check_bytes(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise ImageError(f"{name} has {size:,} bytes, expected at most {MAX_BYTES:,}: reduce it")


def _check_pixels(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"the picture has {width} x {height} pixels, expected at least 1 x 1")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the picture has {width} x {height} = {width * height / 1e6:.0f} megapixels, expected at most {MAX_PIXELS // 1_000_000}: reduce it"
        )


def _decoded(picture: Image.Image) -> UintImage:
    _check_pixels(*picture.size)
    if getattr(picture, "is_animated", False):
        picture.seek(0)
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I") or upright.mode == "F":
        return _grey_to_rgb(_to_eight_bits(np.asarray(upright)))
    if upright.mode in ("LA", "La", "PA", "RGBa", "RGBA") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.array(upright.convert("RGB"), dtype=np.uint8)


def _to_eight_bits(values: NDArray[np.generic]) -> UintImage:
    """16-bit values keep their range (0..65535 -> 0..255); 32-bit and float ones, which have no fixed range, are 16-bit data, or 0..1 or 0..255."""
    grey = np.nan_to_num(np.asarray(values, dtype=np.float32))
    top = float(grey.max(initial=0))
    scale = 255.0 if values.dtype.kind == "f" and top <= 1 else 1.0 if values.dtype.kind == "f" and top <= 255 else 255.0 / 65535.0
    return np.clip(np.round(grey * scale), 0, 255).astype(np.uint8)


def _grey_to_rgb(grey: UintImage) -> UintImage:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _from_array(array: NDArray[np.generic]) -> UintImage:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"the array has shape {array.shape} and type {array.dtype}, expected uint8 0..255 of (H, W), (H, W, 3) or (H, W, 4): convert it first"
        )
    _check_pixels(array.shape[1], array.shape[0])
    pixels = array.astype(np.uint8, order="C")  # a copy: the caller's array may change later
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return _grey_to_rgb(pixels.reshape(pixels.shape[:2]))
    if pixels.shape[2] == 4:
        return _decoded(Image.fromarray(pixels))
    return pixels


@dataclass(frozen=True)
class Letterbox:
    """A picture of height x width inside a square of side `size`: scaled to fit, centred, with a border; and the way back.

    Positions are continuous pixel coordinates: the pixel (column i, row j) covers [i, i+1) x [j, j+1).
    """

    height: int
    width: int
    size: int

    @classmethod
    def of(cls, image: NDArray[np.generic], size: int) -> "Letterbox":
        """The letterbox of an array (H, W, ...)."""
        return cls(int(image.shape[0]), int(image.shape[1]), size)

    @property
    def inner(self) -> tuple[int, int]:
        """(height, width) of the scaled picture, each at least 1."""
        longest = max(self.height, self.width)
        return tuple(max(1, round(side * self.size / longest)) for side in (self.height, self.width))  # type: ignore[return-value]

    @property
    def top(self) -> int:
        """Rows of border above the picture."""
        return (self.size - self.inner[0]) // 2

    @property
    def left(self) -> int:
        """Columns of border left of the picture."""
        return (self.size - self.inner[1]) // 2

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the square that the picture fills."""
        h, w = self.inner
        return slice(self.top, self.top + h), slice(self.left, self.left + w)

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """x1 y1 x2 y2 of that window, in pixels of the square."""
        rows, columns = self.window
        return columns.start, rows.start, columns.stop, rows.stop

    @property
    def scaled(self) -> "Letterbox":
        """That of the scaled picture itself: its inverse leaves maps at the size at which the picture lies in the square."""
        return Letterbox(*self.inner, self.size)

    def of_cells(self, cells: int) -> "Letterbox":
        """The same picture in a square of `cells` x `cells`: its window is the part of a network's grid that the picture fills."""
        return Letterbox(self.height, self.width, cells)

    @property
    def scale(self) -> tuple[float, float]:
        """(x, y) factors from the picture to the square; they differ by rounding only."""
        return self.inner[1] / self.width, self.inner[0] / self.height

    def forward(self, image: NDArray[Pixel], value: float = PAD_VALUE) -> NDArray[Pixel]:
        """(H, W[, C]) -> (size, size[, C]), same type; the border holds `value`. Shrinking averages, enlarging interpolates."""
        if image.shape[:2] != (self.height, self.width):
            raise ValueError(f"expected an array of {self.height} x {self.width}, got {image.shape[0]} x {image.shape[1]}")
        square = np.full((self.size, self.size, *image.shape[2:]), value, dtype=image.dtype)
        square[self.window] = _resized(image, self.inner).reshape(*self.inner, *image.shape[2:])
        return square

    def inverse(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """A map over the square (n, n), any n, -> (H, W) float32 by bilinear interpolation; what lies in the border is cut off."""
        square: NDArray[np.generic] = np.asarray(values, dtype=np.float32)
        if square.shape != (self.size, self.size):
            square = _resized(square, (self.size, self.size), enlarge_only=True)
        return _resized(square[self.window], (self.height, self.width), enlarge_only=True).astype(np.float32, copy=False)

    def forward_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 2) positions x, y of the picture -> of the square."""
        return np.asarray(points, dtype=np.float64) * self.scale + (self.left, self.top)

    def inverse_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 2) positions x, y of the square -> of the picture."""
        return (np.asarray(points, dtype=np.float64) - (self.left, self.top)) / self.scale


def _resized(image: NDArray[Pixel], shape: tuple[int, int], enlarge_only: bool = False) -> NDArray[Pixel]:
    """Resize (H, W[, C]) to `shape` (height, width): area average where it shrinks (unless `enlarge_only`), bilinear otherwise."""
    if image.shape[:2] == shape:
        return image
    shrinks = shape[0] * shape[1] < image.shape[0] * image.shape[1] and not enlarge_only
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[Pixel] = cv2.resize(np.ascontiguousarray(image), (shape[1], shape[0]), interpolation=flags)  # type: ignore[assignment]
    return resized


def network_input(image: UintImage, size: int, padding: int = PAD_VALUE) -> "tuple[Letterbox, torch.Tensor, torch.Tensor]":
    """An image (H, W, 3) as systems expect it: its letterbox, images (1, 3, S, S) in 0..1, channels last in memory, and windows (1, 4), see `corners`.

    padding: gray level 0..255 of the border."""
    import torch

    letterbox = Letterbox.of(image, size)
    images = to_tensor(letterbox.forward(image, padding)).unsqueeze(0).contiguous(memory_format=torch.channels_last)
    return letterbox, images, torch.tensor([letterbox.corners], dtype=torch.float32)


def to_tensor(square: UintImage) -> "torch.Tensor":
    """uint8 (S, S, 3) -> float32 (3, S, S) in 0..1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(square)).permute(2, 0, 1).float() / 255


def save_png(path: str | Path, array: UintImage) -> None:
    """Write grey (H, W) or RGB (H, W, 3) uint8 as PNG, atomically: the file is whole or not there. Raises ImageError when it cannot be written."""
    try:
        with replacing(path) as temporary:
            Image.fromarray(array).save(temporary, format="PNG")
    except OSError as error:
        raise ImageError(f"cannot write {path}: {error.strerror or error}; give a folder that exists and may be written") from error
