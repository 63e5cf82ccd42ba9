"""How stored frames are turned and mirrored before they are shown: the display matrix of MP4, MOV and others."""

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from refseg.errors import VideoError

_TOLERANCE = 0.02  # of the larger entry: about one degree


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways in which an image can lie: its axes are exchanged, then its rows and columns reversed."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of_matrix(cls, matrix: NDArray[np.int32]) -> "Orientation":
        """The orientation of a display matrix (9,).

        A stored pixel (x, y) is shown at (a x + c y, b x + d y), where a, b, c, d are the entries 0, 1, 3, 4.
        Scale and shift are ignored. Raises VideoError if the matrix turns frames by something else than quarter turns.
        """
        a, b, c, d = (float(matrix[place]) for place in (0, 1, 3, 4))
        straight, crossed = max(abs(a), abs(d)), max(abs(b), abs(c))
        if min(straight, crossed) > _TOLERANCE * max(straight, crossed):
            degrees = np.degrees(np.arctan2(b, a))
            raise VideoError(
                f"frames are to be shown turned by {degrees:.0f} degrees, expected a multiple of 90: save the video"
                " upright"
            )
        if crossed > straight:
            return cls(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
        return cls(flip_rows=d < 0, flip_columns=a < 0)

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> "Orientation":
        """The orientation that a decoded frame carries; upright without one. Raises VideoError as `of_matrix` does."""
        side_data: Any = frame.side_data  # PyAV's stubs declare another type
        matrix = side_data.get(Type.DISPLAYMATRIX)
        return cls() if matrix is None else cls.of_matrix(np.frombuffer(bytes(matrix), dtype=np.int32, count=9))

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) as shown of a stored frame."""
        return (width, height) if self.transpose else (height, width)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A stored frame (H, W, 3) as it is shown, contiguous in memory."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1])
