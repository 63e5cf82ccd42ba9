"""What is written plays: codec, pixel format, even sides, times; and nothing is left of what fails."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from refseg.errors import VideoError
from refseg.video import writer
from refseg.video.index_cache import read_index
from refseg.video.reader import open_clip
from refseg.video.writer import write_clip
from tests.video.clips import number_of, numbered


def test_what_is_written_is_what_browsers_play(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with write_clip(path, 12.5) as clip:
        for number, image in enumerate(numbered(20, 49, 65)):
            clip.add(image, number / 12.5)
    with av.open(str(path)) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.width, stream.codec_context.height) == (66, 50)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # the index in front: playing starts before all is loaded
    read = open_clip(str(path))
    assert [number_of(frame.image) for frame in read.frames()] == pytest.approx(range(20), abs=1)
    np.testing.assert_allclose(read.times, np.arange(20) / 12.5, atol=1e-3)


def test_an_uneven_pace_is_kept(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.15, 0.9, 2.0]
    with write_clip(tmp_path / "clip.mp4", 2) as clip:
        for image, time in zip(numbered(5), times, strict=True):
            clip.add(image, time)
    np.testing.assert_allclose(read_index(tmp_path / "clip.mp4").stamps, times, atol=1e-3)


def test_large_frames_are_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LARGEST_SIDE", 40)
    with write_clip(tmp_path / "clip.mp4", 5) as clip:
        clip.add(numbered(1, 48, 64)[0], 0)
    info = open_clip(str(tmp_path / "clip.mp4")).info
    assert (info.height, info.width) == (30, 40)


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(ValueError), write_clip(path, 5) as clip:
        clip.add(numbered(1)[0], float("nan"))
    with pytest.raises(VideoError, match="no frame to write"), write_clip(path, 5):
        pass
    assert not list(tmp_path.iterdir())
    with pytest.raises((VideoError, OSError)), write_clip(tmp_path / "nowhere" / "clip.mp4", 5) as clip:
        clip.add(numbered(1)[0], 0)


def test_a_disk_that_takes_no_more_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = (
        "import resource, signal, sys, numpy as np\nfrom refseg.errors import VideoError\nfrom refseg.video.writer"
        " import write_clip\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE,"
        " (30000, 30000))\ntry:\n    with write_clip(sys.argv[1], 5) as clip:\n        for n in range(60):"
        " clip.add(np.random.default_rng(n).integers(0, 256, (240, 320, 3), dtype=np.uint8), n / 5)\nexcept VideoError"
        " as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "clip.mp4")], check=True, capture_output=True, text=True
    )
    assert (
        done.stdout.startswith("cannot write clip.mp4 (File too large): make room")
        and len(done.stdout.splitlines()) == 1
    )
    assert not list(tmp_path.iterdir())
