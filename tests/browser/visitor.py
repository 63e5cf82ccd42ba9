"""A user of one of the page's tabs, and the site."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

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
    projects: Path
    pause: float = 0.0  # seconds that each answer takes longer


class Visitor:
    """A page with actions on one of its tabs, and what it logged and requested. A class per tab has the selectors."""

    tab: ClassVar[str]  # its name
    upload_box: ClassVar[str]  # selectors of the tab's parts: where files are dropped,
    expression_box: ClassVar[str]  # where expressions are typed
    messages: ClassVar[str]  # where the page shows messages
    widget: ClassVar[str]  # where it shows the mask

    def __init__(self, page: Any, site: Site, query: str = "") -> None:
        self.page, self.site = page, site
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(site.url + query)
        page.get_by_role("tab", name=self.tab, exact=True).click()
        page.wait_for_selector(f"{self.upload_box} input[type=file]", state="attached")

    def upload(self, *files: Any) -> None:
        self.page.set_input_files(f"{self.upload_box} input[type=file]", *files)

    def write(self, expression: str) -> Any:
        """Into the box for it, which is returned."""
        box = self.page.locator(f"{self.expression_box} textarea, {self.expression_box} input").first
        box.fill(expression)
        return box

    def say(self, expression: str) -> None:
        self.write(expression).press("Enter")

    def set_slider(self, name: str, value: float) -> None:
        self.page.locator(f"#rs-{name} input[type=range]").fill(str(value))

    def noted(self, name: str) -> Any:
        """The widget's attribute data-NAME."""
        return self.page.get_attribute(self.widget, f"data-{name}")

    def area(self) -> float:
        """Share of the image that the mask covers, in percent."""
        return float(self.noted("area"))

    def wait_area(self, low: float, high: float) -> None:
        self.page.wait_for_function(
            "([widget, low, high]) => { const a = Number(document.querySelector(widget).dataset.area); return a >= low"
            " && a <= high }",
            arg=[self.widget, low, high],
        )

    def message(self, role: str = "alert") -> str:
        said = f"{self.messages} .rs-message[role={role}]"
        self.page.wait_for_selector(said)
        return "\n".join(self.page.locator(f"{said} p").all_inner_texts())

    def pixels(self) -> np.ndarray:
        """The overlay as drawn, RGBA (H, W, 4)."""
        uri = self.page.evaluate("overlay => document.querySelector(overlay).toDataURL()", f"{self.widget} .rs-overlay")
        return np.asarray(Image.open(BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGBA"))

    def download(self, name: str) -> tuple[str, bytes]:
        with self.page.expect_download() as info:
            self.page.click(f"#rs-save-{name}")
        return info.value.suggested_filename, Path(info.value.path()).read_bytes()


class ImageVisitor(Visitor):
    """At the image tab."""

    tab, upload_box, expression_box, messages, widget = (
        "Image",
        "#rs-image-input",
        "#rs-expression",
        "#rs-messages",
        ".rs-result",
    )

    def open(self, photo: Path) -> None:
        self.upload(str(photo))
        self.page.wait_for_selector('.rs-result[data-state="image"]')

    def find(self, expression: str) -> float:
        """Share of the picture that the mask of `expression` covers, in per cent."""
        before = self.noted("run")
        self.say(expression)
        self.page.wait_for_function(
            "before => { const r = document.querySelector('.rs-result'); return r.dataset.area !== undefined &&"
            " r.dataset.run !== before }",
            arg=before,
        )
        return self.area()


class VideoVisitor(Visitor):
    """At the video tab."""

    tab, upload_box, expression_box, messages, widget = (
        "Video",
        "#rs-video-input",
        "#rs-video-expression",
        "#rs-video-messages",
        ".rs-player",
    )

    def open(self, clip: Path) -> str:
        """What the page says of it."""
        self.upload(str(clip))
        self.page.wait_for_selector("#rs-plan p")
        return self.page.locator("#rs-plan").inner_text()

    def wait_plan(self, text: str) -> None:
        self.page.wait_for_function("text => document.querySelector('#rs-plan')?.textContent.includes(text)", arg=text)

    def start(self, expression: str) -> None:
        self.write(expression)
        self.page.click("#rs-run")

    def run(self, expression: str, frames: int) -> None:
        """To its end, all frames in the browser."""
        before = self.noted("run") or ""
        self.start(expression)
        self.page.wait_for_function(
            "([before, frames]) => { const r = document.querySelector('.rs-player').dataset;"
            " return r.run && r.run !== before && r.state === 'done' && Number(r.frames) === frames }",
            arg=[before, frames],
        )
        self.page.wait_for_selector("#rs-run:not([disabled])")

    def wait_frames(self, count: int) -> None:
        self.page.wait_for_function(
            "count => Number(document.querySelector('.rs-player').dataset.frames) >= count", arg=count
        )

    def frames(self) -> int:
        return int(self.noted("frames"))

    def current(self) -> int:
        return int(self.noted("current"))

    def scrub(self, number: int) -> float:
        """Go to a frame; share of it that the mask covers, in per cent. The answer is there at once."""
        self.page.locator(".rs-scrub").fill(str(number))
        assert self.current() == number
        return self.area()

    def plays(self, data: bytes) -> float:
        """Play a clip in this browser for a moment; its length in seconds."""
        script = """async (data) => {
            const video = document.createElement("video");
            video.muted = true;
            video.src = `data:video/mp4;base64,${data}`;
            await new Promise((done, failed) => {
                video.oncanplay = done;
                video.onerror = () => failed(new Error(video.error.message));
            });
            await video.play();
            await new Promise((done) => { video.ontimeupdate = () => video.currentTime > 0.2 && done(); });
            video.pause();
            return video.duration;
        }"""
        return float(self.page.evaluate(script, base64.b64encode(data).decode("ascii")))

    def ask_frames(self, request: Any) -> Any:
        """What the page's script asks, by hand."""
        script = """async (request) => {
            const id = window.gradio_config.components.find((one) => one.props.elem_id === "rs-player").id;
            const body = JSON.stringify({ component_id: id, fn_name: "clip_frames", data: request, session_hash: "x" });
            const { root, api_prefix } = window.gradio_config;
            const answer = await fetch(`${root}${api_prefix}/component_server`,
                { method: "POST", headers: { "Content-Type": "application/json" }, body });
            return answer.json();
        }"""
        return self.page.evaluate(script, request)


SomeVisitor = TypeVar("SomeVisitor", bound=Visitor)


class Visit(Protocol):
    """Opens the page in a window of its own, at the tab of that kind of visitor."""

    def __call__(
        self, kind: type[SomeVisitor], width: int = 1280, height: int = 900, query: str = ""
    ) -> SomeVisitor: ...
