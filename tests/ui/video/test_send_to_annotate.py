"""Sending frames of a run to the annotation tab."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refseg.inference.predictor import Predictor
from refseg.inference.video import VideoPredictor
from refseg.ui.model_runner import ModelRunner
from refseg.ui.project_directory import ProjectDirectory
from refseg.ui.video.events import VideoEvents
from refseg.ui.video.run import VideoRun
from refseg.ui.video.send_to_annotate import FrameSender
from tests.inference.test_video import moving
from tests.video.clips import make_clip


@pytest.fixture
def run(tmp_path: Path, tiny_predictor: Predictor) -> VideoRun:
    upload: dict[str, Any] = {
        "path": str(make_clip(tmp_path / "clip.mp4", moving(4), rate=10)),
        "orig_name": "<b>my</b> clip.mp4",
    }
    *_, last = VideoEvents(ModelRunner(tiny_predictor)).run(upload, "the red ball", 0, 0, None, None)
    assert last.run is not None
    return last.run


@pytest.mark.parametrize("listed", [True, False])
def test_a_frame_and_all_frames_reach_the_visitors_project(listed: bool, run: VideoRun, tmp_path: Path) -> None:
    projects = ProjectDirectory(tmp_path / "projects", listed)
    sender = FrameSender(projects)
    (sent,) = sender.send_frame(2, "", 0.4, run)
    assert "1 frame was added to the project" in sent.messages and "<b>" not in sent.messages
    project = projects.open(sent.project_key)
    (entry,) = project.summaries
    record = project.record(entry.name)
    assert (
        record.frame == 2
        and record.annotations[0].expressions == ("the red ball",)
        and record.annotations[0].origin.threshold == 0.4
    )
    np.testing.assert_array_equal(record.annotations[0].decode_mask(), run.mask(2, 0.4))
    assert record.annotations[0].uncertainty == run.uncertainty(2, 0.4)
    *_, last = sender.send_all_frames(sent.project_key, 0.5, run)
    project.refresh()
    assert last.project_key == sent.project_key and [project.record(one.name).frame for one in project.summaries] == [
        2,
        0,
        1,
        3,
    ]
    assert len(project.record(entry.name).annotations) == 2


def test_frames_have_the_same_uncertainty_as_images(tiny_predictor: Predictor, tmp_path: Path) -> None:
    frames, run = moving(2), None
    upload: dict[str, Any] = {"path": str(make_clip(tmp_path / "clip.mp4", frames, rate=10)), "orig_name": "clip.mp4"}
    for answered in VideoEvents(ModelRunner(tiny_predictor)).run(upload, "the red ball", 0, 0, None, None):
        run = answered.run or run
    assert run is not None
    for number, result in enumerate(VideoPredictor(tiny_predictor).segment(tmp_path / "clip.mp4", "the red ball")):
        assert run.uncertainty(number, 0.5) == pytest.approx(
            replace(result.segmentation, threshold=0.5).uncertainty, abs=1e-2
        )


def test_nothing_to_send_is_reported(run: VideoRun, tmp_path: Path) -> None:
    sender = FrameSender(ProjectDirectory(tmp_path / "projects", listed=True))
    for outputs in (
        sender.send_frame(0, "", 0.5, None),
        sender.send_frame(99, "", 0.5, run),
        sender.send_all_frames("", 0.5, None),
    ):
        (sent,) = outputs
        assert "error" in sent.messages and not (tmp_path / "projects").exists()
    run.clip.info.path.unlink() if isinstance(run.clip.info.path, Path) else Path(run.clip.info.path).unlink()
    (*_, sent) = sender.send_all_frames("", 0.5, run)
    assert "rs-error" in sent.messages
