"""The annotation tab under difficult conditions: slow connections, held keys, closed projects, missing files."""

from pathlib import Path
from typing import Any

from refseg.annotation.project import Project
from tests.browser.annotator import Annotator, Sit
from tests.browser.visitor import Site


def open_project(sit: Sit, *photos: Path) -> Annotator:
    person = sit()
    person.create()
    person.add(*photos)
    return person


def label_of(person: Annotator, name: str) -> str:
    """The label of an image in the list, for screen readers."""
    return str(person.page.get_attribute(f'.rs-entry[data-name="{name}"]', "aria-label"))


def focused(person: Annotator) -> str:
    return str(person.page.evaluate("document.activeElement.dataset.name ?? document.activeElement.tagName"))


def test_the_list_shows_the_state_of_an_image(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, *photos)
    person.ask("the red ball")
    assert label_of(person, "small.png") == "small.png: model, 1 object"
    person.done(lambda: person.press("a"))
    person.done(lambda: person.press("s"))
    assert label_of(person, "small.png") == "small.png: accepted, 1 object"
    assert label_of(person, "large.png") == "large.png: skipped, 0 objects"
    assert person.page.get_attribute('.rs-entry[data-name="small.png"]', "data-state") == "accepted"
    signs = "name => getComputedStyle(document.querySelector(`[data-name='${name}'] .rs-state`), '::before').content"
    assert len({person.page.evaluate(signs, name) for name in ("small.png", "large.png", "tall.png")}) == 3
    assert not person.errors


def test_a_held_or_repeated_key_changes_one_image(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, *photos)
    let_go = person.hold("set_state")
    person.press("a")
    person.press("a")
    person.done(let_go)
    assert person.noted("image") == "large.png"
    for _ in range(3):
        person.page.keyboard.down("a")  # the second and third are repeats
        person.ready()
    person.page.keyboard.up("a")
    person.page.wait_for_function("() => document.querySelector('.rs-editor').dataset.image === 'tall.png'")
    assert [request["image"] for request in person.requests_for("set_state")] == ["small.png", "large.png"]
    assert person.record("tall.png").state == "new"
    person.page.keyboard.down("ArrowLeft")
    person.page.wait_for_function("() => document.querySelector('.rs-editor').dataset.image === 'large.png'")
    person.ready()
    person.done(lambda: person.page.keyboard.down("ArrowLeft"))
    person.page.keyboard.up("ArrowLeft")
    assert person.noted("image") == "small.png"
    person.ask("the red ball")
    assert person.requests_for("predict")[-1]["image"] == "small.png"
    assert not person.errors


def test_what_runs_stays_in_its_project_and_stops_when_it_is_closed(sit: Sit, photos: list[Path], site: Site) -> None:
    person = sit()
    person.create()
    page, first = person.page, person.project
    let_go = person.hold("add_image")
    page.set_input_files(".rs-add-images", [str(photo) for photo in photos])
    page.wait_for_function("() => document.querySelector('.rs-status').textContent.startsWith('Adding image 1')")
    page.wait_for_function("() => document.querySelector('.rs-editor').dataset.pending === '1'")
    page.click('[data-action="close"]')
    let_go()
    page.wait_for_function("() => document.querySelector('.rs-status').textContent.includes('1 of 3 were added')")
    person.project += "2"
    person.create()
    person.ready()
    assert [entry.name for entry in Project.open(site.projects / first).summaries] == ["small.png"]
    assert not Project.open(site.projects / person.project).summaries
    person.add(*photos[1:])
    let_go = person.hold("continue_batch")
    page.click('[data-open="batch"]')
    page.fill(".rs-batch-expressions", "the red ball")
    page.click('[data-pane="batch"] button[type="submit"]')
    page.wait_for_function("() => document.querySelector('.rs-status').textContent.startsWith('0 of 2')")
    page.click('[data-action="close"]')
    page.get_by_role("button", name=first, exact=True).click()
    page.wait_for_selector('.rs-entry[data-name="small.png"]')
    let_go()
    page.wait_for_function("() => document.querySelector('.rs-status').textContent.includes('Stopped the batch')")
    person.ready()
    (asked,) = person.requests_for("start_batch")
    assert {
        request["project"] for what in ("continue_batch", "stop_batch") for request in person.requests_for(what)
    } == {asked["project"]}
    assert person.noted("image") == "small.png"
    person.project = first
    assert not person.record("small.png").annotations
    assert not person.errors


def test_the_error_that_ended_a_batch_stays(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, photos[0])
    person.intercept("continue_batch", lambda route: route.fulfill(json={"error": "the disk is full"}))
    person.page.click('[data-open="batch"]')
    person.page.fill(".rs-batch-expressions", "the red ball")
    person.done(lambda: person.page.click('[data-pane="batch"] button[type="submit"]'))
    person.page.wait_for_selector(".rs-batch-stop:disabled")
    person.hears("the disk is full")


