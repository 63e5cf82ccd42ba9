import assert from "node:assert/strict";
import { test } from "node:test";
import {
  activeObject,
  addNewObject,
  beginChange,
  createState,
  endChange,
  receiveMasks,
  receiveObjects,
  savedObjects,
} from "../../refseg/ui/static/annotate/state.js";

const object = (id) => ({ id, color: "#ffffff", expressions: [] });

function openState(...ids) {
  const state = createState();
  state.image = { name: "a.png", view: [4, 3], width: 4 };
  receiveObjects(state, ids.map(object), false);
  receiveMasks(
    state,
    ids.map((id) => [id, new Uint8Array(12)]),
  );
  return state;
}

test("states share nothing", () => {
  createState().masks.set("a", {});
  assert.equal(createState().masks.size, 0);
});

test("a new object has an id, an empty mask, and is active but not saved", () => {
  const state = openState("aa");
  const id = addNewObject(state, "#ff3d7f");
  assert.match(id, /^[0-9a-f]{8}$/);
  assert.equal(activeObject(state).id, id);
  assert.equal(state.masks.get(id).values.length, 12);
  assert.deepEqual(
    savedObjects(state).map((one) => one.id),
    ["aa"],
  );
});

test("a new object goes away when none of its changes has reached the server", () => {
  const state = openState("aa");
  const id = addNewObject(state, "#ff3d7f");
  beginChange(state, id);
  beginChange(state, id);
  assert.equal(endChange(state, id), false, "one change is still in progress");
  assert.equal(endChange(state, id), true);
  assert.equal(state.activeId, "aa");
  assert.equal(state.masks.has(id), false);
});

test("a saved object stays when its changes end", () => {
  const state = openState("aa");
  beginChange(state, "aa");
  assert.equal(endChange(state, "aa"), false);
  assert.equal(state.pendingChanges.size, 0);
});

test("an answer about the same image keeps an object that is being drawn", () => {
  const state = openState("aa");
  const id = addNewObject(state, "#ff3d7f");
  beginChange(state, id);
  receiveObjects(state, [object("aa"), object("bb")], true);
  assert.deepEqual(
    state.objects.map((one) => one.id),
    ["aa", "bb", id],
  );
  assert.equal(state.activeId, id);
  receiveObjects(state, [object("aa"), object(id)], true);
  assert.deepEqual(
    state.objects.map((one) => one.id),
    ["aa", id],
  );
  assert.equal(savedObjects(state).length, 2, "the server knows it now");
});

test("another image starts without masks, and its last object is active", () => {
  const state = openState("aa");
  beginChange(state, "aa");
  receiveObjects(state, [object("cc"), object("dd")], false);
  assert.deepEqual(
    state.objects.map((one) => one.id),
    ["cc", "dd"],
  );
  assert.equal(state.activeId, "dd");
  assert.equal(state.masks.size, 0);
});

test("masks of objects that are gone are dropped", () => {
  const state = openState("aa", "bb");
  receiveObjects(state, [object("bb")], true);
  receiveMasks(state, []);
  assert.deepEqual([...state.masks.keys()], ["bb"]);
});

test("an answer does not overwrite the mask under the pointer", () => {
  const state = openState("aa");
  const drawn = state.masks.get("aa").values;
  state.stroke = { kind: "draw", id: "aa", before: new Uint8Array(12) };
  const answered = new Uint8Array(12).fill(255);
  receiveMasks(state, [["aa", answered]]);
  assert.equal(state.masks.get("aa").values, drawn);
  assert.equal(state.stroke.before, answered, "canceling the stroke goes back to the answer");
});

test("an answer does not overwrite a mask with more changes on their way", () => {
  const state = openState("aa");
  const drawn = state.masks.get("aa").values;
  beginChange(state, "aa");
  beginChange(state, "aa");
  receiveMasks(state, [["aa", new Uint8Array(12).fill(255)]]);
  assert.equal(state.masks.get("aa").values, drawn);
  endChange(state, "aa");
  receiveMasks(state, [["aa", new Uint8Array(12).fill(255)]]);
  assert.notEqual(state.masks.get("aa").values, drawn);
});
