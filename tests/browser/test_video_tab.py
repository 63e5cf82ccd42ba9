import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refseg.images import load_image
from tests.browser.visitor import Site, VideoVisitor, Visit
from tests.video.clips import make_clip

pytestmark = pytest.mark.browser

FRAMES = 36


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A window that moves over the drawn marbles."""
    picture = load_image(Path(__file__).parents[2] / "assets" / "examples" / "marbles.jpg")[::2, ::2]
    frames = [np.ascontiguousarray(picture[20:200, 3 * number : 3 * number + 240]) for number in range(FRAMES)]
    return make_clip(tmp_path_factory.mktemp("clips") / "my holiday.mp4", frames, rate=12)


def test_from_a_clip_to_the_files(visit: Visit, site: Site, clip: Path) -> None:
    visitor = visit(VideoVisitor)
    plan = visitor.open(clip)
    assert f"{FRAMES} frames of {FRAMES}" in plan and "240 × 180" in plan and "about" in plan

    # canceled half way: the results stay, and the worker is free at once
    site.pause = 0.4
    visitor.start("the red ball on the left")
    visitor.wait_frames(6)
    visitor.page.click("#rs-cancel")
    assert "Canceled after" in visitor.message("status")
    visitor.page.wait_for_selector("#rs-run:not([disabled])")
    kept = visitor.frames()
    assert 6 <= kept < FRAMES
    asked = site.calls["answer"]
    visitor.page.wait_for_timeout(1500)
    assert site.calls["answer"] <= asked + 1, "the run continued after it was canceled"
    visitor.scrub(0)
    visitor.scrub(kept - 1)

    # again, to its end
    site.pause = 0.0
    visitor.run("the red ball on the left", FRAMES)
    calls = dict(site.calls)
    areas = [visitor.scrub(number) for number in (0, 11, FRAMES - 1)]
    assert all(0 <= area <= 100 for area in areas)
    visitor.set_slider("video-threshold", 0.02)
    visitor.wait_area(99, 100)
    pixels = visitor.pixels()
    assert pixels[..., 3].min() > 0
    heat = visitor.page.locator(".rs-word-labels span").all_inner_texts()
    assert heat == ["the", "red", "ball", "on", "the", "left"]
    assert visitor.page.locator(".rs-frame-weights i").count() >= 6

    name, data = visitor.download("mp4")
    assert name == "overlay.mp4" and visitor.plays(data) == pytest.approx(FRAMES / 12, abs=0.2)
    name, data = visitor.download("masks")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert name == "masks.zip" and len(archive.namelist()) == FRAMES
        mask = Image.open(io.BytesIO(archive.read("Annotations/my_holiday/00003.png")))
        assert mask.mode == "P" and mask.size == (240, 180) and np.asarray(mask).mean() > 0.99
    name, data = visitor.download("expressions")
    (said,) = json.loads(data)["videos"].values()
    assert name == "meta_expressions.json" and said["expressions"] == {
        "0": {"exp": "the red ball on the left", "obj_id": "1"}
    }
    assert said["frames"] == [f"{n:05d}" for n in range(FRAMES)]
    name, data = visitor.download("timeline")
    record = json.loads(data)
    assert name == "timeline.json" and record["threshold"] == 0.02 and len(record["frames"]) == FRAMES
    assert all(frame["area_fraction"] > 0.99 for frame in record["frames"])
    assert site.calls == calls, "scrubbing, a control or a download ran the model"
    assert visitor.errors == []
    assert [url for url in visitor.requests if not url.startswith((site.url, "data:", "blob:"))] == []


def test_the_mask_on_the_page_is_the_mask_in_the_files(visit: Visit, clip: Path) -> None:
    visitor = visit(VideoVisitor)
    visitor.open(clip)
    visitor.run("the blue ball", FRAMES)
    _, data = visitor.download("masks")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for number in (0, 20):
            visitor.scrub(number)
            saved = np.asarray(Image.open(io.BytesIO(archive.read(f"Annotations/my_holiday/{number:05d}.png")))) > 0
            shown = visitor.pixels()[..., 3] > 0
            assert shown.shape == saved.shape and (shown != saved).mean() < 0.01  # interpolated once here, twice there


def test_a_part_of_the_clip_at_a_lower_rate(visit: Visit, clip: Path) -> None:
    visitor = visit(VideoVisitor)
    visitor.open(clip)
    visitor.page.fill("#rs-start input", "1")
    visitor.page.fill("#rs-end input", "2")
    visitor.page.keyboard.press("Tab")
    visitor.wait_plan("12 frames of 36")
    visitor.run("ball", 12)
    assert visitor.page.locator(".rs-time").inner_text().endswith("frame 23")


def test_uncertain_frames_are_shown_one_after_the_other(visit: Visit, clip: Path) -> None:
    visitor = visit(VideoVisitor)
    visitor.open(clip)
    visitor.run("the dog", FRAMES)
    visitor.set_slider("video-threshold", 0.97)  # hardly a pixel: masks jump
    uncertain = int(visitor.page.get_attribute(".rs-player", "data-uncertain"))
    button = visitor.page.locator(".rs-next-uncertain")
    if not uncertain:
        assert button.is_disabled()
        return
    visitor.scrub(FRAMES - 1)
    visited = set()
    for _ in range(uncertain):
        button.click()
        visited.add(visitor.current())
    assert len(visited) == uncertain


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"this is text", "is no video"),
        (b"", "empty file"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 64, "cannot be read|contains nothing"),
    ],
)
def test_a_file_that_is_not_a_video_is_one_sentence(content: bytes, reason: str, visit: Visit) -> None:
    visitor = visit(VideoVisitor)
    visitor.upload({"name": "clip.mp4", "mimeType": "video/mp4", "buffer": content})
    message = visitor.message("alert")
    assert any(part in message for part in reason.split("|")), message
    assert "Traceback" not in message and "/" not in message


def test_missing_inputs_are_reported(visit: Visit, clip: Path) -> None:
    visitor = visit(VideoVisitor)
    visitor.page.click("#rs-run")
    assert "no video yet" in visitor.message("alert")
    visitor.open(clip)
    visitor.page.click("#rs-run")
    visitor.page.wait_for_function(
        "() => document.querySelector('#rs-video-messages')?.textContent.includes('expression is empty')"
    )


def test_frames_of_a_run_need_its_token(visit: Visit, clip: Path, site: Site) -> None:
    visitor = visit(VideoVisitor)
    visitor.open(clip)
    visitor.run("ball", FRAMES)
    token = visitor.page.get_attribute(".rs-player", "data-run")
    assert len(token) > 30
    for request in (
        {"run": "guess", "first": 0},
        {"run": token, "first": "0"},
        {"run": token, "first": 10**9},
        None,
        [],
        "x",
    ):
        assert visitor.ask_frames(request) == []
    assert len(visitor.ask_frames({"run": token, "first": -5})) <= 12


def test_on_a_phone_everything_fits(visit: Visit, clip: Path) -> None:
    visitor = visit(VideoVisitor, width=390, height=844)
    visitor.open(clip)
    visitor.run("the red ball", FRAMES)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.page.locator(".rs-scrub").bounding_box()["width"] > 100


def test_the_example_runs(visit: Visit) -> None:
    visitor = visit(VideoVisitor)
    visitor.page.click("#rs-video-example-0")
    visitor.wait_plan("48 frames of 48")
    visitor.page.wait_for_timeout(300)
    visitor.page.click("#rs-run")
    visitor.wait_frames(48)
