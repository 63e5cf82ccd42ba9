// How near the picture is seen: by buttons, the wheel, or two fingers.

let zoom = { scale: 1, x: 0, y: 0 }; // x, y: of the picture's corner, in pixels of the screen

function place() {
  detailLater();
  paper.style.transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
  paper.style.setProperty("--scale", zoom.scale);
  root.dataset.zoom = zoom.scale.toFixed(3);
}

function fit() {
  if (!picture) return;
  const [width, height] = picture.view;
  const scale = Math.min(board.clientWidth / width, board.clientHeight / height) || 1;
  zoom = { scale, x: (board.clientWidth - width * scale) / 2, y: (board.clientHeight - height * scale) / 2 };
  place();
}

// From close by the picture is shown at its own size: the part that is seen is fetched when the hand has come to rest.
let resting = null;
function detailLater() {
  clearTimeout(resting);
  const detail = find("detail");
  resting = null;
  if (!picture || picture.problem || reduction() <= 1 || zoom.scale * (window.devicePixelRatio || 1) < 1.2) return (detail.hidden = true);
  const mine = (resting = setTimeout(async () => {
    if (!picture) return;
    const seen = [[0, 0], [board.clientWidth, board.clientHeight]].map(([x, y]) => inPicture([(x - zoom.x) / zoom.scale, (y - zoom.y) / zoom.scale]));
    const answer = await askNow("detail", { points: seen }).catch(() => null);
    if (!answer || mine !== resting || answer.name !== picture?.name) return;
    const [left, top, right, bottom] = answer.box.map((value) => value / reduction());
    Object.assign(detail.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    detail.src = answer.uri;
    await detail.decode().catch(() => null);
    if (mine === resting) detail.hidden = false;
  }, 200));
}

function zoomBy(factor, x = board.clientWidth / 2, y = board.clientHeight / 2) {
  const scale = Math.min(Math.max(zoom.scale * factor, 0.02), WIDEST);
  zoom = { scale, x: x - ((x - zoom.x) * scale) / zoom.scale, y: y - ((y - zoom.y) * scale) / zoom.scale };
  place();
}

board.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = board.getBoundingClientRect();
  zoomBy(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
new ResizeObserver(() => picture && !stroke && fit()).observe(board);

// Two fingers zoom and move; what the first of them had begun to draw is taken back.
const fingers = new Map(); // pointer -> [x, y] on the board
let pinching = false;

function grip() {
  const [[x, y], [u, v]] = fingers.values();
  return { x: (x + u) / 2, y: (y + v) / 2, span: Math.hypot(u - x, v - y) || 1 };
}

function touched(event) {
  if (event.pointerType !== "touch" || event.target.closest("button")) return;
  const before = fingers.size === 2 ? grip() : null;
  const box = board.getBoundingClientRect();
  if (event.type === "pointerup" || event.type === "pointercancel") fingers.delete(event.pointerId);
  else if (event.type === "pointerdown" || fingers.has(event.pointerId)) fingers.set(event.pointerId, [event.clientX - box.left, event.clientY - box.top]);
  if (event.type === "pointerdown" && fingers.size === 2 && picture) {
    pinching = true;
    board.setPointerCapture(event.pointerId);
    abandon();
  }
  if (event.type === "pointermove" && pinching && before && fingers.size === 2) {
    const now = grip();
    zoom = { ...zoom, x: zoom.x + now.x - before.x, y: zoom.y + now.y - before.y };
    zoomBy(now.span / before.span, now.x, now.y);
  }
  if (pinching) event.stopImmediatePropagation(); // the tools do not see it
  if (!fingers.size) pinching = false;
}
for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) board.addEventListener(type, touched, { capture: true });
