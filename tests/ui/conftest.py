import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest

from refseg.ui import build_demo

Build = Callable[..., gr.Blocks]


@pytest.fixture(scope="session")
def build() -> Build:
    """`build_demo` inside a running event loop: outside one, Gradio opens loops that it never closes, and a leak is an error here."""

    def inside(*arguments: Any, **options: Any) -> gr.Blocks:
        async def make() -> gr.Blocks:
            return build_demo(*arguments, **options)

        # In a thread of its own, as the browser tests keep a loop running in this one.
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(lambda: asyncio.run(make())).result()

    return inside
