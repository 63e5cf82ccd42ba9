// Asking the server: one request after the other, in the order in which things were done.

const root = element.querySelector(".rs-desk");
const find = (name) => root.querySelector(`.rs-${name}`);
const STORED = { project: "refseg-project", author: "refseg-author" };
const identity = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

let visit = null; // to a project: { key, name }. Another object each time one is entered: what was begun in an earlier visit can tell that it is over
let waiting = Promise.resolve();
let pending = 0; // requests that have their turn or wait for it
let unsure = false; // whether what is shown may not be what is on disk

// Asks at once, beside what is under way.
async function askNow(what, details = {}, during = visit) {
  const answer = await server.desk({ do: what, key: during?.key ?? null, window: identity, ...details }).catch(() => null);
  if (!answer) throw new Error("The page got no answer from its server: see that both are connected, and do it again.");
  if (answer.error) throw new Error(answer.error);
  return answer;
}

// Does something when all that was asked before is done.
function inTurn(action) {
  busy(++pending);
  const mine = waiting.then(action).finally(() => busy(--pending));
  waiting = mine.catch(() => null);
  return mine;
}

// Asks, and shows what has changed if the person is still there. For who has the turn.
async function show(what, details, during) {
  const answer = await askNow(what, details, during);
  if (during === visit) await receive(answer);
  return answer;
}

// Everything anew, as it is on disk.
async function showAll(during) {
  unsure = true;
  await show("enter", { name: picture?.name, ...presence() }, during);
  unsure = false;
}

// Who sits here, and which list they look at.
const presence = () => ({ ...listing(), author: find("author").value.trim() });

// Asks in its turn and shows what has changed. Gives the answer, or null where it was an error, which is then told.
function ask(what, details = {}, during = visit) {
  return inTurn(async () => {
    try {
      if (unsure && during === visit) await showAll(during);
      return await show(what, details, during);
    } catch (error) {
      // What was drawn ahead of the answer is not so, or somebody else has changed the picture: show what is.
      if (during === visit) await showAll(during).catch(() => null);
      tell(error.message, "error");
      return null;
    }
  });
}

// Asks for a change of the picture that the person sees now; the server refuses it where another has come meanwhile.
async function change(what, details = {}) {
  if (picture?.problem) return null;
  return ask(what, { picture: picture?.name, ...details });
}

function busy(count) {
  root.dataset.busy = count;
}

// A sentence for the person; the next thing that goes well takes it away.
function tell(text, kind = "info", list = []) {
  const box = find("tell");
  box.replaceChildren();
  if (!text) return;
  const line = Object.assign(document.createElement("p"), { textContent: text, className: `rs-message rs-${kind}` });
  box.append(line, ...list.map((one) => Object.assign(document.createElement("p"), { textContent: one, className: "rs-message rs-warning" })));
}

function progress(text) {
  find("busy").textContent = text;
}
