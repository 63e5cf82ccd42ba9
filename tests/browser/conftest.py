"""A real browser against the real page.

The predictor is the real one around a small network with random weights, so the tests need no checkpoint and no network
access, and what they check is that the page shows what the predictor says, not that the predictor is right.
"""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from refseg import Predictor
from refseg.language import Vocabulary
from refseg.models.cmsa.config import CmsaConfig
from refseg.models.cmsa.network import CmsaNetwork
from refseg.ui import ProjectDirectory, build_demo, launch_options
from tests.browser.annotator import Annotator, Sit
from tests.browser.visitor import PATIENCE, Site, SomeVisitor, Visit

WORDS = ("the", "red", "green", "blue", "yellow", "ball", "on", "left", "right", "dog")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium of this machine; without it or its driver the tests are skipped, or fail where CI is set."""
    path = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if path is None:
        _missing("no chromium on PATH: install the chromium package to run the browser tests")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("no playwright here: install it to run the browser tests")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


# In miniature, with everything except regions.
NETWORK = replace(
    CmsaConfig(),
    backbone="plain",
    image_size=64,
    padding=114,
    visual=16,
    embedding=8,
    context=8,
    width=16,
    channels=16,
    modulated=True,
    refinement=(16, 8),
    gains=True,
    logit_scale=True,
    mean_received=True,
    biases=True,
    cross_frame=8,
    cross_frame_on="normalized",
    cross_frame_renormalized=True,
    cross_frame_zero_start=True,
)


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page on a free port, in this process so that the calls to the network can be counted."""
    torch.manual_seed(0)
    vocabulary = Vocabulary(["<pad>", "<unk>", *WORDS])
    predictor = Predictor(
        # without regions, whose votes push an untrained network beyond the reach of the threshold slider
        CmsaNetwork(NETWORK, len(vocabulary)),
        vocabulary,
        device="cpu",
        precision="float32",
        name="tiny",
    )
    calls = {"encode": 0, "segment": 0, "answer": 0}
    for name in calls:
        _count(predictor, name, calls)
    predictor.segment(predictor.encode(np.zeros((48, 64, 3), np.uint8)), ["ball"])
    previous = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(tmp_path_factory.mktemp("gradio"))
    projects = tmp_path_factory.mktemp("projects")
    demo = build_demo(predictor, projects=ProjectDirectory(projects, listed=True))
    _, url, _ = demo.launch(
        **launch_options(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", server_port=_free_port())
    )
    visited = Site(url, predictor, calls, projects)
    _slow_down(predictor, visited)
    yield visited
    demo.close()
    os.environ.pop("GRADIO_TEMP_DIR") if previous is None else os.environ.__setitem__("GRADIO_TEMP_DIR", previous)


def _free_port() -> int:
    """Where Gradio looks for one itself, it leaves a socket open for each that other tests have taken."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _count(predictor: Predictor, name: str, calls: dict[str, int]) -> None:
    method = getattr(predictor, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        calls[name] += 1
        return method(*arguments, **options)

    setattr(predictor, name, counted)


def _slow_down(predictor: Predictor, site: Site) -> None:
    method = predictor.answer

    def slowed(*arguments: Any, **options: Any) -> Any:
        time.sleep(site.pause)
        return method(*arguments, **options)

    predictor.answer = slowed  # type: ignore[method-assign]


@pytest.fixture
def visit(browser: Any, site: Site) -> Iterator[Visit]:
    """Windows that are closed after the test, at a site that then is as quick as before."""
    pages = []

    def arrive(kind: type[SomeVisitor], width: int = 1280, height: int = 900, query: str = "") -> SomeVisitor:
        pages.append(browser.new_page(viewport={"width": width, "height": height}))
        return kind(pages[-1], site, query)

    yield arrive
    site.pause = 0.0
    for page in pages:
        page.close()


@pytest.fixture
def photo() -> Path:
    return Path(__file__).parents[2] / "assets" / "examples" / "marbles.jpg"


@pytest.fixture
def sit(browser: Any, site: Site, request: pytest.FixtureRequest) -> Iterator[Sit]:
    """A person at the tab, in a project of the test's own; one context is one browser with its memory."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    project = request.node.name[5:60].strip("_")

    def open_(**options: Any) -> Annotator:
        return Annotator(context.new_page(), site, project, **options)

    yield open_
    site.pause = 0.0
    context.close()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three pictures, one larger than what the browser is sent."""
    paths = []
    for name, size in (("small", (120, 160)), ("large", (1300, 2000)), ("tall", (200, 90))):
        noise = np.random.default_rng(len(name)).integers(
            0, 255, (size[0] // 10 + 1, size[1] // 10 + 1, 3), dtype=np.uint8
        )
        Image.fromarray(noise).resize((size[1], size[0])).save(tmp_path / f"{name}.png")
        paths.append(tmp_path / f"{name}.png")
    return paths
