"""Videos whose frames carry their number in their pixels, in every container and codec, and edits of their files that
encoders do not make.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 64, 96
_BITS = 8

Matrix = tuple[int, int, int, int]
"""a, b, c, d of a display matrix: a stored pixel (x, y) is shown at (a x + c y, b x + d y)."""


def coded_frame(number: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """A moving ramp with `number` as eight black or white blocks along the top half, the lowest bit at the left."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack(
        [(columns * 2 + number * 3) % 256, (rows * 3 + number) % 256, np.full_like(rows, 128)], axis=-1
    ).astype(np.uint8)
    for bit in range(_BITS):
        image[: height // 2, bit * width // _BITS : (bit + 1) * width // _BITS] = 255 * (number >> bit & 1)
    return image


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that `coded_frame` drew."""
    height, width = image.shape[:2]
    block = width // _BITS
    middle = image[height // 8 : 3 * height // 8, :, :].mean(axis=(0, 2))
    return sum(
        1 << bit
        for bit in range(_BITS)
        if middle[bit * block + block // 4 : (bit + 1) * block - block // 4].mean() > 128
    )


@dataclass(frozen=True)
class Encoding:
    """One row of the table: a file suffix, an encoder, and their options."""

    suffix: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    pixels: str = "yuv420p"
    muxer: dict[str, str] = field(default_factory=dict)

    def write(
        self, path: Path, numbers: Iterable[int], rate: int = 25, size: tuple[int, int] = (HEIGHT, WIDTH)
    ) -> Path:
        """Frames with these numbers, size (height, width)."""
        with av.open(str(path), "w", options=self.muxer) as container:
            stream = container.add_stream(self.codec, rate=rate, options=self.options)
            stream.height, stream.width = size
            stream.pix_fmt = self.pixels
            for number in numbers:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(coded_frame(number, *size), format="rgb24")))
            container.mux(stream.encode())
        return path


H264 = {"preset": "veryfast", "g": "24", "keyint_min": "24", "sc_threshold": "0", "bf": "3"}
HEVC = {
    "preset": "ultrafast",
    "x265-params": "keyint=24:min-keyint=24:scenecut=0:bframes=4:open-gop=1:pools=1:frame-threads=1:log-level=none",
}


def remux(
    source: Path, target: Path, change: Callable[[int, av.Packet], bool | None], muxer: dict[str, str] | None = None
) -> Path:
    """Copies packets without encoding them again; `change` alters the n-th, and drops it if it returns False."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=muxer or {}) as written:
        stream = read.streams.video[0]
        copy = written.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in read.demux(stream) if packet.size):
            if change(number, packet) is not False:
                packet.stream = copy
                written.mux(packet)
    return target


def pack_b_frames(source: Path, target: Path) -> Path:
    """Rewrites an MPEG-4 AVI as old encoders did: each packet before a B-frame holds that frame, too, and an empty one
    takes its place."""
    vop, sequence = b"\0\0\1\xb6", b"\0\0\1\xb0"
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = read.streams.video[0]
        copy = written.add_stream_from_template(stream)
        data = [bytes(packet) for packet in read.demux(stream) if packet.size]
        kinds = [one[one.find(vop) + 4] >> 6 for one in data]  # 0: I, 1: P, 2: B
        for number in range(len(data) - 1):
            if kinds[number + 1] == 2:
                data[number : number + 2] = [data[number] + data[number + 1], vop + b"\x7f"]
        header = max(0, data[0].find(sequence))
        header = data[0].find(b"\0\0\1\xb3") if b"\0\0\1\xb3" in data[0] else data[0].find(vop, header)
        data[0] = data[0][:header] + b"\0\0\1\xb2DivX503b1393p\0" + data[0][header:]  # "p": packed
        for number, one in enumerate(data):
            packet = av.Packet(one)
            packet.stream, packet.pts, packet.dts, packet.time_base = copy, number, number, stream.time_base
            packet.is_keyframe = kinds[number] == 0
            written.mux(packet)
    return target


def set_edits(path: Path, edits: Sequence[tuple[float, float | None]], rate: int = 25) -> None:
    """Replaces the edit list of an MP4 whose moov box is at its end. edits: (frames shown, first frame shown or None
    for a pause).
    """
    data = path.read_bytes()
    moov, trak = _box(data, [b"moov"]), _box(data, [b"moov", b"trak"])
    movie_scale = _scale(data, [b"moov", b"mvhd"])
    media_scale = _scale(data, [b"moov", b"trak", b"mdia", b"mdhd"])
    start, size = _box(data, [b"moov", b"trak", b"edts"])
    first = struct.unpack(">i", data[start + 8 + 8 + 4 + 4 + 4 : start + 8 + 8 + 4 + 4 + 8])[
        0
    ]  # B-frames delay the first frame
    entries = b"".join(
        struct.pack(
            ">IiHH",
            round(frames * movie_scale / rate),
            -1 if begin is None else first + round(begin * media_scale / rate),
            1,
            0,
        )
        for frames, begin in edits
    )
    elst = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    edts = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
    result = bytearray(data[:start] + edts + data[start + size :])
    for place, old in (moov, trak):
        result[place : place + 4] = struct.pack(">I", old + len(edts) - size)
    path.write_bytes(result)


def set_matrix(path: Path, matrix: Matrix) -> None:
    """Writes a display matrix into an MP4's track header."""
    data = bytearray(path.read_bytes())
    start, _ = _box(bytes(data), [b"moov", b"trak", b"tkhd"])
    a, b, c, d = (entry << 16 for entry in matrix)
    data[start + 48 : start + 84] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def _box(data: bytes, names: Sequence[bytes]) -> tuple[int, int]:
    """(start, size) of a nested box."""
    place, end = 0, len(data)
    for depth, name in enumerate(names):
        while True:
            size, kind = struct.unpack(">I4s", data[place : place + 8])
            if kind == name:
                break
            place += size
            assert place < end, name
        if depth + 1 < len(names):
            place, end = place + 8, place + size
    return place, size


def _scale(data: bytes, names: Sequence[bytes]) -> int:
    start, _ = _box(data, names)
    return int(struct.unpack(">I", data[start + 20 : start + 24])[0])
