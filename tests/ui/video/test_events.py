"""The video tab without a page: plans, runs that are canceled or fail, downloads."""

import json
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from refseg.errors import VideoError
from refseg.inference.predictor import Predictor
from refseg.inference.video import FrameResult, VideoPredictor
from refseg.ui.model_runner import ModelRunner
from refseg.ui.progress import duration_text, progress_html
from refseg.ui.video.downloads import VideoDownloads, timeline_at
from refseg.ui.video.events import EMPTY, VideoEvents
from refseg.ui.video.run import VideoRun, clip_name, close_run
from refseg.video.reader import Clip, open_clip
from refseg.video.sampling import Sampling
from tests.inference.test_video import moving
from tests.video.clips import make_clip
from tests.video.coded import number_in, set_edits
from tests.video.test_frame_numbers import TABLE


@pytest.fixture
def upload(tmp_path: Path) -> dict[str, Any]:
    return {"path": str(make_clip(tmp_path / "clip.mp4", moving(6), rate=10)), "orig_name": "<b>my</b> clip.mp4"}


@pytest.fixture
def page(tiny_predictor: Predictor) -> VideoEvents:
    return VideoEvents(ModelRunner(tiny_predictor))


def finished(page: VideoEvents, upload: dict[str, Any], expression: str = "the red ball") -> VideoRun:
    *_, last = page.run(upload, expression, 0, 0, None, None)
    assert last.run is not None and last.player["state"] == "done"
    return last.run


def test_a_plan_has_frames_and_duration(page: VideoEvents, upload: dict[str, Any]) -> None:
    plan, messages = page.plan(upload, 0, 0, None)
    assert "6 frames" in plan and "90 × 60" in plan and "about" in plan and "CPU" in plan and messages == ""
    assert "3 frames" in page.plan(upload, 5, 0, None).plan
    assert "2 frames" in page.plan(upload, 0, 0.1, 0.3).plan
    assert page.plan(None, 0, 0, None) == ("", "")
    assert "whose last frame is shown at 0.5 s" in page.plan(upload, 0, 9, None).messages


