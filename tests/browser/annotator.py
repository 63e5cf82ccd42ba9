"""A user of the annotation tab."""

import base64
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refseg.annotation.project import Project
from refseg.annotation.records import AnnotatedImage
from tests.browser.visitor import Site, Visitor

ASKED = re.compile("/component_server")  # where the page's script sends requests


class Annotator(Visitor):
    """Works in one project."""

    tab, upload_box, expression_box, messages, widget = (
        "Annotate",
        ".rs-workspace",
        ".rs-predict-form",
        ".rs-alerts",
        ".rs-editor",
    )

    def __init__(self, page: Any, site: Site, project: str, query: str = "") -> None:
        super().__init__(page, site, query)
        self.project = project
        self.asked: list[dict[str, Any]] = []  # requests that the script has sent
        page.on(
            "request",
            lambda request: self.asked.append(request.post_data_json["data"]) if ASKED.search(request.url) else None,
        )
        self.page.wait_for_selector(".rs-editor[data-ready]")

    def enter_tab(self) -> None:
        self.page.get_by_role("tab", name="Annotate").click()
        self.page.wait_for_selector(".rs-editor[data-ready]")

    def create(self) -> None:
        self.page.fill(".rs-create-name", self.project)
        self.page.click(".rs-create button")
        self.page.wait_for_selector('.rs-editor[data-state="work"]')

    def add(self, *photos: Path) -> None:
        before = self.page.locator(".rs-entry").count()
        self.page.set_input_files(".rs-add-images", [str(photo) for photo in photos])
        self.page.wait_for_function(
            "count => document.querySelectorAll('.rs-entry').length === count", arg=before + len(photos)
        )
        self.ready()

    def ready(self) -> None:
        """Waits until all requests are answered and drawn."""
        self.page.wait_for_function(
            "() => { const d = document.querySelector('.rs-editor'); return d.dataset.state === 'work' &&"
            " (d.dataset.pending ?? '0') === '0' }"
        )

    def done(self, action: Any) -> None:
        """Does something that the server answers, and waits for the answer."""
        before = self.turn()
        action()
        self.page.wait_for_function(
            "before => Number(document.querySelector('.rs-editor').dataset.answers) > before", arg=before
        )
        self.ready()

    def turn(self) -> int:
        return int(self.noted("answers") or 0)

    def ask(self, expression: str) -> None:
        self.done(lambda: self.say(expression))

    def press(self, key: str) -> None:
        """Presses a key, which goes to the tools."""
        self.page.evaluate("document.activeElement?.blur()")
        self.page.keyboard.press(key)

    def intercept(self, what: str, answer: Callable[[Any], None]) -> None:
        """From now on requests of that kind go to `answer` as Playwright's routes."""
        self.page.unroute(ASKED)
        self.page.route(
            ASKED,
            lambda route: (
                answer(route) if route.request.post_data_json["data"]["action"] == what else route.continue_()
            ),
        )

    def hold(self, what: str) -> Callable[[], None]:
        """Holds requests of that kind back until the returned function is called."""
        held: list[Any] = []
        slow = True
        self.intercept(what, lambda route: held.append(route) if slow else route.continue_())

        def let_go() -> None:
            nonlocal slow
            slow = False
            for route in held:
                route.continue_()

        return let_go

    def requests_for(self, what: str) -> list[dict[str, Any]]:
        return [request for request in self.asked if request["action"] == what]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the image, in shares of its sides, is on the screen."""
        box = self.page.locator(".rs-masks").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, *places: tuple[float, float]) -> None:
        self.page.mouse.move(*self.place(*places[0]))
        self.page.mouse.down()
        for one in places[1:]:
            self.page.mouse.move(*self.place(*one), steps=4)
        self.done(self.page.mouse.up)

    def click(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.place(x, y))
        self.page.mouse.down()
        self.done(self.page.mouse.up)

    def record(self, name: str | None = None) -> AnnotatedImage:
        """The record on disk."""
        project = Project.open(self.site.projects / self.project)
        return project.record(name or self.noted("image"))

    def decode_mask(self) -> np.ndarray:
        """The masks as drawn, RGBA (H, W, 4)."""
        uri = self.page.evaluate("document.querySelector('.rs-masks').toDataURL()")
        return np.asarray(Image.open(BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGBA"))

    def export(self, format_: str) -> bytes:
        if not self.page.locator('[data-pane="export"]').is_visible():
            self.page.click('[data-open="export"]')
        self.page.select_option(".rs-export-format", format_)
        with self.page.expect_download() as info:
            self.page.click('[data-pane="export"] button')
        assert info.value.suggested_filename == f"{self.project}-{format_}.zip"
        return Path(info.value.path()).read_bytes()

    def hears(self, *texts: str) -> None:
        """Waits until the alerts contain all texts."""
        self.page.wait_for_function(
            "texts => texts.every((text) => document.querySelector('.rs-alerts').textContent.includes(text))",
            arg=list(texts),
        )


Sit = Callable[..., Annotator]
"""Opens the tab in another window of the same browser; options are those of `Annotator`."""
