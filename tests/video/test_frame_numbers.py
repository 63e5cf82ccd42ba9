"""Frame n of a video is the n-th frame that is shown: containers x codecs x groups of pictures x samplings, read from
the pixels.
"""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from refseg.video.reader import Clip, open_clip
from refseg.video.sampling import Sampling
from tests.video.coded import H264, HEVC, Encoding, number_in

COUNT = 80
MPEG = {"g": "12", "bf": "2", "q:v": "2"}
VPX = {"g": "30", "auto-alt-ref": "1", "lag-in-frames": "12", "cpu-used": "5", "deadline": "good"}
AV1 = {"preset": "12", "g": "24", "svtav1-params": "scd=0"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}

TABLE = {
    "mp4 h264": Encoding("mp4", "libx264", H264),
    "mp4 h264, one key frame": Encoding("mp4", "libx264", {**H264, "g": "999", "keyint_min": "999"}),
    "mp4 h264, key frames only": Encoding("mp4", "libx264", {**H264, "g": "1", "keyint_min": "1", "bf": "0"}),
    "mp4 h264, groups of 3": Encoding("mp4", "libx264", {**H264, "g": "3", "keyint_min": "3", "bf": "2"}),
    "mp4 h264, open": Encoding("mp4", "libx264", {**H264, "x264-params": "open-gop=1"}),
    "mp4 h264, intra refresh": Encoding("mp4", "libx264", {**H264, "x264-params": "intra-refresh=1"}),
    "mp4 h264, interlaced": Encoding("mp4", "libx264", {**H264, "flags": "+ildct+ilme", "x264-params": "tff=1"}),
    "mp4 h264, fragmented": Encoding("mp4", "libx264", H264, muxer=FRAGMENTED),
    "mov h264 10 bit": Encoding("mov", "libx264", H264, pixels="yuv420p10le"),
    "mkv h264": Encoding("mkv", "libx264", H264),
    "avi h264": Encoding("avi", "libx264", H264),
    "ts h264": Encoding("ts", "libx264", H264),
    "flv h264": Encoding("flv", "libx264", H264),
    "mp4 hevc": Encoding("mp4", "libx265", HEVC),
    "mkv hevc": Encoding("mkv", "libx265", HEVC),
    "ts hevc": Encoding("ts", "libx265", HEVC),
    "avi mpeg4": Encoding("avi", "mpeg4", MPEG),
    "mp4 mpeg4": Encoding("mp4", "mpeg4", MPEG),
    "avi mpeg2": Encoding("avi", "mpeg2video", MPEG),
    "ts mpeg2": Encoding("ts", "mpeg2video", MPEG),
    "mpg mpeg2": Encoding("mpg", "mpeg2video", MPEG),
    "mpg mpeg1": Encoding("mpg", "mpeg1video", MPEG),
    "m2v mpeg2": Encoding("m2v", "mpeg2video", MPEG),
    "webm vp8": Encoding("webm", "libvpx", VPX),
    "webm vp9": Encoding("webm", "libvpx-vp9", VPX),
    "mp4 av1": Encoding("mp4", "libsvtav1", AV1),
    "mkv av1": Encoding("mkv", "libsvtav1", AV1),
    "avi mjpeg": Encoding("avi", "mjpeg", {"q:v": "3"}, pixels="yuvj420p"),
    "mov mjpeg": Encoding("mov", "mjpeg", {"q:v": "3"}, pixels="yuvj420p"),
    "mov prores": Encoding("mov", "prores_ks", pixels="yuv422p10le"),
    "mkv ffv1": Encoding("mkv", "ffv1"),
    "wmv wmv2": Encoding("wmv", "wmv2", {"g": "12", "b:v": "600k"}),
    "gif": Encoding("gif", "gif", pixels="rgb8"),
}
SAMPLINGS = (
    Sampling(),
    Sampling(stride=5),
    Sampling(stride=17),
    Sampling(fps=6),
    Sampling(fps=1),
    Sampling(start=0.8, end=1.6),
    Sampling(start=2.0, stride=3),
    Sampling(start=3.1),
)


def wrong(clip: Clip) -> list[tuple[int, int]]:
    """(index, number seen) of the frames that are not those asked for."""
    return [(frame.index, seen) for frame in clip.frames() if (seen := number_in(frame.image)) != frame.index]


@pytest.mark.parametrize("name", TABLE)
def test_each_frame_is_the_one_asked_for(name: str, tmp_path: Path) -> None:
    path = TABLE[name].write(tmp_path / f"clip.{TABLE[name].suffix}", range(COUNT))
    for sampling in SAMPLINGS:
        clip = open_clip(str(path), sampling)
        assert clip.total == len(clip.stamps) == COUNT
        assert clip.indices.tolist() == expected(sampling), sampling
        assert wrong(clip) == [], sampling
    np.testing.assert_allclose(np.diff(clip.stamps), 0.04, atol=2e-3)
    everything = open_clip(str(path))
    random = Random(name)
    for _ in range(4):
        assert wrong(everything.part(sorted(random.sample(range(COUNT), 5)))) == []


def expected(sampling: Sampling) -> list[int]:
    """Indices at 25 frames per second."""
    first, last = round(sampling.start * 25), COUNT if sampling.end is None else round(sampling.end * 25)
    if sampling.fps is None:
        return list(range(first, last, sampling.stride or 1))
    times = np.arange(first / 25, (last - 1) / 25 + 1e-6, 1 / sampling.fps)
    return sorted({int(time * 25 + 0.03) for time in times})


@pytest.mark.parametrize("name", ["mp4 h264", "mkv h264", "mp4 hevc", "webm vp9", "mp4 av1"])
def test_frames_after_a_jump_have_the_same_pixels(name: str, tmp_path: Path) -> None:
    path = TABLE[name].write(tmp_path / f"clip.{TABLE[name].suffix}", range(COUNT))
    clip = open_clip(str(path))
    assert len(clip.all_frames.key_frames), "its packets can be relied on"
    one_by_one = [frame.image for frame in clip.frames()]
    for frame in clip.part([30, 31, 50, 74, 79]).frames():
        np.testing.assert_array_equal(frame.image, one_by_one[frame.index])


@pytest.mark.parametrize("name", ["mp4 h264", "avi mjpeg", "gif", "ts h264", "webm vp9", "mpg mpeg2", "mkv hevc"])
def test_a_single_frame(name: str, tmp_path: Path) -> None:
    clip = open_clip(str(TABLE[name].write(tmp_path / f"clip.{TABLE[name].suffix}", [5])))
    assert clip.total == 1 and [number_in(frame.image) for frame in clip.frames()] == [5]
