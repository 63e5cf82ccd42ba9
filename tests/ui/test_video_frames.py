"""Sending frames of a run to the annotation tab."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refseg.inference.predictor import Predictor
from refseg.inference.video import VideoPredictor
from refseg.ui.runner import Runner
from refseg.ui.shelf import Shelf
from refseg.ui.video_frames import FrameSender
from refseg.ui.video_page import VideoPage
from refseg.ui.video_run import VideoRun
from tests.inference.test_video import moving
from tests.video.clips import make_clip


@pytest.fixture
def run(tmp_path: Path, tiny_predictor: Predictor) -> VideoRun:
    upload: dict[str, Any] = {"path": str(make_clip(tmp_path / "clip.mp4", moving(4), rate=10)), "orig_name": "<b>my</b> clip.mp4"}
    *_, last = VideoPage(Runner(tiny_predictor)).run(upload, "the red ball", 0, 0, None, None)
    assert last.run is not None
    return last.run


@pytest.mark.parametrize("listed", [True, False])
def test_a_frame_and_all_frames_reach_the_visitors_project(listed: bool, run: VideoRun, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", listed)
    sender = FrameSender(shelf)
    (sent,) = sender.send_frame(2, "", 0.4, run)
    assert "1 frame is in the project" in sent.messages and "<b>" not in sent.messages
    project = shelf.open(sent.key)
    (entry,) = project.entries
    record = project.record(entry.name)
    assert record.frame == 2 and record.layers[0].expressions == ("the red ball",) and record.layers[0].origin.threshold == 0.4
    np.testing.assert_array_equal(record.layers[0].pixels(), run.mask(2, 0.4))
    assert record.layers[0].doubt == run.doubt(2, 0.4)
    *_, last = sender.send_all_frames(sent.key, 0.5, run)
    project.refresh()
    assert last.key == sent.key and [project.record(one.name).frame for one in project.entries] == [2, 0, 1, 3]
    assert len(project.record(entry.name).layers) == 2


def test_frames_are_doubted_on_the_scale_of_pictures(tiny_predictor: Predictor, tmp_path: Path) -> None:
    frames, run = moving(2), None
    upload: dict[str, Any] = {"path": str(make_clip(tmp_path / "clip.mp4", frames, rate=10)), "orig_name": "clip.mp4"}
    for answered in VideoPage(Runner(tiny_predictor)).run(upload, "the red ball", 0, 0, None, None):
        run = answered.run or run
    assert run is not None
    for number, result in enumerate(VideoPredictor(tiny_predictor).segment(tmp_path / "clip.mp4", "the red ball")):
        assert run.doubt(number, 0.5) == pytest.approx(replace(result.segmentation, threshold=0.5).uncertainty, abs=1e-2)


def test_nothing_to_send_is_said(run: VideoRun, tmp_path: Path) -> None:
    sender = FrameSender(Shelf(tmp_path / "shelf", listed=True))
    for told in (sender.send_frame(0, "", 0.5, None), sender.send_frame(99, "", 0.5, run), sender.send_all_frames("", 0.5, None)):
        (sent,) = told
        assert "error" in sent.messages and not (tmp_path / "shelf").exists()
    run.clip.info.path.unlink() if isinstance(run.clip.info.path, Path) else Path(run.clip.info.path).unlink()
    (*_, sent) = sender.send_all_frames("", 0.5, run)
    assert "rs-error" in sent.messages
