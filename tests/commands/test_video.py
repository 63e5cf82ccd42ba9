"""`video`: the files and the JSON keys of its contract; errors are one line and leave no file."""

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from refseg.cli import main
from refseg.video.reader import open_clip
from tests.commands.console import Capture, complaint, tree
from tests.inference.test_video import moving
from tests.video.clips import make_clip, make_sound
from tests.video.coded import coded_frame, number_in
from tests.video.test_frame_numbers import TABLE

Video = Callable[..., int]
ENTRY = [
    "frame",
    "time",
    "mask",
    "area_fraction",
    "peak",
    "presence",
    "iou_with_previous",
    "doubtful",
    "uncertain",
    "word_attention",
    "window",
    "window_weights",
]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", moving(12), rate=10)


@pytest.fixture
def video(tiny_checkpoint: Path, tmp_path: Path) -> Video:
    def run(path: Path, *arguments: str) -> int:
        model = ["--model", str(tiny_checkpoint), "--device", "cpu", "--precision", "float32"]
        return main(
            [
                "video",
                "--input",
                str(path),
                "--expression",
                "the red circle",
                "--output",
                str(tmp_path / "out"),
                *model,
                *arguments,
            ]
        )

    return run


def test_video_writes_all_files_and_keys(video: Video, clip: Path, tmp_path: Path, capsys: Capture) -> None:
    assert video(clip, "--stride", "3", "--threshold", "0.5") == 0
    out = tmp_path / "out"
    assert tree(out) == {"overlay.mp4", "masks", *(f"masks/{n:05d}.png" for n in range(4)), "timeline.json"}
    record = json.loads((out / "timeline.json").read_text(encoding="utf-8"))
    assert list(record) == [
        "input",
        "model",
        "expression",
        "tokens",
        "threshold",
        "rate",
        "pixel_aspect",
        "damage",
        "frames",
    ]
    assert (record["input"], record["model"], record["tokens"]) == (str(clip), "tiny", ["the", "red", "circle"])
    assert record["rate"] == pytest.approx(10 / 3, abs=0.01) and record["damage"] is None
    assert [frame["frame"] for frame in record["frames"]] == [0, 3, 6, 9]
    before = None
    for frame in record["frames"]:
        assert list(frame) == ENTRY
        with Image.open(out / frame["mask"]) as image:
            assert image.mode == "L" and image.size == (90, 60)
            mask = np.asarray(image)
        assert set(np.unique(mask)) <= {0, 255}
        assert frame["area_fraction"] == pytest.approx((mask > 0).mean(), abs=1e-6)
        if before is not None:
            union = ((mask > 0) | before).sum()
            assert frame["iou_with_previous"] == pytest.approx(
                ((mask > 0) & before).sum() / union if union else 1, abs=1e-6
            )
        before = mask > 0
        assert np.asarray(frame["word_attention"]).shape == (3, 3)
        assert frame["window"][0] <= 3 and np.asarray(frame["window_weights"]).shape == (
            3,
            frame["window"][1] - frame["window"][0] + 1,
        )
    with av.open(str(out / "overlay.mp4")) as container:
        (stream,) = container.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert sum(1 for _ in container.decode(stream)) == 4
    printed = capsys.readouterr()
    assert printed.out.startswith("overlay.mp4: 4 frames") and printed.err == ""


def test_part_of_a_video_at_a_frame_rate(video: Video, clip: Path, tmp_path: Path) -> None:
    assert video(clip, "--fps", "5", "--start", "0.4", "--end", "1.0") == 0
    record = json.loads((tmp_path / "out" / "timeline.json").read_text(encoding="utf-8"))
    assert [frame["frame"] for frame in record["frames"]] == [4, 6, 8]


@pytest.mark.parametrize("name", ["mp4 hevc", "avi h264", "ts h264"])
def test_overlay_and_timeline_have_the_same_frames(name: str, video: Video, tmp_path: Path) -> None:
    path = TABLE[name].write(tmp_path / f"clip.{TABLE[name].suffix}", range(80))
    assert video(path, "--fps", "6", "--threshold", "0.999999") == 0
    record = json.loads((tmp_path / "out" / "timeline.json").read_text(encoding="utf-8"))
    indices = [frame["frame"] for frame in record["frames"]]
    assert len(indices) == 19 and indices[:4] == [0, 4, 8, 12]
    shown = list(open_clip(str(tmp_path / "out" / "overlay.mp4")).frames())
    assert [number_in(frame.image) for frame in shown] == indices
    np.testing.assert_allclose(
        [frame.time for frame in shown], [frame["time"] for frame in record["frames"]], atol=1e-3
    )
    assert all((tmp_path / "out" / frame["mask"]).is_file() for frame in record["frames"])


def test_the_overlay_keeps_the_pixel_aspect(video: Video, tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 15)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(coded_frame(1), format="rgb24")))
        container.mux(stream.encode())
    assert video(path) == 0
    assert json.loads((tmp_path / "out" / "timeline.json").read_text(encoding="utf-8"))["pixel_aspect"] == "16:15"
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)
    with Image.open(tmp_path / "out" / "masks" / "00000.png") as mask:
        assert mask.size == (96, 64)


def test_a_truncated_video_gives_the_frames_before_the_damage(video: Video, tmp_path: Path, capsys: Capture) -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8) for seed in range(20)]
    path = make_clip(tmp_path / "half.mp4", noise, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert video(path) == 0
    record = json.loads((tmp_path / "out" / "timeline.json").read_text(encoding="utf-8"))
    assert 3 < len(record["frames"]) < 15 and "damaged or cut off" in record["damage"]
    assert "damaged or cut off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--fps", "2", "--stride", "2"], "not allowed with"),
        (["--fps", "0"], "got 0 frames a second"),
        (["--stride", "0"], "expected an integer of at least 1"),
        (["--start", "9"], "whose last frame is shown at 1.1 s"),
        (["--start", "1", "--end", "0.5"], "above the start"),
        (["--expression", "!?"], "expected at least one word"),
        (["--model", "nowhere/at/all/here"], "nowhere"),
    ],
)
def test_unusable_arguments(
    arguments: list[str], reason: str, video: Video, clip: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert video(clip, *arguments) == 2
    assert reason in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_unusable_videos(video: Video, tmp_path: Path, capsys: Capture) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    for path, reason in (
        (text, "is no video"),
        (make_sound(tmp_path / "s.mp4"), "but sound"),
        (tmp_path / "none.mp4", "there is no video"),
    ):
        assert video(path) == 2
        assert reason in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_file(clip: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = (
        "import resource, signal, sys\n"
        "from refseg.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = [
        "video",
        "--input",
        str(clip),
        "--expression",
        "the dog",
        "--output",
        str(tmp_path / "out"),
        "--model",
        str(tiny_checkpoint),
    ]
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("refseg: cannot write"), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
