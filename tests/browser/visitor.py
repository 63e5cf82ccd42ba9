"""A person at the page, and the site they visit."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refseg import Predictor

PATIENCE = 60_000  # milliseconds; the machine may be busy


@dataclass
class Site:
    """A launched page: its address, and how often the network was asked."""

    url: str
    predictor: Predictor
    calls: dict[str, int]


class Visitor:
    """A page with what a person does on it, and what it logged and asked for."""

    def __init__(self, page: Any, site: Site, query: str = "") -> None:
        self.page, self.site = page, site
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(site.url + query)
        page.wait_for_selector("#rs-expression textarea, #rs-expression input")

    def upload(self, *files: Any) -> None:
        self.page.set_input_files("#rs-picture input[type=file]", *files)

    def open(self, photo: Path) -> None:
        self.upload(str(photo))
        self.page.wait_for_selector('.rs-result[data-state="picture"]')

    def say(self, expression: str) -> None:
        box = self.page.locator("#rs-expression textarea, #rs-expression input").first
        box.fill(expression)
        box.press("Enter")

    def find(self, expression: str) -> float:
        """Share of the picture that the mask of `expression` covers, in per cent."""
        before = self.page.get_attribute(".rs-result", "data-run")
        self.say(expression)
        self.page.wait_for_function(
            "before => { const r = document.querySelector('.rs-result'); return r.dataset.area !== undefined && r.dataset.run !== before }",
            arg=before,
        )
        return self.area()

    def area(self) -> float:
        return float(self.page.get_attribute(".rs-result", "data-area"))

    def set_slider(self, name: str, value: float) -> None:
        self.page.locator(f"#rs-{name} input[type=range]").fill(str(value))

    def wait_area(self, low: float, high: float) -> None:
        self.page.wait_for_function(
            "([low, high]) => { const a = Number(document.querySelector('.rs-result').dataset.area); return a >= low && a <= high }",
            arg=[low, high],
        )

    def message(self, role: str = "alert") -> str:
        self.page.wait_for_selector(f".rs-message[role={role}]")
        return "\n".join(self.page.locator(f".rs-message[role={role}] p").all_inner_texts())

    def pixels(self) -> np.ndarray:
        """The overlay as drawn, RGBA (H, W, 4)."""
        uri = self.page.evaluate("document.querySelector('.rs-overlay').toDataURL()")
        return np.asarray(Image.open(BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGBA"))

    def download(self, name: str) -> tuple[str, bytes]:
        with self.page.expect_download() as info:
            self.page.click(f"#rs-save-{name}")
        return info.value.suggested_filename, Path(info.value.path()).read_bytes()
