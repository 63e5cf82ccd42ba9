import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from refseg.ui import build_demo

Build = Callable[..., gr.Blocks]


@pytest.fixture(autouse=True)
def upload_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads lie: the pages open files from there and from nowhere else."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def build() -> Build:
    """`build_demo` inside a running event loop: outside one, Gradio opens loops that it never closes, and a leak is an
    error here.
    """

    def inside(*arguments: Any, **options: Any) -> gr.Blocks:
        async def make() -> gr.Blocks:
            return build_demo(*arguments, **options)

        # In a thread of its own, as the browser tests keep a loop running in this one.
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(lambda: asyncio.run(make())).result()

    return inside
