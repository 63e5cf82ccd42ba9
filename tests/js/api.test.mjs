import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiClient } from "../../refseg/ui/static/annotate/api.js";
import { createState } from "../../refseg/ui/static/annotate/state.js";

/** A client whose server answers when the test says so. */
function createClient() {
  const state = createState();
  state.visit = { key: "dogs", name: "dogs" };
  state.image = { name: "a.png" };
  const sent = [];
  const received = [];
  const errors = [];
  const pending = [];
  const send = (request) => new Promise((resolve, reject) => sent.push({ request, resolve, reject }));
  const client = new ApiClient(send, state, {
    receive: async (answer) => received.push(answer),
    reportError: (error) => errors.push(error.message),
    reportPending: (count) => pending.push(count),
    describeView: () => ({ author: "Ann" }),
  });
  return { client, state, sent, received, errors, pending };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("requests are sent one after the other, in order", async () => {
  const { client, sent, received, pending } = createClient();
  const first = client.request("predict", { expression: "a" });
  const second = client.request("undo");
  await settle();
  assert.deepEqual(
    sent.map(({ request }) => request.action),
    ["predict"],
  );
  sent[0].resolve({ number: 1 });
  await first;
  await settle();
  assert.deepEqual(
    sent.map(({ request }) => request.action),
    ["predict", "undo"],
  );
  sent[1].resolve({ number: 2 });
  await second;
  assert.deepEqual(
    received.map(({ number }) => number),
    [1, 2],
  );
  assert.deepEqual(pending, [1, 2, 1, 0]);
});

test("a request names the project, the window and its details", async () => {
  const { client, sent } = createClient();
  client.requestChange("repair", { method: "fill" });
  await settle();
  const { window, ...request } = sent[0].request;
  assert.deepEqual(request, { action: "repair", project: "dogs", image: "a.png", method: "fill" });
  assert.ok(window.length > 8);
});

test("after an error everything is reloaded, and the queue goes on", async () => {
  const { client, sent, received, errors } = createClient();
  const first = client.request("predict");
  const second = client.request("undo");
  await settle();
  sent[0].resolve({ error: "another window changed the image" });
  await settle();
  assert.deepEqual(sent[1].request.action, "open_project");
  assert.equal(sent[1].request.name, "a.png");
  assert.equal(sent[1].request.author, "Ann");
  sent[1].resolve({ reloaded: true });
  assert.equal(await first, null);
  assert.deepEqual(errors, ["another window changed the image"]);
  await settle();
  sent[2].resolve({});
  await second;
  assert.equal(received.length, 2);
});

test("a lost connection is reported, and the next request reloads first", async () => {
  const { client, state, sent, errors } = createClient();
  const lost = client.request("predict");
  await settle();
  sent[0].reject(new Error("network"));
  await settle();
  sent[1].reject(new Error("network"));
  assert.equal(await lost, null);
  assert.match(errors[0], /did not answer/);
  assert.equal(state.isStale, true);
  const next = client.request("undo");
  await settle();
  assert.equal(sent[2].request.action, "open_project");
  sent[2].resolve({});
  await settle();
  assert.equal(sent[3].request.action, "undo");
  sent[3].resolve({});
  await next;
  assert.equal(state.isStale, false);
});

test("an answer for a project that was closed meanwhile is not shown", async () => {
  const { client, state, sent, received } = createClient();
  const request = client.request("predict");
  await settle();
  state.visit = { key: "dogs", name: "dogs" }; // the same project, opened again
  sent[0].resolve({ number: 1 });
  assert.deepEqual(await request, { number: 1 });
  assert.deepEqual(received, []);
});

test("an image that cannot be shown is not changed", async () => {
  const { client, state, sent } = createClient();
  state.image = { name: "a.png", problem: "a.png is gone" };
  assert.equal(await client.requestChange("brush"), null);
  assert.equal(sent.length, 0);
});
