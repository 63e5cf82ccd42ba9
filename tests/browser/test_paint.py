"""What `static/paint.js` draws, against the same written with arrays."""

from typing import Any

import numpy as np
import pytest

from refseg.image_encoding import grey_uri
from refseg.rendering import edge, parse_colour
from refseg.ui.theme import script

pytestmark = pytest.mark.browser

SIZE = (30, 50)  # height, width


@pytest.fixture(scope="module")
def page(browser: Any) -> Any:
    page = browser.new_page()
    page.add_script_tag(content=script("paint.js"))
    yield page
    page.close()


def painted(page: Any, values: np.ndarray, level: float, **style: Any) -> tuple[int, np.ndarray]:
    """The count that `paint` returns, and the RGBA (H, W, 4) that it leaves of a frame of grey 7."""
    count, pixels = page.evaluate(
        """([values, width, height, level, style]) => {
            const frame = new ImageData(new Uint8ClampedArray(4 * width * height).fill(7), width, height);
            return [paint(frame, Uint8Array.from(values), level, style), Array.from(frame.data)];
        }""",
        [values.ravel().tolist(), values.shape[1], values.shape[0], level, style],
    )
    return count, np.array(pixels, np.uint8).reshape(*values.shape, 4)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)


def test_grey_values_arrive_unchanged(page: Any, values: np.ndarray) -> None:
    source = grey_uri(values.astype(np.float32) / 255)
    height, width = SIZE
    arrived = page.evaluate("([source, width, height]) => grey(source, width, height).then(Array.from)", [source, width, height])
    assert np.array_equal(np.reshape(arrived, SIZE), values)


@pytest.mark.parametrize("outline", [False, True])
def test_paint_colours_what_reaches_the_level_and_nothing_else(page: Any, values: np.ndarray, outline: bool) -> None:
    mask = values >= 60.5
    count, pixels = painted(page, values, 60.5, colour="#10a0ff", opacity=0.2, outline=outline)
    expected = np.full((*SIZE, 4), 7, np.uint8)
    expected[mask] = (*parse_colour("#10a0ff"), 51)
    if outline:
        expected[edge(mask, 1), 3] = 255
    assert count == mask.sum() and np.array_equal(pixels, expected)


def test_an_outline_has_the_width_asked_for(page: Any) -> None:
    values = np.zeros(SIZE, np.uint8)
    values[:, 20:] = 1
    _, pixels = painted(page, values, 1, colour="#000000", opacity=0, outline=True, reach=3)
    assert np.array_equal(np.flatnonzero(pixels[15, :, 3] == 255), [20, 21, 22])
