import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeLogits,
  encodeThreshold,
  frameCells,
  maskOf,
  measureFrames,
  neighbors,
} from "../../refseg/ui/static/video/logits.js";
import { isUncertain } from "../../refseg/ui/static/video/video_player.js";

const WHOLE = { side: 8, left: 0, top: 0, width: 8, height: 8 };

test("logits are decoded as little-endian 16-bit integers", () => {
  const values = Int16Array.from([0, 1, -1, 32000, -32000]);
  const text = Buffer.from(values.buffer).toString("base64");
  assert.deepEqual([...decodeLogits(text)], [...values]);
});

test("a threshold of one half is a logit of zero", () => {
  assert.equal(encodeThreshold(0.5, 4000), 0);
  assert.ok(Math.abs(encodeThreshold(0.9, 4000) - 4000 * Math.log(9)) < 1e-9);
});

test("positions between cells are interpolated, and those outside clamped", () => {
  assert.deepEqual(neighbors(1.25, 4), [1, 2, 0.25]);
  assert.deepEqual(neighbors(-0.5, 4), [0, 1, 0]);
  assert.deepEqual(neighbors(3.5, 4), [3, 3, 0.5]);
});

test("a mask of the grid's own size is the grid at the threshold", () => {
  const values = Int16Array.from({ length: 16 }, (_, i) => (i % 3) - 1);
  const mask = maskOf({ values, cells: 4 }, WHOLE, [4, 4], 0);
  assert.deepEqual(
    [...mask],
    [...values].map((value) => Number(value >= 0)),
  );
});

test("the padding of the letterbox is outside the mask", () => {
  // A frame of 8 x 4 in the middle of a square of 8 x 8: rows 1 and 2 of 4.
  const values = Int16Array.from([9, 9, 9, 9, -5, 5, 5, -5, -5, 5, 5, -5, 9, 9, 9, 9]);
  const letterbox = { side: 8, left: 0, top: 2, width: 8, height: 4 };
  assert.deepEqual(frameCells(4, letterbox), [0, 1, 4, 3]);
  assert.deepEqual([...maskOf({ values, cells: 4 }, letterbox, [4, 2], 0)], [0, 1, 1, 0, 0, 1, 1, 0]);
  assert.deepEqual(measureFrames([{ values, cells: 4 }], null, letterbox, 0), [{ area: 0.5, iou: null }]);
});

test("stability is the IoU with the previous frame; two empty masks agree", () => {
  const frame = (...inside) => ({
    cells: 2,
    values: Int16Array.from([0, 1, 2, 3], (i) => (inside.includes(i) ? 1 : -1)),
  });
  const frames = [frame(0, 1), frame(1, 2), frame(), frame()];
  const measured = measureFrames(frames, null, { side: 2, left: 0, top: 0, width: 2, height: 2 }, 0);
  assert.deepEqual(
    measured.map(({ iou }) => iou),
    [null, 1 / 3, 0, 1],
  );
  const later = measureFrames(frames.slice(1), frames[0], { side: 2, left: 0, top: 0, width: 2, height: 2 }, 0);
  assert.deepEqual(later, measured.slice(1), "frames that arrive later are measured alike");
});

test("a frame is uncertain by its own answer or by a jump of its mask", () => {
  assert.equal(isUncertain({ uncertain: true }, { iou: 1 }, 0.5), true);
  assert.equal(isUncertain({ uncertain: false }, { iou: 0.4 }, 0.5), true);
  assert.equal(isUncertain({ uncertain: false }, { iou: 0.6 }, 0.5), false);
  assert.equal(isUncertain({ uncertain: false }, { iou: null }, 0.5), false);
});
