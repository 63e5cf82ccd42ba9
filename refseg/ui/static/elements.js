// An element with properties, `data` attributes and children; text from people is given as `textContent`, never as markup.
function make(tag, properties = {}, ...children) {
  const { data = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), { ...(tag === "button" ? { type: "button" } : {}), ...rest });
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}
