import asyncio
from collections.abc import Callable
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

        return asyncio.run(make())

    return inside