def test_a_run_grows_frame_by_frame(page: VideoEvents, upload: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refseg.ui.video.events.UPDATE_SECONDS", 0.0)
    outputs = list(page.run(upload, "the red ball", 0, 0, None, None))
    assert [one.player["done"] for one in outputs] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert [one.player["state"] for one in outputs] == ["running"] * 7 + ["done"]
    assert 'data-done="3"' in outputs[3].progress and "left" in outputs[3].progress
    run = outputs[-1].run
    assert run is not None
    fetched = page.frames({"run": run.token, "first": 0}) + page.frames({"run": run.token, "first": 5})
    assert [frame["number"] for frame in fetched] == [0, 1, 2, 3, 4, 5, 5]


def test_masks_are_those_of_the_predictor_up_to_rounding(
    page: VideoEvents, upload: dict[str, Any], tiny_predictor: Predictor
) -> None:
    run = finished(page, upload)
    results = VideoPredictor(tiny_predictor).segment(upload["path"], "the red ball")
    for number, result in enumerate(results):
        for threshold in (0.3, 0.5, 0.8):
            expected = result.segmentation.mask(threshold)
            assert (run.mask(number, threshold) != expected).mean() < 0.005
    assert [mask.shape for mask in run.masks(0.5)] == [(60, 90)] * 6


def test_a_timeline_follows_the_threshold(page: VideoEvents, upload: dict[str, Any]) -> None:
    run = finished(page, upload)
    low, high = timeline_at(run, 1e-6), timeline_at(run, 1 - 1e-6)
    assert [entry.area for entry in low.entries] == [1.0] * 6 and all(entry.area < 1 for entry in high.entries)
    assert [entry.time for entry in low.entries] == [entry.time for entry in run.timeline.entries]
    assert low.entries[1].iou_with_previous == 1.0


def test_missing_inputs_are_reported(page: VideoEvents, upload: dict[str, Any], tmp_path: Path) -> None:
    assert "no video yet" in next(page.run(None, "dog", 0, 0, None, None)).messages
    assert "expression is empty" in next(page.run(upload, "  ", 0, 0, None, None)).messages
    assert "only symbols" in next(page.run(upload, "!?", 0, 0, None, None)).messages
    gone = next(page.run({"path": str(tmp_path / "gone.mp4")}, "dog", 0, 0, None, None))
    assert "not among the uploads" in gone.messages and gone.player == EMPTY


def test_a_damaged_video_keeps_its_results(tiny_predictor: Predictor, upload: dict[str, Any]) -> None:
    def breaks_off(clip: Clip, expression: str) -> Iterator[FrameResult]:
        for number, result in enumerate(VideoPredictor(tiny_predictor).run(clip, expression)):
            if number == 4:
                raise VideoError("the clip can be read up to 0.4 s only")
            yield result

    *_, last = VideoEvents(ModelRunner(tiny_predictor, compute_video=breaks_off)).run(upload, "ball", 0, 0, None, None)
    assert last.run is not None and last.run.done == 4 and last.player["state"] == "done"
    assert "up to 0.4 s only" in last.messages and last.run.damage == "the clip can be read up to 0.4 s only"


def test_an_error_of_the_program_is_not_shown(
    tiny_predictor: Predictor, upload: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(clip: Clip, expression: str) -> Iterator[FrameResult]:
        raise ZeroDivisionError("secret")
        yield

    *_, last = VideoEvents(ModelRunner(tiny_predictor, compute_video=faulty)).run(upload, "ball", 0, 0, None, None)
    assert "secret" not in last.messages and "program failed" in last.messages and "secret" in caplog.text


def test_canceling_keeps_the_results(
    page: VideoEvents, upload: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refseg.ui.video.events.UPDATE_SECONDS", 0.0)
    running = page.run(upload, "ball", 0, 0, None, None)
    for _ in range(3):
        outputs = next(running)
    assert isinstance(running, Iterator)
    running.close()  # type: ignore[attr-defined]
    canceled = page.cancel(outputs.run)
    assert (
        canceled.player["state"] == "done"
        and canceled.player["done"] == 2
        and "Canceled after 2 of 6" in canceled.messages
    )
    assert page.cancel(None).player == EMPTY


def test_files_of_a_run_are_deleted_with_it(page: VideoEvents, upload: dict[str, Any]) -> None:
    run = finished(page, upload)
    folder = run.folder.file("x").parent
    assert folder.is_dir()
    token = run.token
    *_, after = page.run(upload, "dog", 0, 0, None, run)
    assert not folder.exists()
    close_run(after.run)
    del run, after
    assert page.frames({"run": token, "first": 0}) == []


NOTHING = 1 - 1e-6  # threshold above every probability: nothing is drawn over the frames


@pytest.mark.parametrize("name", ["mp4 hevc", "avi h264", "ts h264", "mp4 h264, open", "cut mp4 h264"])
def test_the_page_reads_the_frames_that_the_command_line_reads(name: str, page: VideoEvents, tmp_path: Path) -> None:
    encoding = TABLE[name.removeprefix("cut ")]
    path = encoding.write(tmp_path / f"clip.{encoding.suffix}", range(80))
    first = 30 if name.startswith("cut ") else 0
    if first:
        set_edits(path, [(50, first)])
    upload = {"path": str(path), "orig_name": path.name}
    assert f"of {80 - first}" in page.plan(upload, 6, 0, None).plan
    *_, last = page.run(upload, "the red ball", 6, 0.4, 1.8, None)
    run = last.run
    assert run is not None and run.done == 9
    indices = [entry.index for entry in run.timeline.entries]
    assert indices == open_clip(str(path), Sampling(fps=6, start=0.4, end=1.8)).indices.tolist()
    for frame in page.frames({"run": run.token, "first": 0}):
        view = cv2.imdecode(np.frombuffer(b64decode(frame["image"].partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        assert number_in(view) == frame["index"] + first
    saved, _ = VideoDownloads().save_mp4(NOTHING, 0.5, "#ff0000", False, run)
    assert saved is not None
    shown = list(open_clip(saved).frames())
    assert [number_in(frame.image) for frame in shown] == [index + first for index in indices]
    np.testing.assert_allclose([frame.time for frame in shown], run.clip.times - run.clip.times[0], atol=1e-3)


def test_the_timeline_names_the_files_of_the_zip(page: VideoEvents, upload: dict[str, Any]) -> None:
    *_, last = page.run(upload, "the red ball", 5, 0, 0, None)
    downloads = VideoDownloads()
    timeline, _ = downloads.save_timeline(0.5, last.run)
    masks, _ = downloads.save_masks(0.5, last.run)
    assert timeline is not None and masks is not None
    record = json.loads(Path(timeline).read_text(encoding="utf-8"))
    with zipfile.ZipFile(masks) as archive:
        assert [frame["mask"] for frame in record["frames"]] == archive.namelist()
    assert [frame["mask"][-9:] for frame in record["frames"]] == ["00000.png", "00002.png", "00004.png"]


def test_a_damaged_video_is_saved_up_to_the_damage(page: VideoEvents, tmp_path: Path) -> None:
    path = TABLE["avi mjpeg"].write(tmp_path / "half.avi", range(40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    *_, last = page.run({"path": str(path)}, "the red ball", 0, 0, None, None)
    assert (
        last.run is not None and last.run.done == len(last.run.clip) < 20 and "use the frames before" in last.messages
    )
    saved, message = VideoDownloads().save_mp4(NOTHING, 0.5, "#ff0000", False, last.run)
    assert saved is not None, message
    assert [number_in(frame.image) for frame in open_clip(saved).frames()] == list(range(last.run.done))


def test_downloads_need_a_run(page: VideoEvents) -> None:
    downloads = VideoDownloads()
    for path, message in (
        downloads.save_masks(0.5, None),
        downloads.save_expressions(None),
        downloads.save_timeline(0.5, None),
    ):
        assert path is None and "nothing to save yet" in message


def test_names_of_clips() -> None:
    assert (
        clip_name("/uploads/x/abc.mp4", "holiday.mov") == "holiday" and clip_name("/uploads/x/abc.mp4", None) == "abc"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (42.4, "42 s"), (131, "2 min 10 s"), (1200, "20 min"), (3900, "1 h 5 min"), (59.9, "1 min 0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_progress_before_the_first_frame_has_no_estimate() -> None:
    html = progress_html(0, 10, 0.0)
    assert "0 of 10 frames" in html and "left" not in html and np.char.count(html, "<progress") == 1
