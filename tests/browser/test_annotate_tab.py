"""The annotation tab: from an expression to a dataset that other tools read."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from refseg.annotation.project import Project
from refseg.data.refcoco import read_refcoco
from tests.browser.annotator import Sit
from tests.browser.visitor import Site
from tests.video.clips import make_clip


def test_from_two_expressions_to_a_data_set(sit: Sit, photos: list[Path], tmp_path: Path) -> None:
    person = sit()
    person.page.fill(".rs-author", "Ann")
    person.create()
    person.add(photos[1])
    person.ask("the red ball")
    person.ask("the dog on the left")
    first, second = person.record().annotations
    assert [first.expressions, second.expressions] == [("the red ball",), ("the dog on the left",)]

    assert first.author == "Ann"
    model = second.decode_mask() if not second.no_target else np.zeros((1300, 2000), bool)
    add = bool(model.mean() < 0.5)
    person.press("b" if add else "e")
    person.drag((0.3, 0.3), (0.6, 0.3), (0.6, 0.6))
    drawn = person.record().annotations[1]
    assert (
        drawn.decode_mask()[780, 1200] == add and (drawn.decode_mask() != model).any() and drawn.model_mask is not None
    )
    assert person.record().state == "corrected"
    assert "model vs. you" in person.page.inner_text(".rs-agreement")
    np.testing.assert_array_equal(person.record().annotations[0].decode_mask(), first.decode_mask())

    person.done(lambda: person.press("Control+z"))
    back = person.record().annotations[1]
    assert back.no_target == second.no_target and (
        (back.decode_mask() == second.decode_mask()).all() if second.mask else back.mask is None
    )
    person.done(lambda: person.press("Control+y"))
    np.testing.assert_array_equal(person.record().annotations[1].decode_mask(), drawn.decode_mask())

    before = person.decode_mask()
    person.page.reload()
    person.enter_tab()
    person.ready()
    person.page.wait_for_selector(".rs-object")
    assert person.page.locator(".rs-object").count() == 2
    np.testing.assert_array_equal(person.decode_mask(), before)

    with zipfile.ZipFile(io.BytesIO(person.export("coco"))) as archive:
        archive.extractall(tmp_path / "coco")
    from pycocotools.coco import COCO

    coco = COCO(str(tmp_path / "coco" / "annotations" / "instances_train.json"))
    masks = [annotation.decode_mask() for annotation in person.record().annotations if annotation.mask is not None]
    annotations = coco.loadAnns(coco.getAnnIds())
    assert len(annotations) == sum(mask.any() for mask in masks)
    for annotation, mask in zip(annotations, [mask for mask in masks if mask.any()], strict=True):
        np.testing.assert_array_equal(coco.annToMask(annotation) > 0, mask)
        assert annotation["area"] == mask.sum()
    with zipfile.ZipFile(io.BytesIO(person.export("refcoco"))) as archive:
        archive.extractall(tmp_path / "refcoco")
    dataset = read_refcoco(tmp_path / "refcoco")
    assert "the dog on the left" in {text for referent in dataset.referents for text in referent.expressions}
    assert not person.errors


def test_a_mask_by_hand_alone_with_points_a_box_and_repairs(sit: Sit, photos: list[Path]) -> None:
    person = sit()
    person.create()
    person.add(photos[0])
    person.press("b")
    person.drag((0.2, 0.2), (0.2, 0.6), (0.5, 0.6), (0.5, 0.2), (0.2, 0.2))
    (annotation,) = person.record().annotations
    ring = annotation.decode_mask()
    assert annotation.origin.model is None and ring.any() and not ring[int(0.4 * 120), int(0.35 * 160)]
    person.done(lambda: person.page.click('[data-repair="fill"]'))
    assert person.record().annotations[0].decode_mask()[int(0.4 * 120), int(0.35 * 160)]
    person.press("m")
    person.click(0.35, 0.4)
    assert not person.record().annotations[0].decode_mask()[int(0.4 * 120), int(0.35 * 160)]
    person.press("p")
    person.click(0.8, 0.8)
    assert person.record().annotations[0].decode_mask()[int(0.8 * 120), int(0.8 * 160)]
    person.done(lambda: person.press("n"))
    person.press("x")
    person.drag((0.5, 0.5), (0.9, 0.95))
    boxed = person.record().annotations[1].decode_mask()
    assert not boxed[: int(0.48 * 120)].any() and not boxed[:, : int(0.48 * 160)].any()
    person.done(lambda: person.press("Delete"))
    assert len(person.record().annotations) == 1
    assert not person.errors


def test_zooming_shows_details_and_tools_stay_exact(sit: Sit, photos: list[Path]) -> None:
    person = sit()
    person.create()
    person.add(photos[1])
    board = person.page.locator(".rs-canvas").bounding_box()
    person.page.mouse.move(board["x"] + 40, board["y"] + board["height"] / 2)
    for _ in range(6):
        person.page.mouse.wheel(0, -150)
    person.page.wait_for_selector(".rs-crop:not([hidden])")
    assert float(person.noted("zoom")) > 1.5
    person.press("b")
    x, y = 0.065, 0.5
    person.click(x, y)
    mask = person.record().annotations[0].decode_mask()
    ys, xs = np.nonzero(mask)
    assert abs(xs.mean() - x * 2000) < 8 and abs(ys.mean() - y * 1300) < 8 and xs.max() - xs.min() < 40
    person.press("f")
    assert float(person.noted("zoom")) < 1
    person.page.wait_for_selector(".rs-crop", state="hidden")
    assert not person.errors


def test_two_fingers_zoom_and_cancel_the_stroke_of_the_first(sit: Sit, photos: list[Path]) -> None:
    person = sit()
    person.create()
    person.add(photos[0])
    person.press("b")
    person.drag((0.2, 0.2), (0.3, 0.3))
    before, revision = person.decode_mask(), person.record().revision
    touch = person.page.context.new_cdp_session(person.page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y = person.place(0.5, 0.5)
    zoom, middle = float(person.noted("zoom")), person.place(0.5, 0.5)
    fingers("touchStart", (x - 20, y))
    fingers("touchMove", (x - 22, y))
    fingers("touchStart", (x - 22, y), (x + 22, y))
    for reach in (30, 44):
        fingers("touchMove", (x - reach, y), (x + reach, y))
    fingers("touchEnd")
    assert float(person.noted("zoom")) == pytest.approx(2 * zoom, rel=0.02)
    assert person.place(0.5, 0.5) == pytest.approx(middle, abs=2), "the point between the fingers stays there"
    np.testing.assert_array_equal(person.decode_mask(), before)
    assert person.record().revision == revision
    person.press("f")
    person.page.mouse.move(*person.place(0.5, 0.5))
    person.page.mouse.down()
    person.page.mouse.move(*person.place(0.7, 0.7), steps=3)
    assert (person.decode_mask() != before).any()
    person.page.keyboard.press("Escape")
    person.page.mouse.up()
    np.testing.assert_array_equal(person.decode_mask(), before)
    assert person.record().revision == revision and not person.errors


def test_an_image_is_removed_after_confirmation(sit: Sit, photos: list[Path]) -> None:
    person = sit()
    person.create()
    person.add(*photos[:2])
    name = person.noted("image")
    person.page.click('[data-action="remove"]')
    assert name in person.page.inner_text(".rs-confirm p")
    person.page.click("text=Keep it")
    person.page.click('[data-action="remove"]')
    person.done(lambda: person.page.click("text=Remove it"))
    assert person.page.locator(".rs-entry").count() == 1 and person.noted("image") not in ("", name)
    person.page.click('[data-action="remove"]')
    person.done(lambda: person.page.click("text=Remove it"))
    person.page.wait_for_selector(".rs-drop-hint:not([hidden])")
    assert person.page.locator(".rs-entry").count() == 0 and not person.page.locator(".rs-editor-image").is_visible()
    person.add(photos[0])
    assert person.noted("image") and not person.errors


def test_expressions_are_stored_and_shown_as_text(sit: Sit, photos: list[Path]) -> None:
    person = sit()
    person.create()
    person.add(photos[0])
    person.done(lambda: person.press("n"))
    box = person.page.locator(".rs-object-expression").first
    box.fill("<img src=x onerror=alert(1)> ball")
    person.done(lambda: box.press("Enter"))
    second = person.page.locator(".rs-object-expression").nth(1)
    second.fill("another expression")
    person.done(lambda: second.press("Enter"))
    category = person.page.locator(".rs-category")
    category.fill("ball")
    person.done(lambda: category.press("Enter"))
    person.done(lambda: person.page.click("[data-no-target]"))
    (annotation,) = person.record().annotations
    assert (
        annotation.expressions == ("<img src=x onerror=alert(1)> ball", "another expression")
        and annotation.category == "ball"
        and annotation.no_target
    )
    assert (
        "<img src=x" in person.page.inner_text(".rs-title") and person.page.locator(".rs-object-rows img").count() == 0
    )
    assert not person.errors


def test_the_list_the_keys_and_a_batch(sit: Sit, photos: list[Path], site: Site) -> None:
    person = sit()
    person.create()
    person.add(*photos)
    person.done(lambda: person.press("ArrowRight"))
    assert person.noted("image") == "large.png"
    person.done(lambda: person.press("s"))
    assert person.record("large.png").state == "skipped"
    assert person.noted("image") == "tall.png"
    person.done(lambda: person.press("a"))
    assert person.record("tall.png").state == "accepted"
    person.page.click('[data-open="batch"]')
    person.page.fill(".rs-batch-expressions", "the red ball\nthe dog")
    person.page.click('[data-pane="batch"] button[type="submit"]')
    person.hears("6 objects in 3 of 3 images")
    assert [len(person.record(name).annotations) for name in ("small.png", "large.png", "tall.png")] == [2, 2, 2]
    person.ready()
    person.done(lambda: person.press("Control+z"))
    assert [len(person.record(name).annotations) for name in ("small.png", "large.png", "tall.png")] == [0, 0, 0]
    person.press("?")
    assert "redo" in person.page.inner_text("dialog.rs-shortcuts")
    person.page.keyboard.press("Escape")
    person.page.select_option(".rs-state-filter", "skipped")
    person.page.wait_for_function("() => document.querySelectorAll('.rs-entry').length <= 2")
    assert not person.errors


def test_two_windows_notice_each_other(sit: Sit, photos: list[Path]) -> None:
    one = sit()
    one.create()
    one.add(photos[0])
    two = sit()  # the same browser remembers the project
    two.ready()
    two.page.wait_for_selector(".rs-entry")
    one.ask("the red ball")
    two.page.fill(".rs-predict-expression", "the dog")
    two.page.press(".rs-predict-expression", "Enter")
    two.hears("another window")
    two.page.wait_for_selector(".rs-object")  # the change of the first is shown now
    assert [annotation.expressions for annotation in one.record().annotations] == [("the red ball",)]
    two.ask("the dog")
    assert len(one.record().annotations) == 2


def test_a_zip_is_imported_and_files_that_are_not_images_are_refused(
    sit: Sit, photos: list[Path], tmp_path: Path, site: Site
) -> None:
    person = sit()
    person.create()
    person.add(photos[0])
    person.press("b")
    person.drag((0.3, 0.3), (0.6, 0.6))
    mask = person.record().annotations[0].decode_mask()
    path = tmp_path / "out.zip"
    path.write_bytes(person.export("labelme"))
    person.page.click('[data-open="import"]')
    person.page.select_option(".rs-import-format", "labelme")
    person.page.set_input_files(".rs-import-file", str(path))
    person.hears("Imported 1 object in 1 image")
    names = [entry.name for entry in Project.open(site.projects / person.project).summaries]
    assert names == ["small.png", "small-2.png"]
    np.testing.assert_array_equal(person.record("small-2.png").annotations[0].decode_mask(), mask)
    (tmp_path / "broken.png").write_text("no picture")
    person.page.set_input_files(".rs-add-images", str(tmp_path / "broken.png"))
    person.hears("1 of 1 files were not added", "broken.png")
    person.page.set_input_files(".rs-import-file", str(photos[0]))
    person.hears("zip")


def test_a_frame_of_a_video_is_annotated(sit: Sit, site: Site, tmp_path: Path) -> None:
    person = sit()
    person.create()
    frames = [np.full((48, 64, 3), 40 * number, np.uint8) for number in range(4)]
    clip = make_clip(tmp_path / "clip.mp4", frames, rate=10)
    page = person.page
    page.get_by_role("tab", name="Video").click()
    page.set_input_files("#rs-video-input input[type=file]", str(clip))
    page.wait_for_selector("#rs-plan p")
    page.locator("#rs-video-expression textarea, #rs-video-expression input").first.fill("the ball")
    page.click("#rs-run")
    page.wait_for_function(
        "() => { const d = document.querySelector('.rs-player').dataset; return d.state === 'done' && d.frames ==="
        " '4' }"
    )
    page.locator(".rs-scrub").fill("2")
    page.click("#rs-send-frame")
    page.wait_for_selector("#rs-video-messages .rs-message")
    assert "1 frame was added to the project" in page.inner_text("#rs-video-messages")
    person.enter_tab()
    page.wait_for_selector(".rs-entry")
    project = Project.open(site.projects / person.project)
    record = project.record(project.summaries[0].name)
    assert record.frame == 2 and record.annotations[0].expressions == ("the ball",)
    assert json.dumps(person.errors) == "[]"
