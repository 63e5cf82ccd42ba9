"""Draws the page's example scenes: `python -m assets.make_examples` writes assets/examples/{marbles,balloons,boats}.jpg
and sailing.mp4.

Everything is computed here with a fixed seed, so the pictures are this project's own and come out the same each time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refseg.video.writer import write_clip

FOLDER = Path(__file__).parent / "examples"
WIDTH, HEIGHT, OVERSAMPLING = 720, 480, 2
FRAMES, RATE = 48, 12.5

Field = NDArray[np.float64]
Colour = tuple[float, float, float]


def grid() -> tuple[Field, Field]:
    """(x, y) of every sample, x in 0..1.5 (left to right), y in 0..1 (top to bottom)."""
    height, width = HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING
    rows, columns = np.mgrid[0:height, 0:width]
    return (columns + 0.5) / height, (rows + 0.5) / height


def smooth(low: float, high: float, values: Field) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def gradient(values: Field, stops: Sequence[tuple[float, Colour]]) -> Field:
    """(h, w) -> (h, w, 3) through colours given at increasing positions."""
    positions, colours = [stop for stop, _ in stops], np.array([colour for _, colour in stops])
    return np.stack([np.interp(values, positions, colours[:, channel]) for channel in range(3)], axis=-1)


def lay(canvas: Field, cover: Field, colour: Field | Colour) -> Field:
    """`colour` over `canvas` where `cover` (0..1) says so."""
    return canvas + cover[..., None] * (np.asarray(colour) - canvas)


def noise(generator: np.random.Generator, shape: tuple[int, int], rows: int, columns: int) -> Field:
    """Smooth noise in 0..1 with about `rows` bumps from top to bottom and `columns` from left to right."""
    coarse = Image.fromarray((generator.random((rows, columns)) * 255).astype(np.uint8))
    return np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), dtype=np.float64) / 255


def ball(canvas: Field, x: Field, y: Field, centre: tuple[float, float], radius: float, colour: Colour) -> Field:
    """A glossy ball lit from the upper left, with its shadow on the table."""
    dx, dy = (x - centre[0]) / radius, (y - centre[1]) / radius
    shadow = np.exp(-(((dx - 0.35) / 1.15) ** 2) - ((dy - 0.92) / 0.26) ** 2)
    canvas = canvas * (1 - 0.6 * shadow[..., None])
    inside = np.hypot(dx, dy)
    z = np.sqrt(np.clip(1 - inside**2, 0, 1))
    light = np.clip(-0.5 * dx - 0.62 * dy + 0.6 * z, 0, 1)
    gloss = np.clip(-0.36 * dx - 0.46 * dy + 0.81 * z, 0, 1) ** 60
    rim = smooth(0.75, 1.0, inside) * np.clip(dy, 0, 1) * 0.25
    surface = np.asarray(colour) * (0.22 + 0.85 * light + rim)[..., None] + 0.9 * gloss[..., None]
    return lay(canvas, 1 - smooth(0.99, 1.01, inside), np.clip(surface, 0, 1))


def table(generator: np.random.Generator, x: Field, y: Field) -> Field:
    """A wooden table before a plain wall."""
    wall = (
        gradient(y, [(0.0, (0.80, 0.82, 0.80)), (0.46, (0.90, 0.89, 0.85))]) * (1 - 0.10 * np.abs(x - 0.6))[..., None]
    )
    grain = noise(generator, x.shape, 4, 3) * 6 + 60 * y + 1.5 * noise(generator, x.shape, 40, 14)
    wood = gradient(0.5 + 0.5 * np.sin(grain * 2.2), [(0.0, (0.56, 0.37, 0.22)), (1.0, (0.68, 0.47, 0.29))])
    return lay(wall, smooth(0.455, 0.46, y), wood * (0.72 + 0.36 * y)[..., None])


def marbles(generator: np.random.Generator) -> Field:
    """Five balls on a table."""
    x, y = grid()
    canvas = table(generator, x, y)
    balls: list[tuple[tuple[float, float], float, Colour]] = [
        ((1.02, 0.47), 0.085, (0.93, 0.72, 0.12)),
        ((0.62, 0.49), 0.10, (0.12, 0.52, 0.30)),
        ((0.30, 0.62), 0.155, (0.80, 0.10, 0.10)),
        ((1.22, 0.68), 0.13, (0.83, 0.16, 0.13)),
        ((0.80, 0.72), 0.17, (0.10, 0.28, 0.72)),
    ]
    for centre, radius, colour in balls:
        canvas = ball(canvas, x, y, centre, radius, colour)
    return canvas


def balloon(
    canvas: Field, x: Field, y: Field, centre: tuple[float, float], size: float, stripes: Sequence[Colour]
) -> Field:
    """A hot-air balloon with vertical gores and a basket."""
    dx, dy = (x - centre[0]) / size, (y - centre[1]) / size
    width = np.where(
        dy < 0.15, np.sqrt(np.clip(1 - (np.minimum(dy, 0.15) / 1.0) ** 2, 0, 1)), 0.99 - 0.78 * smooth(0.15, 1.22, dy)
    )
    inside = smooth(-0.012, 0.012, width - np.abs(dx)) * smooth(-1.01, -0.99, dy) * (1 - smooth(1.19, 1.21, dy))
    across = np.clip(dx / np.maximum(width, 0.05), -1, 1)
    angle = np.arcsin(across) / np.pi + 0.5
    gore = np.asarray(stripes)[(angle * 10).astype(int).clip(0, 9) % len(stripes)]
    shade = 0.52 + 0.5 * np.clip(0.75 * np.sqrt(1 - across**2) - 0.35 * across - 0.28 * dy, 0, 1)
    basket = (np.abs(dx) < 0.15) & (dy > 1.5) & (dy < 1.72)
    ropes = (np.abs(np.abs(dx) - (0.21 - 0.2 * (dy - 1.2) * 0.9)) < 0.012) & (dy > 1.2) & (dy < 1.5)
    canvas = lay(canvas, (basket | ropes).astype(np.float64), (0.30, 0.19, 0.11))
    return lay(canvas, inside, gore * shade[..., None])


def balloons(generator: np.random.Generator) -> Field:
    """Three hot-air balloons over hills in the morning."""
    x, y = grid()
    canvas = gradient(y, [(0.0, (0.36, 0.60, 0.86)), (0.55, (0.76, 0.87, 0.94)), (0.8, (0.97, 0.90, 0.80))])
    cloud = smooth(0.52, 0.9, noise(generator, x.shape, 13, 5) * 0.65 + noise(generator, x.shape, 34, 14) * 0.35) * (
        1 - smooth(0.3, 0.6, y)
    )
    canvas = lay(canvas, cloud * 0.75, (1.0, 1.0, 1.0))
    ridges: list[tuple[float, float, float, Colour]] = [
        (0.70, 0.050, 2.1, (0.56, 0.68, 0.74)),
        (0.77, 0.060, 3.3, (0.40, 0.56, 0.50)),
        (0.86, 0.050, 4.6, (0.27, 0.45, 0.26)),
    ]
    for level, height, waves, colour in ridges:
        ridge = level + height * np.sin(waves * x + 9 * level) * 0.6 + height * 0.4 * np.sin(2.7 * waves * x)
        texture = 0.93 + 0.14 * noise(generator, x.shape, 160, 150)
        canvas = lay(canvas, smooth(0, 0.003, y - ridge), np.asarray(colour) * texture[..., None])
    red, cream, blue, gold, violet = (
        (0.82, 0.16, 0.14),
        (0.97, 0.93, 0.84),
        (0.11, 0.30, 0.62),
        (0.97, 0.74, 0.16),
        (0.45, 0.22, 0.55),
    )
    canvas = balloon(canvas, x, y, (1.02, 0.50), 0.075, (violet, gold))
    canvas = balloon(canvas, x, y, (1.27, 0.28), 0.12, (blue, cream))
    return balloon(canvas, x, y, (0.48, 0.34), 0.21, (red, gold, cream))


def boat(
    canvas: Field, x: Field, y: Field, centre: tuple[float, float], size: float, hull: Colour, sail: Colour
) -> Field:
    """A sailing boat and its broken reflection."""
    ripple = 0.05 * np.sin(190 * y + 7 * centre[0]) * smooth(0.3, 1.2, (y - centre[1]) / size)
    for mirrored in (True, False):
        dx = (x - centre[0]) / size + (ripple if mirrored else 0)
        dy = (y - centre[1]) / size * (-1.15 if mirrored else 1)
        strength = 0.42 * (1 - smooth(0.0, 2.2, -dy)) if mirrored else np.ones_like(dy)
        body = (dy > -0.16) & (dy < 0.12) & (np.abs(dx) < 0.74 - 1.2 * (dy + 0.16))
        main = (dx > 0.04) & (dy < -0.28) & (dx < 0.04 + 0.62 * (dy + 2.05) / 1.77) & (dy > -2.05)
        jib = (dx < -0.03) & (dy < -0.30) & (dx > -0.03 - 0.56 * (dy + 1.75) / 1.45) & (dy > -1.75)
        mast = (np.abs(dx - 0.0) < 0.018) & (dy < -0.1) & (dy > -2.1)
        shade = np.clip(0.80 + 0.3 * dx, 0.6, 1.05)[..., None]
        for part, colour in ((mast, (0.25, 0.17, 0.12)), (jib, sail), (main, sail), (body, hull)):
            canvas = lay(canvas, part * strength, np.clip(np.asarray(colour) * shade, 0, 1))
    return canvas


def evening(generator: np.random.Generator, x: Field, y: Field) -> Field:
    """The sea under a low sun, with a boat far out."""
    sky = gradient(y, [(0.0, (0.20, 0.32, 0.52)), (0.32, (0.86, 0.62, 0.50)), (0.5, (0.99, 0.83, 0.56))])
    sky = lay(sky, np.exp(-(((x - 0.78) ** 2 + (y - 0.44) ** 2) / 0.012)) * 0.8, (1.0, 0.95, 0.78))
    haze = smooth(0.45, 0.8, noise(generator, x.shape, 12, 3) * 0.6 + noise(generator, x.shape, 30, 9) * 0.4) * (
        1 - smooth(0.2, 0.42, y)
    )
    sky = lay(sky, haze * 0.5, (0.96, 0.80, 0.74))
    waves = noise(generator, x.shape, 150, 26)
    sea = (
        gradient(y, [(0.5, (0.92, 0.72, 0.52)), (0.62, (0.46, 0.47, 0.56)), (1.0, (0.10, 0.22, 0.38))])
        * (0.86 + 0.28 * waves)[..., None]
    )
    canvas = lay(sky, smooth(0.499, 0.501, y), sea)
    return boat(canvas, x, y, (0.93, 0.535), 0.07, (0.30, 0.22, 0.26), (0.97, 0.90, 0.80))


def boats(generator: np.random.Generator) -> Field:
    """Three sailing boats on the sea in the evening."""
    x, y = grid()
    canvas = boat(evening(generator, x, y), x, y, (0.42, 0.66), 0.19, (0.55, 0.12, 0.12), (0.99, 0.96, 0.90))
    return boat(canvas, x, y, (1.20, 0.74), 0.21, (0.10, 0.20, 0.36), (0.86, 0.30, 0.18))


def sailing(generator: np.random.Generator) -> Iterator[Field]:
    """The same sea, frame by frame: a white sail goes behind a red one from left to right."""
    x, y = grid()
    sea = evening(generator, x, y)
    for time in np.linspace(0, 1, FRAMES):
        canvas = boat(sea, x, y, (0.20 + 1.05 * float(time), 0.66), 0.19, (0.55, 0.12, 0.12), (0.99, 0.96, 0.90))
        yield boat(canvas, x, y, (0.98 - 0.1 * float(time), 0.76), 0.22, (0.10, 0.20, 0.36), (0.86, 0.30, 0.18))


def finish(canvas: Field, generator: np.random.Generator) -> Image.Image:
    """Averages the oversampled canvas and adds the grain of a camera."""
    full = np.clip(canvas, 0, 1).reshape(HEIGHT, OVERSAMPLING, WIDTH, OVERSAMPLING, 3).mean(axis=(1, 3))  # (H, W, 3)
    return Image.fromarray(
        (np.clip(full + generator.normal(0, 0.006, full.shape), 0, 1) * 255).round().astype(np.uint8)
    )


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for number, draw in enumerate((marbles, balloons, boats)):
        generator = np.random.default_rng(number)
        finish(draw(generator), generator).save(FOLDER / f"{draw.__name__}.jpg", quality=92)
    generator = np.random.default_rng(3)
    with write_clip(FOLDER / "sailing.mp4", RATE) as clip:
        for number, canvas in enumerate(sailing(generator)):
            clip.add(np.asarray(finish(canvas, generator).resize((480, 320), Image.Resampling.BOX)), number / RATE)


if __name__ == "__main__":
    main()
