// The layers of the picture: what each is called, and what can be done with it. Text from people goes in as text, never as markup.

const rows = find("rows");
const TEXT = "input:not([type])";

function select(id) {
  active = id;
  for (const mask of masks.values()) mask.image = null;
  listThings();
  draw();
}

// A mask that the model has drawn: go on with it, unless the person is painting or writing meanwhile.
function follow(answer) {
  const writing = rows.contains(document.activeElement) && document.activeElement.matches(TEXT);
  if (answer?.layer && layer(answer.layer) && !stroke && !writing) select(answer.layer);
}

const describe = (one, values) => change("describe", { layer: one.id, ...values });

// Anew. The focus stays on the same control of the same mask, or goes to the open one; what is being typed stays too.
function listThings() {
  const field = rows.contains(document.activeElement) ? document.activeElement : null;
  const row = field?.closest("[data-layer]")?.dataset.layer;
  const typed = field?.matches(TEXT) && field.value !== field.defaultValue ? [field.value, field.selectionStart, field.selectionEnd] : null;
  if (field) field.onchange = null; // going away is no decision
  rows.replaceChildren(...settled().map(thing));
  if (!field) return;
  const same = rows.querySelector(`[data-layer="${CSS.escape(row)}"] [data-name="${field.dataset.name}"]`);
  (same ?? rows.querySelector(".rs-open .rs-title") ?? find("blank")).focus({ preventScroll: true });
  if (!same || !typed) return;
  same.value = typed[0];
  same.setSelectionRange(typed[1], typed[2]);
}

function thing(one, number) {
  const title = one.expressions[0] || one.category || "no sentence yet";
  const open = one.id === active;
  const head = make(
    "div",
    { className: "rs-head" },
    make("input", {
      type: "color",
      value: one.colour,
      title: "colour",
      ariaLabel: `colour of mask ${number + 1}`,
      data: { name: "colour" },
      onchange: (event) => describe(one, { colour: event.target.value }),
    }),
    make("button", { className: "rs-title", textContent: `${number + 1}  ${title}`, title, ariaExpanded: open, data: { name: "title" }, onclick: () => select(one.id) }),
    make("button", {
      textContent: one.hidden ? "show" : "hide",
      title: "show or hide (V)",
      ariaLabel: `${one.hidden ? "show" : "hide"} ${title}`,
      data: { name: "hide" },
      onclick: () => describe(one, { hidden: !one.hidden }),
    }),
    make("button", {
      textContent: "✕",
      title: "delete (Del)",
      ariaLabel: `delete ${title}`,
      data: { name: "delete" },
      onclick: () => change("delete", { layer: one.id }),
    }),
  );
  return make("li", { className: open ? "rs-thing rs-open" : "rs-thing", data: { layer: one.id } }, head, ...(open ? details(one, number) : []));
}

// A field for words; what is typed is sent when the person has done with it.
function words(className, name, text, longest, placeholder, said, send) {
  const onchange = ({ target }) => {
    target.defaultValue = target.value; // no longer being typed
    send(target.value);
  };
  return make("input", { className, defaultValue: text, maxLength: longest, placeholder, ariaLabel: said, data: { name }, onchange });
}

function details(one, number) {
  const mask = `mask ${number + 1}`;
  const said = [...one.expressions, ""].map((text, place) => {
    const hint = place ? "another sentence for it" : "a sentence for it";
    const send = (value) => describe(one, { expressions: Object.assign([...one.expressions], { [place]: value }) });
    return words("rs-said", `said-${place}`, text, 1000, hint, `sentence ${place + 1} of ${mask}`, send);
  });
  const category = words("rs-category", "category", one.category, 100, "category", `category of ${mask}`, (value) => describe(one, { category: value.trim() }));
  const repairs = [["fill", "Fill holes"], ["largest", "Largest piece"], ["smooth", "Smooth"], ["edges", "Fit to edges"]];
  const parts = [
    ...said,
    category,
    make(
      "div",
      { className: "rs-row" },
      ...repairs.map(([how, text]) =>
        make("button", {
          textContent: text,
          disabled: one.absent || (how === "edges" && !abilities.edges),
          data: { name: how, repair: how },
          onclick: () => change("repair", { layer: one.id, how }),
        }),
      ),
    ),
    make(
      "div",
      { className: "rs-row" },
      make("button", {
        textContent: "Ask again",
        title: "run the first sentence again, as a mask of its own (R)",
        disabled: !one.expressions.length,
        data: { name: "again" },
        onclick: () => change("find", { expression: one.expressions[0] }).then(follow),
      }),
      make("button", {
        textContent: one.absent ? "It is there" : "Not in this picture",
        data: { name: "absent", absent: one.absent },
        onclick: () => describe(one, { absent: !one.absent }),
      }),
    ),
  ];
  if (one.movable)
    parts.push(
      make(
        "label",
        { className: "rs-check" },
        "threshold ",
        make("input", {
          type: "range",
          min: 0.02,
          max: 0.98,
          step: 0.02,
          value: one.threshold ?? 0.5,
          data: { name: "threshold" },
          onchange: (event) => change("threshold", { layer: one.id, value: Number(event.target.value) }),
        }),
      ),
    );
  const facts = [];
  if (one.model) facts.push(`${one.model}${one.threshold ? ` at ${one.threshold.toFixed(2)}` : ""}`);
  else facts.push("by hand");
  if (one.doubt !== null) facts.push(`doubt ${one.doubt.toFixed(2)}`);
  if (one.corrected) facts.push(`${(100 * one.changed).toFixed(2)} % of the picture changed`);
  if (one.absent) facts.push("not in this picture");
  parts.push(make("p", { className: "rs-facts-line", textContent: facts.join(" · ") }));
  return parts;
}

find("ask-desk").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = find("sentence");
  const said = box.value;
  const answer = await change("find", { expression: said });
  if (!answer) return;
  if (box.value === said) box.value = ""; // not the next one, which is being typed already
  follow(answer);
});
