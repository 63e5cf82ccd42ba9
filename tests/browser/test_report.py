"""A report opened from the disk, as the one who receives it would."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refseg import load_image
from refseg.explain.overview import overview_html
from refseg.explain.report import report_html, write_report
from tests.explain.explained import answer, explanation

pytestmark = pytest.mark.browser

ATTACK = "<img src=x onerror=\"document.title='attacked'\">"
WORDS = ("the", "red", "ball", ATTACK)
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photo = load_image(Path(__file__).parents[2] / "assets" / "examples" / "marbles.jpg")
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, report_html(explanation(answer(WORDS, image=photo)), image_name="marbles.jpg", model="tiny"))
    return path


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Open]:
    """Opens the report in a window of its own and notes all it asks for and complains of."""
    contexts = []

    def open_page(**options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(report.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def shown(page: Any) -> tuple[str, str]:
    """(source, caption) of what lies over the picture."""
    return page.get_attribute("#over", "src"), page.inner_text("#caption")


def test_it_asks_for_nothing_but_itself(opened: Open, report: Path) -> None:
    page = opened()
    page.wait_for_function("() => [...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert [url for url in page.asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.complaints == [] and page.title() != "attacked"


def test_a_word_shows_where_it_is_attended_from(opened: Open) -> None:
    page = opened()
    mask, caption = shown(page)
    assert caption == "The mask"
    page.get_by_role("link", name="red", exact=True).first.click()
    source, caption = shown(page)
    assert caption == "Attention map of “red”, early features" and source != mask
    assert source == page.get_attribute("#map-0-1 img", "src")
    page.locator(".rs-heatmap tbody tr").nth(2).locator("a").nth(1).focus()
    page.keyboard.press("Enter")
    assert shown(page)[1] == "Attention map of “red”, late features"
    assert (
        page.locator('.legend[data-for="map"]').is_visible()
        and not page.locator('.legend[data-for="mask"]').is_visible()
    )
    page.locator("#map-2-1 a").click()
    assert shown(page) == (mask, "The mask"), "pressed again, it goes"
    assert page.complaints == []


def test_a_row_shows_the_pixels_that_change_while_the_pointer_is_on_it(opened: Open) -> None:
    page = opened()
    page.locator('tr[data-overlay="without-1"]').hover()
    source, caption = shown(page)
    assert caption == "Without “red”" and page.locator('.legend[data-for="changes"]').is_visible()
    with Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))) as picture:
        colours = {tuple(pixel) for pixel in np.asarray(picture.convert("RGBA")).reshape(-1, 4)[:, :3].tolist()}
    assert {(245, 130, 32), (41, 151, 255)} <= colours
    page.mouse.move(5, 5)
    assert shown(page)[1] == "The mask"
    page.locator('tr[data-overlay="without-1"] th a').click()
    page.mouse.move(5, 5)
    assert shown(page)[1] == "Without “red”", "what was clicked stays"


def test_without_scripts_a_word_leads_to_its_map(opened: Open) -> None:
    page = opened(java_script_enabled=False)
    target = page.locator("#map-0-1")
    small = target.bounding_box()["width"]
    page.get_by_role("link", name="red", exact=True).first.click()
    assert page.url.endswith("#map-0-1") and target.bounding_box()["width"] > 2 * small
    assert page.locator("#over").is_visible()


def test_it_fits_and_follows_the_readers_colours(opened: Open) -> None:
    page = opened()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        picture = page.locator("#stage .image").bounding_box()
        assert picture["width"] / picture["height"] == pytest.approx(720 / 480, rel=0.01)
    for scheme, ground in (("light", "rgb(250, 250, 249)"), ("dark", "rgb(12, 10, 9)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_an_overview_leads_to_the_reports(opened: Open, report: Path) -> None:
    whys = [explanation(answer()), explanation(answer(presence=0.1))]
    write_report(
        report.with_name("overview.html"), overview_html(whys, [report.name, report.name], image_name="marbles.jpg")
    )
    page = opened()
    page.goto(report.with_name("overview.html").as_uri())
    page.locator(".answers a").first.click()
    page.wait_for_selector("#stage")
    assert page.complaints == []
