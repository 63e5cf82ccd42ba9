// The state of the editor, in one object. The other modules of this folder read and change it; nothing else is kept.

/**
 * @typedef {object} Visit An open project. Opening a project makes a new object, also for the same project, so that
 *   what began during an earlier visit can detect that it is over.
 * @property {string} key names the project to the server
 * @property {string} name
 *
 * @typedef {object} EditorImage
 * @property {string} name
 * @property {number} width of the original, in pixels
 * @property {number} height
 * @property {[number, number]} view width and height of the reduced image that the browser has
 * @property {string} state one of `constants.states`
 * @property {number} uncertainty 0..1
 * @property {string} [problem] why the image cannot be shown
 *
 * @typedef {object} EditorObject
 * @property {string} id
 * @property {string[]} expressions
 * @property {string} category
 * @property {string} color "#rrggbb"
 * @property {boolean} hidden
 * @property {boolean} no_target whether its expressions name nothing in the image
 * @property {boolean} [isNew] made in the browser, not yet known to the server
 *
 * @typedef {object} EditorMask
 * @property {Uint8Array} values 0..255, of the view's size
 * @property {OffscreenCanvas|null} drawing the mask as it is drawn; null when it has to be drawn again
 * @property {string} [style] color and opacity of the drawing
 * @property {number} [pixels] how many view pixels the mask covers
 */

export function createState() {
  return {
    /** @type {Visit|null} */
    visit: null,
    /** Whether something else than what is on disk may be shown: the next request reloads everything. */
    isStale: false,
    /** How many requests are running or waiting for their turn. */
    pendingRequests: 0,

    /** @type {Array<{name: string, state: string, objects: number, uncertainty: number}>} images of the list */
    entries: [],
    /** @type {EditorImage|null} the open image */
    image: null,
    /** @type {EditorObject[]} its objects */
    objects: [],
    /** @type {Map<string, EditorMask>} their masks, by id */
    masks: new Map(),
    /** @type {string|null} id of the object that the tools change */
    activeId: null,
    /** @type {Map<string, number>} id of an object -> strokes and requests in progress that change its mask */
    pendingChanges: new Map(),
    /** @type {Set<string>} names of the images whose acceptance or skipping is in progress */
    pendingStates: new Set(),

    /** "pan", "brush", "eraser", "plus", "minus" or "box" */
    tool: "brush",
    /** Radius in CSS pixels. */
    brushRadius: 16,
    /** The drag in progress, null when there is none: see tools.js. */
    stroke: null,
    /** Where the image is shown: see geometry.js. */
    viewport: { scale: 1, x: 0, y: 0 },
    /** Whether the space bar is held down, which moves the image with any tool. */
    isSpaceHeld: false,

    /** @type {{visit: Visit, isStopped: boolean}|null} the batch that runs */
    batch: null,
  };
}

export const findObject = (state, id) => state.objects.find((object) => object.id === id);

export const activeObject = (state) => findObject(state, state.activeId);

/** The objects that the server knows. */
export const savedObjects = (state) => state.objects.filter(({ isNew }) => !isNew);

/** Adds an object that the server does not know yet. Its id is chosen here, so that a second stroke can go to it
 * before the first is answered. */
export function addNewObject(state, color) {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  state.objects = [...state.objects, { id, color, expressions: [], isNew: true }];
  const [width, height] = state.image.view;
  state.masks.set(id, { values: new Uint8Array(width * height), drawing: null });
  state.activeId = id;
  return id;
}

/** Marks that a change of an object's mask begins. */
export function beginChange(state, id) {
  state.pendingChanges.set(id, (state.pendingChanges.get(id) ?? 0) + 1);
}

/**
 * Marks that a change of an object's mask has ended.
 * @returns {boolean} whether the object was removed: it is new and none of its changes has reached the server
 */
export function endChange(state, id) {
  const left = (state.pendingChanges.get(id) ?? 0) - 1;
  if (left > 0) {
    state.pendingChanges.set(id, left);
    return false;
  }
  state.pendingChanges.delete(id);
  if (!findObject(state, id)?.isNew) return false;
  state.objects = state.objects.filter((object) => object.id !== id);
  state.masks.delete(id);
  if (state.activeId === id) state.activeId = state.objects.at(-1)?.id ?? null;
  return true;
}

/**
 * Takes over the objects of an answer about the open image. Objects that are being changed here stay.
 * @param {EditorObject[]} objects
 * @param {boolean} isSameImage whether the answer is about the image that was open before
 */
export function receiveObjects(state, objects, isSameImage) {
  const changing = isSameImage ? state.objects.filter(({ id }) => state.pendingChanges.has(id)) : [];
  if (!isSameImage) {
    state.masks = new Map();
    state.activeId = null;
  }
  const known = new Set(objects.map(({ id }) => id));
  const kept = changing.filter(({ id }) => !known.has(id)).map((object) => ({ ...object, isNew: true }));
  state.objects = [...objects, ...kept];
  if (!activeObject(state)) state.activeId = state.objects.at(-1)?.id ?? null;
}

/**
 * Takes over the masks of an answer.
 * @param {Array<[string, Uint8Array]>} masks id and values
 */
export function receiveMasks(state, masks) {
  for (const [id, values] of masks) {
    // A mask under the pointer, or with more changes on their way, is newer here. Their answers bring it.
    if (state.stroke?.id === id) state.stroke.before = values;
    else if (!(state.pendingChanges.get(id) > 1 && state.masks.has(id))) state.masks.set(id, { values, drawing: null });
  }
  for (const id of [...state.masks.keys()]) if (!findObject(state, id)) state.masks.delete(id);
}
