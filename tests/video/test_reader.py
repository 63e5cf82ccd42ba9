"""Reading videos as they come: frames by index, upright; a file that is no video is refused in one sentence."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from refseg.errors import VideoError
from refseg.video import reader
from refseg.video.frame_reader import FrameReader
from refseg.video.index_cache import read_index
from refseg.video.probe import probe
from refseg.video.reader import open_clip
from refseg.video.sampling import Sampling
from tests.video.clips import make_clip, make_sound, number_of, numbered


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", numbered(40))


@pytest.mark.parametrize("indices", [range(40), range(0, 40, 7), [39], [0], [13, 14, 38]])
def test_frames_by_index(indices: list[int], clip: Path) -> None:
    with FrameReader(probe(clip), read_index(clip)) as reader:
        read = list(reader.frames(list(indices)))
    assert [round(number_of(image)) for image in read] == pytest.approx(list(indices), abs=1)
    assert all(image.shape == (48, 64, 3) and image.dtype == np.uint8 for image in read)
    assert all(image[2, 2].min() > 200 for image in read)


def test_indices_that_do_not_increase_are_a_fault_of_the_caller(clip: Path) -> None:
    with (
        FrameReader(probe(clip), read_index(clip)) as reader,
        pytest.raises(ValueError, match="frame 3 was asked for after frame 5"),
    ):
        list(reader.frames([5, 3]))


def test_a_file_that_was_replaced_is_noticed(clip: Path) -> None:
    chosen = open_clip(str(clip))
    make_clip(clip, numbered(40), rate=10)
    with pytest.raises(VideoError, match="use the frames before, or save the video again"):
        list(chosen.frames())


@pytest.mark.parametrize("ending", ["mkv", "avi", "mov"])
def test_other_containers(ending: str, tmp_path: Path) -> None:
    clip = open_clip(str(make_clip(tmp_path / f"clip.{ending}", numbered(12))))
    assert [round(number_of(frame.image)) for frame in clip.frames()] == pytest.approx(range(12), abs=1)


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))])
def test_turned_clips_come_upright(rotation: int, corner: tuple[int, int], tmp_path: Path) -> None:
    clip = open_clip(str(make_clip(tmp_path / "phone.mp4", numbered(4), rotation=rotation)))
    expected = (48, 64) if rotation == 180 else (64, 48)
    assert (clip.info.height, clip.info.width) == expected
    for frame in clip.frames():
        assert frame.image.shape == (*expected, 3)
        assert frame.image[corner].min() > 200  # the white square of the upper left


def test_odd_sizes(tmp_path: Path) -> None:
    clip = open_clip(str(make_clip(tmp_path / "odd.mp4", numbered(5, 49, 65))))
    assert [frame.image.shape for frame in clip.frames()] == [(49, 65, 3)] * 5


def test_a_varying_frame_rate_is_sampled_by_time(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 1.0, 1.04, 1.5, 2.0]
    path = make_clip(tmp_path / "screen.mp4", numbered(8), times=times)
    np.testing.assert_allclose(read_index(path).stamps, times, atol=2e-3)
    clip = open_clip(str(path), Sampling(fps=2))
    assert clip.indices.tolist() == [0, 3, 4, 6, 7]
    np.testing.assert_allclose([frame.time for frame in clip.frames()], [0, 0.5, 1.0, 1.5, 2.0], atol=2e-3)
    assert clip.rate == pytest.approx(2, abs=0.01)


def test_sound_beside_the_pictures_and_single_frames(tmp_path: Path) -> None:
    clip = open_clip(str(make_clip(tmp_path / "sound.mp4", numbered(10), sound=True)))
    assert clip.info.audio and len(list(clip.frames())) == 10
    one = open_clip(str(make_clip(tmp_path / "one.mp4", numbered(1))))
    assert len(one) == 1 and one.rate == 25 and len(list(one.frames())) == 1


def test_a_name_does_not_make_a_clip(tmp_path: Path) -> None:
    def refused(name: str, content: bytes, reason: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(VideoError, match=reason):
            open_clip(str(path))

    refused("text.mp4", b"hello, this is text\n", "is no video, whatever its name says")
    refused("empty.mp4", b"", "an empty file")
    refused("list.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "is no video")
    refused("list.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "is no video")
    refused("box.mp4", b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100, "cannot be read as a video|contains nothing")
    with pytest.raises(VideoError, match=r"cannot read missing\.mp4"):
        open_clip(str(tmp_path / "missing.mp4"))
    with pytest.raises(VideoError, match="nothing but sound"):
        open_clip(str(make_sound(tmp_path / "sound.mp4")))


def test_a_clip_without_a_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        container.start_encoding()
    with pytest.raises(VideoError, match=r"nothing\.avi (has no frame|contains nothing|cannot be)"):
        open_clip(str(path))


def test_a_4k_clip_is_read_at_its_own_size(tmp_path: Path) -> None:
    clip = open_clip(str(make_clip(tmp_path / "tv.mp4", numbered(2, 2160, 3840))))
    assert [frame.image.shape for frame in clip.frames()] == [(2160, 3840, 3)] * 2


def test_a_clip_cut_off_before_its_index_is_refused(clip: Path) -> None:
    clip.write_bytes(clip.read_bytes()[:-400])
    with pytest.raises(VideoError, match="damaged or cut off"):
        open_clip(str(clip))


def test_a_clip_cut_off_behind_its_index_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8) for seed in range(40)]
    path = make_clip(tmp_path / "half.mp4", noise, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = open_clip(str(path))
    read: list[NDArray[np.uint8]] = []
    # the last packet is cut in two, and B-frames before it lean on it
    with pytest.raises(VideoError, match=r"half\.mp4 can be read up to .* s only"):
        read.extend(frame.image for frame in clip.frames())
    assert 10 <= len(read) == len(clip) == clip.total < 20


def test_hours_are_refused_before_they_are_read(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(path: object) -> None:
        raise AssertionError("the clip was looked through")

    monkeypatch.setattr(reader, "read_index", never)
    with pytest.raises(VideoError, match=r"40 frames, expected at most 10: choose fewer frames a second"):
        open_clip(str(clip), Sampling(limit=10))


def test_huge_frames_are_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.video.probe.MAX_FRAME_PIXELS", 1000)
    with pytest.raises(VideoError, match="64 x 48 pixels, expected at most"):
        open_clip(str(clip))


def test_reading_a_long_clip_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Decoded whole, the frames of the long one would take 400 MB."""
    code = (
        "import sys, resource; from refseg.video.reader import open_clip\n"
        "count = sum(1 for _ in open_clip(sys.argv[1]).frames())\n"
        "print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    pytest.importorskip("resource")
    frames = numbered(30, 480, 640)
    short = make_clip(tmp_path / "short.mp4", frames)
    long = make_clip(tmp_path / "long.mp4", frames * 15)
    peaks = []
    for path, expected in ((short, 30), (long, 450)):
        done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
        count, peak = map(int, done.stdout.split())
        assert count == expected
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 1.15
