// Buttons that the server has rendered: a click triggers the widget's event with the button's data attributes.

/** @param {{element: HTMLElement, trigger: Function}} widget as gr.HTML provides it */
export function mount({ element, trigger }) {
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-choice]");
    if (button) trigger("click", { ...button.dataset });
  });
}
