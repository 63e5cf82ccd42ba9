// The list of the image's objects: their expressions and categories, and what can be done with each.

import { createElement } from "../shared/dom.js";
import { activeObject, findObject, savedObjects } from "./state.js";

const TEXT_FIELD = "input:not([type])";
const REPAIRS = [
  ["fill", "Fill holes"],
  ["largest", "Keep largest piece"],
  ["smooth", "Smooth"],
  ["edges", "Snap to edges"],
];

export function createObjectList(editor) {
  const { find, state, constants, canvas } = editor;
  const rows = find("object-rows");

  const update = (object, values) => editor.api.requestChange("update_object", { object: object.id, ...values });

  function select(id) {
    state.activeId = id;
    for (const mask of state.masks.values()) mask.drawing = null;
    render();
    canvas.draw();
  }

  /** Selects the object of an answer, unless the user is drawing or typing meanwhile. */
  function selectAnswered(answer) {
    const isTyping = rows.contains(document.activeElement) && document.activeElement.matches(TEXT_FIELD);
    if (answer?.object && findObject(state, answer.object) && !state.stroke && !isTyping) select(answer.object);
  }

  /** Requests a prediction for an expression; it becomes a new object. */
  const predict = (expression) => editor.api.requestChange("predict", { expression });

  function predictAgain(object = activeObject(state)) {
    if (object?.expressions.length) predict(object.expressions[0]).then(selectAnswered);
  }

  function toggleHidden(object = activeObject(state)) {
    if (object) update(object, { hidden: !object.hidden });
  }

  function remove(object = activeObject(state)) {
    if (object) editor.api.requestChange("delete_object", { object: object.id });
  }

  /** Renders the list again. Focus stays on the same control of the same object, and so does text being typed. */
  function render() {
    const focused = rows.contains(document.activeElement) ? document.activeElement : null;
    const id = focused?.closest("[data-object]")?.dataset.object;
    const isEdited = focused?.matches(TEXT_FIELD) && focused.value !== focused.defaultValue;
    const typed = isEdited ? { text: focused.value, start: focused.selectionStart, end: focused.selectionEnd } : null;
    if (focused) focused.onchange = null; // removing the element must not send its text
    rows.replaceChildren(...savedObjects(state).map(objectRow));
    if (!focused) return;
    const same = rows.querySelector(`[data-object="${CSS.escape(id)}"] [data-name="${focused.dataset.name}"]`);
    (same ?? rows.querySelector(".rs-open .rs-title") ?? find("new-object")).focus({ preventScroll: true });
    if (!same || !typed) return;
    same.value = typed.text;
    same.setSelectionRange(typed.start, typed.end);
  }

  function objectRow(object, index) {
    const number = index + 1;
    const title = object.expressions[0] || object.category || "no expression yet";
    const isOpen = object.id === state.activeId;
    const visibility = object.hidden ? "Show" : "Hide";
    const header = createElement(
      "div",
      { className: "rs-object-header" },
      createElement("input", {
        type: "color",
        value: object.color,
        title: "Color",
        ariaLabel: `Color of object ${number}`,
        data: { name: "color" },
        onchange: (event) => update(object, { color: event.target.value }),
      }),
      createElement("button", {
        className: "rs-title",
        textContent: `${number}  ${title}`,
        title,
        ariaExpanded: isOpen,
        data: { name: "title" },
        onclick: () => select(object.id),
      }),
      createElement("button", {
        textContent: visibility,
        title: `${visibility} (V)`,
        ariaLabel: `${visibility} ${title}`,
        data: { name: "hide" },
        onclick: () => toggleHidden(object),
      }),
      createElement("button", {
        textContent: "✕",
        title: "Delete (Del)",
        ariaLabel: `Delete ${title}`,
        data: { name: "delete" },
        onclick: () => remove(object),
      }),
    );
    const className = isOpen ? "rs-object rs-open" : "rs-object";
    return createElement(
      "li",
      { className, data: { object: object.id } },
      header,
      ...(isOpen ? details(object, number) : []),
    );
  }

  /** A text field. Its text is sent when the user leaves the field or presses Enter. */
  function textField({ className, name, text, maxLength, placeholder, label, send }) {
    return createElement("input", {
      className,
      defaultValue: text,
      maxLength,
      placeholder,
      ariaLabel: label,
      data: { name },
      onchange: ({ target }) => {
        target.defaultValue = target.value; // it is no longer being typed
        send(target.value);
      },
    });
  }

  function details(object, number) {
    const parts = [...expressionFields(object, number), categoryField(object, number), repairButtons(object)];
    parts.push(objectButtons(object));
    if (object.adjustable) parts.push(thresholdSlider(object));
    parts.push(createElement("p", { className: "rs-object-facts", textContent: factsOf(object) }));
    return parts;
  }

  function expressionFields(object, number) {
    return [...object.expressions, ""].map((text, index) =>
      textField({
        className: "rs-object-expression",
        name: `expression-${index}`,
        text,
        maxLength: constants.maxTextLength,
        placeholder: index ? "another expression" : "expression",
        label: `Expression ${index + 1} of object ${number}`,
        send: (value) => update(object, { expressions: Object.assign([...object.expressions], { [index]: value }) }),
      }),
    );
  }

  function categoryField(object, number) {
    return textField({
      className: "rs-category",
      name: "category",
      text: object.category,
      maxLength: constants.maxCategoryLength,
      placeholder: "category",
      label: `Category of object ${number}`,
      send: (value) => update(object, { category: value.trim() }),
    });
  }

  function repairButtons(object) {
    const buttons = REPAIRS.map(([method, text]) =>
      createElement("button", {
        textContent: text,
        disabled: object.no_target || (method === "edges" && !constants.canSnapToEdges),
        data: { name: method, repair: method },
        onclick: () => editor.api.requestChange("repair", { object: object.id, method }),
      }),
    );
    return createElement("div", { className: "rs-row" }, ...buttons);
  }

  function objectButtons(object) {
    return createElement(
      "div",
      { className: "rs-row" },
      createElement("button", {
        textContent: "Predict again",
        title: "Predict the first expression again, as a new object (R)",
        disabled: !object.expressions.length,
        data: { name: "predict-again" },
        onclick: () => predictAgain(object),
      }),
      createElement("button", {
        textContent: object.no_target ? "Has a target" : "No target",
        title: object.no_target
          ? "The expression names an object in this image"
          : "The expression names nothing in this image",
        data: { name: "no-target", noTarget: object.no_target },
        onclick: () => update(object, { no_target: !object.no_target }),
      }),
    );
  }

  function thresholdSlider(object) {
    const [min, max] = constants.thresholdRange;
    const slider = createElement("input", {
      type: "range",
      min,
      max,
      step: 0.01,
      value: object.threshold ?? 0.5,
      data: { name: "threshold" },
      onchange: (event) =>
        editor.api.requestChange("set_threshold", { object: object.id, value: Number(event.target.value) }),
    });
    return createElement("label", { className: "rs-check" }, "Threshold ", slider);
  }

  find("predict-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = find("predict-expression");
    const expression = field.value;
    const answer = await predict(expression);
    if (!answer) return;
    if (field.value === expression) field.value = ""; // otherwise the next expression is being typed already
    selectAnswered(answer);
  });

  return { render, select, predictAgain, toggleHidden, remove };
}

/** One line about how an object's mask came about. */
export function factsOf(object) {
  const facts = [];
  if (object.model) facts.push(`${object.model}${object.threshold ? ` at ${object.threshold.toFixed(2)}` : ""}`);
  else facts.push("drawn or imported");
  if (object.uncertainty !== null) facts.push(`uncertainty ${object.uncertainty.toFixed(2)}`);
  if (object.corrected) facts.push(`${(100 * object.changed).toFixed(2)} % of the image changed`);
  if (object.no_target) facts.push("no target");
  return facts.join(" · ");
}
