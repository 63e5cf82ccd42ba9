"""The drawing of masks in the browser, compared with the same in NumPy."""

from typing import Any

import numpy as np
import pytest

from refseg.image_encoding import gray_uri
from refseg.rendering import edge, parse_color
from tests.browser.visitor import Site

pytestmark = pytest.mark.browser

SIZE = (30, 50)  # height, width


@pytest.fixture(scope="module")
def page(browser: Any, site: Site) -> Any:
    """A page that has imported the module from the site."""
    page = browser.new_page()
    page.goto(f"{site.url.rstrip('/')}/refseg-static/image/result.html")
    page.evaluate("import('/refseg-static/shared/mask_drawing.js').then((module) => Object.assign(window, module))")
    yield page
    page.close()


def painted(page: Any, values: np.ndarray, level: float, **style: Any) -> tuple[int, np.ndarray]:
    """The count that `drawMask` returns, and the RGBA (H, W, 4) that it leaves of a frame of gray 7."""
    count, pixels = page.evaluate(
        """([values, width, height, level, style]) => {
            const frame = new ImageData(new Uint8ClampedArray(4 * width * height).fill(7), width, height);
            return [drawMask(frame, Uint8Array.from(values), level, style), Array.from(frame.data)];
        }""",
        [values.ravel().tolist(), values.shape[1], values.shape[0], level, style],
    )
    return count, np.array(pixels, np.uint8).reshape(*values.shape, 4)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)


def test_gray_values_are_read_unchanged(page: Any, values: np.ndarray) -> None:
    source = gray_uri(values.astype(np.float32) / 255)
    height, width = SIZE
    arrived = page.evaluate(
        "([source, width, height]) => readGrayPixels(source, width, height).then(Array.from)", [source, width, height]
    )
    assert np.array_equal(np.reshape(arrived, SIZE), values)


@pytest.mark.parametrize("outline", [False, True])
def test_pixels_that_reach_the_level_are_colored_and_no_others(page: Any, values: np.ndarray, outline: bool) -> None:
    mask = values >= 60.5
    count, pixels = painted(page, values, 60.5, color="#10a0ff", opacity=0.2, outline=outline)
    expected = np.full((*SIZE, 4), 7, np.uint8)
    expected[mask] = (*parse_color("#10a0ff"), 51)
    if outline:
        expected[edge(mask, 1), 3] = 255
    assert count == mask.sum() and np.array_equal(pixels, expected)


def test_an_outline_has_the_width_asked_for(page: Any) -> None:
    values = np.zeros(SIZE, np.uint8)
    values[:, 20:] = 1
    _, pixels = painted(page, values, 1, color="#000000", opacity=0, outline=True, edge=3)
    assert np.array_equal(np.flatnonzero(pixels[15, :, 3] == 255), [20, 21, 22])
