"""The page's scripts, templates and style sheets in `static/`, and how the browser loads them.

The scripts are ES modules. They are served as they are, without a bundler, from a route of the page's app. Their
addresses contain no path of the server, and browsers check for a newer version before each use. A widget (`gr.HTML`)
loads its module with `load_module`, and a Gradio event calls a function of a module with `call_module`.
"""

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from fastapi import Response
from fastapi.routing import Mount
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
ROUTE = "/refseg-static"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}

_FAILED = "The page could not load one of its scripts. Reload the page."


def static_text(name: str) -> str:
    """The text of a file in `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")


def load_module(name: str, **constants: Any) -> str:
    """Value for `js_on_load` of a `gr.HTML`: calls `mount(host, constants)` of a module in `static/`.

    name: path of the module below `static/`.  constants: values that Python defines, of JSON types; names become
    camelCase, as JavaScript has them.
    """
    values = json.dumps({_camel_case(key): value for key, value in constants.items()})
    # Until its module is loaded the widget is inert, so that no click is lost.
    return (
        "element.inert = true;"
        f"import({_module_url(name)})"
        f".then((module) => module.mount({{ element, trigger, props, server, upload, watch }}, {values}))"
        f".catch((error) => {{ console.error(error); element.append({json.dumps(_FAILED)}); }})"
        ".finally(() => { element.inert = false; });"
    )


def call_module(name: str, function: str, *first: Any) -> str:
    """Value for `js` of a Gradio event: calls a function of a module in `static/`.

    first: arguments of JSON types before the values of the event's inputs.
    """
    arguments = "".join(f"{json.dumps(value)}, " for value in first)
    return f"async (...values) => (await import({_module_url(name)})).{function}({arguments}...values)"


def static_routes() -> list[Mount]:
    """The routes that serve `static/` from the page's app; see `Page` and `mount_demo` in refseg/ui/demo.py."""
    return [Mount(ROUTE, app=_Static(directory=STATIC), name="refseg-static")]


class _Static(StaticFiles):
    """Static files that browsers check for changes before each use, with the media types that modules need.

    On Windows the registry may say that .js is plain text, and a browser then refuses the module.
    """

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        if media_type := _MEDIA_TYPES.get(Path(path).suffix):
            response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
        return response


def _module_url(name: str) -> str:
    if not (STATIC / name).is_file():
        raise FileNotFoundError(f"there is no module {name} in {STATIC}")
    # `root` is the page's address as the browser sees it, also behind a proxy or under a root path.
    return f"`${{window.gradio_config.root}}{ROUTE}/{name}`"


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
