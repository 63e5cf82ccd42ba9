"""The page below a path of another app, as behind a proxy with a root path."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from refseg.ui import build_demo, mount_demo
from tests.browser.conftest import _free_port
from tests.browser.visitor import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mounted(browser: Any, site: Site) -> Iterator[str]:
    """Address of the page, mounted at /tools/segment. The browser comes first: its event loop must run when Gradio
    builds.
    """
    port = _free_port()
    app = mount_demo(FastAPI(), build_demo(site.predictor, image_examples=[]), "/tools/segment")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}/tools/segment/"
    server.should_exit = True
    thread.join(30)


def test_a_mounted_page_loads_its_modules(mounted: str, browser: Any) -> None:
    page = browser.new_page()
    errors: list[str] = []
    scripts: dict[str, int] = {}
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "response",
        lambda response: scripts.update({response.url: response.status}) if "refseg-static" in response.url else None,
    )
    for _ in range(100):
        try:
            page.goto(mounted)
            break
        except Exception:
            page.wait_for_timeout(200)
    page.wait_for_selector(".rs-result[data-run]", state="attached")
    page.get_by_role("tab", name="Video").click()
    page.wait_for_selector(".rs-player[data-done]", state="attached")
    assert scripts and all(url.startswith(f"{mounted}refseg-static/") for url in scripts)
    assert set(scripts.values()) == {200} and errors == []
    page.close()
