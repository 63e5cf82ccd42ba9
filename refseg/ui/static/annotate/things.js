// The layers of the picture: what each is called, and what can be done with it. Text from people goes in as text, never as markup.

const rows = find("rows");

function select(id) {
  active = id;
  for (const mask of masks.values()) mask.image = null;
  listThings();
  draw();
}

const describe = (one, values) => ask("describe", { layer: one.id, ...values });

function listThings() {
  const focused = document.activeElement?.closest?.(".rs-rows") ? document.activeElement.dataset.name : null;
  rows.replaceChildren(...layers.filter(({ id }) => id).map(thing));
  if (focused) rows.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
}

function thing(one, number) {
  const title = one.expressions[0] || one.category || "no sentence yet";
  const head = make(
    "div",
    { className: "rs-head" },
    make("input", { type: "color", value: one.colour, title: "colour", onchange: (event) => describe(one, { colour: event.target.value }) }),
    make("button", { className: "rs-title", textContent: `${number + 1}  ${title}`, title, onclick: () => select(one.id) }),
    make("button", { textContent: one.hidden ? "show" : "hide", title: "show or hide (V)", onclick: () => describe(one, { hidden: !one.hidden }) }),
    make("button", { textContent: "✕", title: "delete (Del)", ariaLabel: `delete ${title}`, onclick: () => ask("delete", { layer: one.id }) }),
  );
  const open = one.id === active;
  return make("li", { className: open ? "rs-thing rs-open" : "rs-thing", data: { layer: one.id } }, head, ...(open ? details(one) : []));
}

function details(one) {
  const said = [...one.expressions, ""].map((text, place) =>
    make("input", {
      className: "rs-said",
      value: text,
      maxLength: 1000,
      placeholder: place ? "another sentence for it" : "a sentence for it",
      data: { name: `${one.id}-${place}` },
      onchange: (event) => {
        const texts = [...one.expressions];
        texts[place] = event.target.value;
        describe(one, { expressions: texts.map((each) => each ?? "") });
      },
    }),
  );
  const repairs = [["fill", "Fill holes"], ["largest", "Largest piece"], ["smooth", "Smooth"], ["edges", "Fit to edges"]];
  const parts = [
    ...said,
    make("input", {
      className: "rs-category",
      value: one.category,
      maxLength: 100,
      placeholder: "category",
      data: { name: `${one.id}-category` },
      onchange: (event) => describe(one, { category: event.target.value.trim() }),
    }),
    make(
      "div",
      { className: "rs-row" },
      ...repairs.map(([how, text]) =>
        make("button", { textContent: text, disabled: one.absent || (how === "edges" && !abilities.edges), data: { repair: how }, onclick: () => ask("repair", { layer: one.id, how }) }),
      ),
    ),
    make(
      "div",
      { className: "rs-row" },
      make("button", {
        textContent: "Ask again",
        title: "run the first sentence again, as a mask of its own (R)",
        disabled: !one.expressions.length,
        onclick: () => ask("find", { expression: one.expressions[0] }).then(follow),
      }),
      make("button", {
        textContent: one.absent ? "It is there" : "Not in this picture",
        data: { absent: one.absent },
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
          data: { name: `${one.id}-threshold` },
          onchange: (event) => ask("threshold", { layer: one.id, value: Number(event.target.value) }),
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
  const answer = await ask("find", { expression: box.value });
  if (!answer) return;
  box.value = "";
  follow(answer);
});
