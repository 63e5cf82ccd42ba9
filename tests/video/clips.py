"""Clips made on the spot: what phones, screen recorders and broken downloads produce."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def numbered(count: int, height: int = 48, width: int = 64) -> list[NDArray[np.uint8]]:
    """Frames that tell their number: frame n is grey n * 4 with a white square at the upper left."""
    frames = []
    for number in range(count):
        frame = np.full((height, width, 3), number * 4 % 240, dtype=np.uint8)
        frame[: height // 4, : width // 4] = 255
        frames.append(frame)
    return frames


def number_of(image: NDArray[np.uint8]) -> float:
    """What `numbered` says, as far as compression leaves it."""
    h, w = image.shape[:2]
    return float(image[h // 2 - 4 : h // 2 + 4, w // 2 - 4 : w // 2 + 4].mean() / 4)


def make_clip(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    rate: int = 25,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    sound: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """rotation: degrees in the header, as phones write it; times: seconds, for a varying rate."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "8", "g": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p" if stream.height % 2 == stream.width % 2 == 0 else "yuv444p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        audio = container.add_stream("aac", rate=8000) if sound else None
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            _add_silence(container, audio, len(frames) / rate)
    return path


def make_sound(path: Path) -> Path:
    """A file with sound alone."""
    with av.open(str(path), "w") as container:
        _add_silence(container, container.add_stream("aac", rate=8000), 1.0)
    return path


def _add_silence(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for start in range(0, int(seconds * 8000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
