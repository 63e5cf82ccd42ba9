"""Scripts and styles of the page as a browser gets them."""

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.routes import App

from refseg.ui import mount_demo
from refseg.ui.assets import ROUTE, STATIC, call_module, load_module
from refseg.ui.demo import _with_static_routes
from tests.ui.fakes import FakePredictor

MODULES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))


@pytest.fixture(scope="module")
def demo(build: Callable[..., gr.Blocks]) -> gr.Blocks:
    return build(FakePredictor(), image_examples=[], video_examples=[])


def client_of(make: Callable[[], FastAPI]) -> TestClient:
    """A client of an app that is made inside an event loop: outside one, Gradio opens loops that it never closes."""

    async def inside() -> FastAPI:
        return make()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return TestClient(pool.submit(lambda: asyncio.run(inside())).result())


def test_the_launched_app_serves_every_module(demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, object] = {}
    monkeypatch.setattr(gr.Blocks, "launch", lambda self, *args, **given: options.update(given))
    demo.launch(app_kwargs={"docs_url": "/docs"})
    client = client_of(lambda: App.create_app(demo, app_kwargs=dict(options["app_kwargs"])))  # type: ignore[call-overload]
    for name in MODULES:
        answer = client.get(f"{ROUTE}/{name}")
        assert answer.status_code == 200 and answer.text == (STATIC / name).read_text(encoding="utf-8")
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache" and answer.headers["etag"]
        again = client.get(f"{ROUTE}/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    for outside in ("../assets.py", "%2e%2e/assets.py", "missing.js", ""):
        assert client.get(f"{ROUTE}/{outside}").status_code == 404


def test_a_mounted_page_serves_its_modules_below_its_own_path(demo: gr.Blocks) -> None:
    client = client_of(lambda: mount_demo(FastAPI(), demo, "/segment"))
    assert client.get(f"/segment{ROUTE}/image/result.js").status_code == 200
    assert client.get(f"{ROUTE}/image/result.js").status_code == 404


def test_own_routes_of_the_app_are_kept() -> None:
    routes = _with_static_routes({"routes": ["own"], "title": "x"})["routes"]
    assert routes[-1] == "own" and len(routes) == 2


def test_a_module_is_loaded_from_the_pages_address_with_its_constants() -> None:
    script = load_module("annotate/editor.js", max_text_length=5, note="</script>`${x}`")
    assert "import(`${window.gradio_config.root}/refseg-static/annotate/editor.js`)" in script
    values = json.loads(re.search(r"watch }, (\{.*?\})\)\)", script)[1])  # type: ignore[index]
    assert values == {"maxTextLength": 5, "note": "</script>`${x}`"}
    assert str(STATIC) not in script and str(Path.cwd()) not in script
    with pytest.raises(FileNotFoundError):
        load_module("annotate/desk.js")


def test_a_function_of_a_module_gets_constants_before_the_inputs() -> None:
    script = call_module("shared/overlay_settings.js", "sendSettings", "#a .b")
    assert script.endswith(').sendSettings("#a .b", ...values)')


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_files_that_exist_by_relative_paths(name: str) -> None:
    text = (STATIC / name).read_text(encoding="utf-8")
    for target in re.findall(r'^(?:import|export) .*?from "([^"]+)";$', text, re.MULTILINE | re.DOTALL):
        assert target.startswith(("./", "../"))
        path = ((STATIC / name).parent / target).resolve()
        assert path.is_file() and path.is_relative_to(STATIC)


def test_every_class_that_scripts_look_for_is_in_a_template() -> None:
    templates = " ".join(path.read_text(encoding="utf-8") for path in STATIC.rglob("*.html"))
    classes = set(re.findall(r"rs-[a-z-]+", templates))
    for path in STATIC.rglob("*.js"):
        for name in re.findall(r'find\("([a-z-]+)"\)', path.read_text(encoding="utf-8")):
            assert f"rs-{name}" in classes, f"{path.name} looks for {name}"
