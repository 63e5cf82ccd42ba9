import assert from "node:assert/strict";
import { test } from "node:test";
import { drawClasses, drawMask, outlineWidth, packColor } from "../../refseg/ui/static/shared/mask_drawing.js";

const frameOf = (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height) });
const pixelOf = ({ width, data }, x, y) => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];

test("colors are packed as an ImageData has them", () => {
  const [red, green, blue, alpha] = new Uint8Array(new Uint32Array([packColor("#10a0ff", 0.2)]).buffer);
  assert.deepEqual([red, green, blue, alpha], [0x10, 0xa0, 0xff, 51]);
});

test("pixels that reach the level are colored and counted, the others stay", () => {
  const frame = frameOf(3, 1);
  const style = { color: "#ff0000", opacity: 0.5, outline: false };
  assert.equal(drawMask(frame, [9, 10, 11], 10, style), 2);
  assert.deepEqual(pixelOf(frame, 0, 0), [0, 0, 0, 0]);
  assert.deepEqual(pixelOf(frame, 1, 0), [255, 0, 0, 128]);
});

test("the outline follows the mask's edge but not the border of the image", () => {
  const [width, height] = [8, 6];
  const values = Uint8Array.from({ length: width * height }, (_, i) => (i % width >= 3 ? 255 : 0));
  const frame = frameOf(width, height);
  drawMask(frame, values, 128, { color: "#00ff00", opacity: 0, outline: true, edge: 2 });
  const opaque = Array.from({ length: width }, (_, x) => pixelOf(frame, x, 0)[3] === 255);
  assert.deepEqual(opaque, [false, false, false, true, true, false, false, false]);
});

test("the outline is one pixel wide up to medium sizes and grows with the image", () => {
  assert.deepEqual([outlineWidth(100, 80), outlineWidth(1600, 900), outlineWidth(900, 3200)], [1, 5, 10]);
});

test("classes of a label map are colored and counted", () => {
  const frame = frameOf(4, 1);
  const classes = [
    { name: "both", label: 85, color: "#ffffff", opacity: 0.4 },
    { name: "first", label: 170, color: "#ff3d7f", opacity: 1 },
  ];
  assert.deepEqual(drawClasses(frame, [0, 85, 170, 85], classes), { both: 2, first: 1 });
  assert.deepEqual(pixelOf(frame, 0, 0), [0, 0, 0, 0]);
  assert.deepEqual(pixelOf(frame, 2, 0), [255, 61, 127, 255]);
});