def test_strokes_on_a_slow_connection_change_one_mask(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, photos[0])
    page = person.page
    person.press("b")
    let_go = person.hold("brush")

    def stroke(y: float) -> None:
        page.mouse.move(*person.place(0.2, y))
        page.mouse.down()
        page.mouse.move(*person.place(0.6, y), steps=3)

    stroke(0.2)
    page.mouse.up()
    stroke(0.5)
    page.mouse.up()
    stroke(0.8)
    person.done(let_go)
    shown = person.decode_mask()[..., 3] > 0
    rows = [int(y * shown.shape[0]) for y in (0.2, 0.5, 0.8)]
    assert shown[rows, int(0.4 * shown.shape[1])].all(), "the third is still being drawn, the others are answered"
    person.done(page.mouse.up)
    (annotation,) = person.record().annotations
    assert annotation.decode_mask()[[24, 60, 96], 64].all()
    sent = person.requests_for("brush")
    assert {request["object"] for request in sent} == {annotation.id} and [
        request.get("is_new") for request in sent
    ] == [True, True, None]
    assert not person.errors


def test_an_answer_keeps_what_is_being_painted_and_typed(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, photos[0])
    page = person.page
    person.ask("the red ball")
    let_go = person.hold("predict")
    person.say("the dog")
    person.write("the next expression")
    field = page.get_by_label("Expression 2 of object 1")
    field.click()
    page.keyboard.type("half an expr")
    person.done(let_go)
    page.keyboard.type("ession")
    assert (
        field.input_value() == "half an expression"
        and page.input_value(".rs-predict-expression") == "the next expression"
    )
    person.done(lambda: page.keyboard.press("Enter"))
    assert person.record().annotations[0].expressions == ("the red ball", "half an expression")
    person.press("b")
    let_go = person.hold("predict")
    person.say("the green ball")
    page.mouse.move(*person.place(0.1, 0.1))
    page.mouse.down()
    page.mouse.move(*person.place(0.9, 0.9), steps=3)
    person.done(let_go)
    person.done(page.mouse.up)
    assert (
        len(person.record().annotations) == 3
        and person.requests_for("brush")[0]["object"] == person.record().annotations[0].id
    )
    assert person.page.locator(".rs-object:first-child.rs-open").count() == 1, "the object that was drawn stays active"
    assert not person.errors


def test_the_keyboard_alone(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, *photos[:2])
    page = person.page
    person.ask("the red ball")
    page.focus('[data-name="hide"]')
    person.done(lambda: page.keyboard.press("Space"))
    assert person.record().annotations[0].hidden and focused(person) == "hide"
    page.focus('[data-name="predict-again"]')
    person.done(lambda: page.keyboard.press("Enter"))
    page.wait_for_selector(".rs-object:nth-child(2).rs-open")
    assert focused(person) == "title"
    page.get_by_label("Category of object 2").fill("ball")
    person.done(lambda: page.keyboard.press("Enter"))
    assert person.record().annotations[1].category == "ball" and focused(person) == "category"
    page.focus(".rs-brush-size")
    size = page.input_value(".rs-brush-size")
    page.keyboard.press("ArrowRight")
    assert page.input_value(".rs-brush-size") != size
    page.focus(".rs-by-uncertainty")
    person.done(lambda: page.keyboard.press("Space"))
    assert page.is_checked(".rs-by-uncertainty") and not person.requests_for("step")
    page.focus('[data-action="shortcuts"]')
    page.keyboard.press("Space")
    page.wait_for_selector("dialog.rs-shortcuts[open]")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Video").focus()
    page.keyboard.press("Space")
    page.wait_for_selector("#rs-video-input")
    assert not person.errors


def test_a_lost_connection_is_reported_and_the_author_stays(sit: Sit, photos: list[Path]) -> None:
    person = sit()
    person.page.fill(".rs-author", "Ann")
    person.create()
    person.add(photos[0])
    person.intercept("predict", lambda route: route.abort())
    person.ask("the red ball")
    person.hears("server did not answer")
    assert [request["author"] for request in person.requests_for("open_project")] == ["Ann", "Ann"]
    person.intercept("predict", lambda route: route.continue_())
    person.ask("the red ball")
    assert person.record().annotations[0].author == "Ann"


def test_an_image_that_cannot_be_shown_says_why(sit: Sit, photos: list[Path]) -> None:
    person = open_project(sit, *photos)

    def without_image(route: Any) -> None:
        response = route.fetch()
        answer = response.json()
        del answer["image"]["uri"]
        answer["image"]["problem"] = "large.png is gone: put it back, or remove it"
        route.fulfill(response=response, json=answer)

    person.intercept("step", without_image)
    person.done(lambda: person.press("ArrowRight"))
    assert (
        "large.png is gone" in person.page.inner_text(".rs-canvas")
        and not person.page.locator(".rs-editor-image").is_visible()
    )
    count = len(person.asked)
    for key in ("n", "a", "b"):
        person.press(key)
    person.page.locator(".rs-canvas").click(position={"x": 90, "y": 90})
    assert len(person.asked) == count, "tools do nothing"
    person.page.click('[data-action="remove"]')
    assert "large.png" in person.page.inner_text(".rs-confirm p")
    person.page.click("text=Keep it")
    person.done(lambda: person.press("s"))
    assert person.noted("image") == "tall.png" and person.page.locator(".rs-editor-image").is_visible()
    assert "is gone" not in person.page.inner_text(".rs-canvas")
    assert not person.errors
