// Asking the server: one request after the other, in the order in which things were done.

const root = element.querySelector(".rs-desk");
const find = (name) => root.querySelector(`.rs-${name}`);
const STORED = { project: "refseg-project", author: "refseg-author" };
const identity = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

let key = null; // of the project
let waiting = Promise.resolve();
let pending = 0;

// Asks at once, beside what is under way.
async function askNow(what, details = {}) {
  const answer = await server.desk({ do: what, key, window: identity, ...details });
  if (answer.error) throw new Error(answer.error);
  return answer;
}

// Asks in its turn and shows what has changed. Gives the answer, or null where it was an error, which is then told.
function ask(what, details = {}) {
  const mine = waiting.then(async () => {
    busy(++pending);
    try {
      const answer = await askNow(what, details);
      await receive(answer);
      return answer;
    } catch (error) {
      // What was drawn ahead of the answer is not so, or somebody else has changed the picture: show what is.
      await receive(await askNow("enter", { name: picture?.name, ...listing() }).catch(() => ({})));
      tell(error.message, "error");
      return null;
    } finally {
      busy(--pending);
    }
  });
  waiting = mine.catch(() => null);
  return mine;
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
