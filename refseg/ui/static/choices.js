// Buttons drawn by the server: a press sends the button's data attributes as the event's data.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-choice]");
  if (button) trigger("click", { ...button.dataset });
});
