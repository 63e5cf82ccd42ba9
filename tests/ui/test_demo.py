from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from refseg.ui import launch_options
from refseg.ui.assets import STATIC, static_text
from refseg.ui.session import MAX_SESSIONS
from tests.ui.fakes import FakePredictor


@pytest.fixture(scope="module")
def demo(build: Callable[..., gr.Blocks]) -> gr.Blocks:
    return build(FakePredictor())


def functions(demo: gr.Blocks) -> dict[str, Any]:
    return {str(function.api_name): function for function in demo.fns.values() if function.api_visibility == "public"}


def test_builds_without_launching(demo: gr.Blocks) -> None:
    assert isinstance(demo, gr.Blocks) and not demo.is_running


def test_endpoints_are_named(demo: gr.Blocks) -> None:
    image = {"open_picture", "segment", "refine", "save_mask", "save_overlay", "save_result"}
    video = {"plan", "segment_clip", "save_mp4", "save_masks", "save_expressions", "save_timeline"}
    assert set(functions(demo)) == image | video


def test_one_run_of_the_model_at_a_time(demo: gr.Blocks) -> None:
    assert functions(demo)["segment_clip"].concurrency_limit == 1
    assert functions(demo)["segment_clip"].concurrency_id != "network", "a long video would keep images waiting"
    network = [
        function for function in demo.fns.values() if function.fn is not None and function.concurrency_id == "network"
    ]
    assert len(network) >= 4 and all(function.concurrency_limit == 1 for function in network)


def test_controls_of_the_overlay_stay_in_the_browser(demo: gr.Blocks) -> None:
    live = [
        function
        for function in demo.fns.values()
        if function.fn is None and function.js and "sendSettings" in str(function.js)
    ]
    assert len(live) == 2 and all(len(one.targets) == 4 for one in live)  # of the image, of the video


def test_state_is_bounded_and_uploads_are_deleted(demo: gr.Blocks) -> None:
    states = [block for block in demo.blocks.values() if isinstance(block, gr.State)]
    assert [state.delete_callback.__name__ for state in states] == ["close_session", "close_run"]
    assert all(state.value is None and state.time_to_live < 3600 for state in states)
    assert demo.delete_cache is not None and launch_options()["state_session_capacity"] == MAX_SESSIONS


def test_two_demos_share_nothing(build: Callable[..., gr.Blocks]) -> None:
    first, second = build(FakePredictor(), image_examples=[]), build(FakePredictor(), image_examples=[])
    assert not set(map(id, first.blocks.values())) & set(map(id, second.blocks.values()))


def test_model_name_is_escaped(build: Callable[..., gr.Blocks]) -> None:
    demo = build(FakePredictor(name="<b>x</b>"), image_examples=[])
    assert not any("<b>x" in str(block.value) for block in demo.blocks.values() if isinstance(block, gr.HTML))


@pytest.mark.parametrize(
    "name", sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
)
def test_static_files_refer_to_nothing_outside(name: str) -> None:
    assert "://" not in static_text(name) and "@import" not in static_text(name)


def test_launch_options_can_be_replaced() -> None:
    assert launch_options(server_port=1)["server_port"] == 1
    assert launch_options(max_file_size="1mb")["max_file_size"] == "1mb"


def test_example_thumbnails_are_inside_the_page(demo: gr.Blocks) -> None:
    html = "".join(str(block.value) for block in demo.blocks.values() if isinstance(block, gr.HTML))
    assert "data:image/jpeg" in html and str(Path(np.__file__).parents[1]) not in html
