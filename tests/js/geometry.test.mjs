import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boxOf,
  fillDisc,
  fitViewport,
  pinchOf,
  pointsAlong,
  toImage,
  toView,
  zoomViewport,
} from "../../refseg/ui/static/annotate/geometry.js";

const near = (actual, expected, tolerance = 1e-9) => {
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i] - value) < tolerance, `${actual} != ${expected}`);
};

test("a fitted view is centered and touches two sides of the canvas", () => {
  const viewport = fitViewport([400, 100], [200, 100]);
  assert.deepEqual(viewport, { scale: 0.5, x: 0, y: 25 });
  near(toView([100, 50], viewport), [200, 50]);
});

test("an empty canvas does not give a scale of zero", () => {
  assert.equal(fitViewport([400, 100], [0, 0]).scale, 1);
});

test("zooming keeps the point under the pointer and stays in the range", () => {
  let viewport = { scale: 0.7, x: -31, y: 12 };
  const pointer = [120, 45];
  const before = toView(pointer, viewport);
  for (const factor of [1.25, 3, 0.1]) {
    viewport = zoomViewport(viewport, factor, pointer, [0.02, 24]);
    near(toView(pointer, viewport), before);
  }
  assert.equal(zoomViewport(viewport, 1e9, pointer, [0.02, 24]).scale, 24);
  assert.equal(zoomViewport(viewport, 1e-9, pointer, [0.02, 24]).scale, 0.02);
  near(toView(pointer, zoomViewport(viewport, 1e9, pointer, [0.02, 24])), before);
});

test("view coordinates are scaled to the original image", () => {
  near(toImage([800, 520], { width: 2000, view: [1600, 1040] }), [1000, 650]);
});

test("two touches have a midpoint and a distance that is never zero", () => {
  assert.deepEqual(
    pinchOf([
      [0, 0],
      [6, 8],
    ]),
    { x: 3, y: 4, distance: 10 },
  );
  assert.equal(
    pinchOf([
      [5, 5],
      [5, 5],
    ]).distance,
    1,
  );
});

test("points along a line are at most the spacing apart and end at its end", () => {
  const points = pointsAlong([0, 0], [10, 0], 3);
  assert.equal(points.length, 4);
  near(points.at(-1), [10, 0]);
  assert.ok(points.every(([x], i) => x - (points[i - 1]?.[0] ?? 0) <= 3));
  assert.deepEqual(pointsAlong([2, 3], [2, 3], 3), [[2, 3]]);
});

test("a disc covers the pixels whose centers lie in it, and no others", () => {
  const [width, height] = [17, 13];
  for (const [x, y, radius] of [
    [8.3, 6.1, 4.2],
    [0, 0, 5],
    [16.9, 12.8, 3],
    [8, 6, 0.6],
    [-20, 6, 3],
    [8, 60, 3],
  ]) {
    const values = new Uint8Array(width * height);
    fillDisc(values, [width, height], [x, y], radius, 255);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const inside = Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius;
        assert.equal(values[row * width + column], inside ? 255 : 0, `${x} ${y} ${radius}: ${column} ${row}`);
      }
    }
  }
});

test("a box has its corners in any order", () => {
  assert.deepEqual(boxOf([5, 9], [2, 3]), [2, 3, 3, 6]);
});
