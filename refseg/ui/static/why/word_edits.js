// Edits of the expression's words: leave a word out, swap left and right, choose another color.

import { createElement } from "../shared/dom.js";

const DELAY = 120; // milliseconds without an edit before the expression is compared

/** The expression of the words that are included. */
export const editedExpression = (words) =>
  words
    .filter((word) => word.isIncluded)
    .map((word) => word.text)
    .join(" ");

/** Replaces every word of a side by its opposite; `opposites` maps lowercase words. */
export function swapSides(words, opposites) {
  for (const word of words) word.text = opposites[word.text] ?? word.text;
}

/**
 * @param {HTMLElement} box
 * @param {{colorWords: string[], oppositeSides: Record<string, string>}} constants
 * @param {(expression: string) => void} compare called after edits
 */
export function createWordEdits(box, { colorWords, oppositeSides }, compare) {
  let words = [];
  let timer = null;

  function edit(change) {
    change();
    render();
    clearTimeout(timer);
    timer = setTimeout(() => editedExpression(words) && compare(editedExpression(words)), DELAY);
  }

  function colorSelect(word) {
    const options = colorWords.map((name) =>
      createElement("option", { value: name, textContent: name, selected: name === word.text }),
    );
    const onchange = ({ target }) =>
      edit(() => {
        word.text = target.value;
      });
    return createElement("select", { ariaLabel: "Color", onchange }, ...options);
  }

  function wordButton(word) {
    const onclick = () =>
      edit(() => {
        word.isIncluded = !word.isIncluded;
      });
    const title = "Include the word or leave it out";
    return createElement("button", {
      className: "rs-chip",
      textContent: word.text,
      ariaPressed: word.isIncluded,
      title,
      onclick,
    });
  }

  function render() {
    const controls = words.map((word) => (colorWords.includes(word.text) ? colorSelect(word) : wordButton(word)));
    if (words.some((word) => oppositeSides[word.text])) {
      const onclick = () => edit(() => swapSides(words, oppositeSides));
      controls.push(createElement("button", { textContent: "left ⇄ right", data: { swap: "sides" }, onclick }));
    }
    box.replaceChildren(...controls);
  }

  return {
    setWords(texts) {
      words = texts.map((text) => ({ text, isIncluded: true }));
      render();
    },
  };
}
