// Small rules of the other modules.

import assert from "node:assert/strict";
import { test } from "node:test";
import { progressText } from "../../refseg/ui/static/annotate/batch.js";
import { readShares } from "../../refseg/ui/static/annotate/import_export.js";
import { factsOf } from "../../refseg/ui/static/annotate/object_list.js";
import { createOrderCheck } from "../../refseg/ui/static/image/result.js";
import { formatPercent } from "../../refseg/ui/static/shared/dom.js";
import { fileUrl } from "../../refseg/ui/static/shared/files.js";
import { columnCenter, frameAt } from "../../refseg/ui/static/video/charts.js";
import { editedExpression, swapSides } from "../../refseg/ui/static/why/word_edits.js";

test("addresses of files hold names in any script", () => {
  const config = { root: "https://example.org/page", api_prefix: "/gradio_api" };
  const url = fileUrl("/tmp/gradio/犬 #1? 50%.zip", config);
  assert.equal(url, "https://example.org/page/gradio_api/file=/tmp/gradio/%E7%8A%AC%20%231%3F%2050%25.zip");
  assert.equal(decodeURIComponent(new URL(url).pathname), "/page/gradio_api/file=/tmp/gradio/犬 #1? 50%.zip");
  assert.ok(fileUrl("C:\\Temp\\a.zip", config).endsWith("/file=C%3A%5CTemp%5Ca.zip"));
});

test("shares of splits sum up to one, or are absent", () => {
  assert.equal(readShares({ train: "", val: " ", test: "" }), null);
  assert.deepEqual(readShares({ train: "80", val: "20", test: "" }), { train: 0.8, val: 0.2 });
  assert.deepEqual(readShares({ train: "100", val: "0", test: "" }), { train: 1 });
  for (const texts of [{ train: "80" }, { train: "x", val: "20" }, { train: "120", val: "-20" }, { train: "0" }]) {
    assert.throws(() => readShares(texts), /expected 100/);
  }
});

test("an older result is outdated, a newer one and the end of all are not", () => {
  const isOutdated = createOrderCheck();
  assert.equal(isOutdated([100, 2]), false);
  assert.equal(isOutdated([100, 1]), true);
  assert.equal(isOutdated([100, 2]), false);
  assert.equal(isOutdated(null), false);
  assert.equal(isOutdated([100, 9]), true, "the image was removed");
  assert.equal(isOutdated([101, 0]), false);
});

test("progress of a batch has the time left once it can be estimated", () => {
  assert.equal(progressText({ done: 0, total: 2, added: 0 }, 100), "0 of 2 images, 0 objects");
  assert.equal(progressText({ done: 1, total: 4, added: 1 }, 2000), "1 of 4 images, 1 object, 6 s left");
});

test("facts of an object name its model, uncertainty and changes", () => {
  const drawn = { model: null, uncertainty: null, corrected: false, no_target: false };
  assert.equal(factsOf(drawn), "drawn or imported");
  const predicted = {
    model: "cmsa",
    threshold: 0.5,
    uncertainty: 0.25,
    corrected: true,
    changed: 0.0123,
    no_target: true,
  };
  assert.equal(factsOf(predicted), "cmsa at 0.50 · uncertainty 0.25 · 1.23 % of the image changed · no target");
});

test("words are left out and sides swapped", () => {
  const words = ["the", "left", "dog"].map((text) => ({ text, isIncluded: text !== "the" }));
  swapSides(words, { left: "right", right: "left" });
  assert.equal(editedExpression(words), "right dog");
});

test("shares are shown with one decimal below ten percent", () => {
  assert.deepEqual([0.005, 0.0994, 0.0996, 1].map(formatPercent), ["0.5 %", "9.9 %", "10 %", "100 %"]);
});

test("the center of a frame's column belongs to that frame", () => {
  for (const number of [0, 7, 11]) assert.equal(frameAt(columnCenter(number, 12), 12), number);
});
