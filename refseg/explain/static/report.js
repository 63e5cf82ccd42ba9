// Shows the map or mask that the user clicks over the large image. A row of the words table shows its own map while the
// pointer is over it. Without this script the links of the report go to the maps in the page.
(() => {
  const stage = document.getElementById("stage");
  if (!stage) return;
  const large = document.getElementById("over");
  const caption = document.getElementById("caption");
  const scaleTop = stage.querySelector(".top");
  const findFigure = (id) => document.getElementById(id)?.closest(".overlay");
  const figureLinks = "a[href^='#']";
  let selected = findFigure("mask");

  function show(figure) {
    const image = figure.querySelector("img");
    large.src = image.src;
    large.alt = image.alt;
    stage.dataset.kind = figure.dataset.kind;
    stage.dataset.shown = figure.id;
    caption.textContent = figure.dataset.title;
    scaleTop.textContent = Number(figure.dataset.top);
    for (const link of document.querySelectorAll(figureLinks)) {
      link.toggleAttribute("data-shown", link.hash === `#${figure.id}`);
    }
  }

  function onClick(event) {
    const link = event.target.closest(figureLinks);
    const figure = link && findFigure(link.hash.slice(1));
    if (!figure || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    selected = figure === selected ? findFigure("mask") : figure; // a second click shows the mask again
    show(selected);
    const { top, bottom } = stage.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) stage.scrollIntoView({ block: "start" });
  }

  document.addEventListener("click", onClick);
  for (const row of document.querySelectorAll("tr[data-overlay]")) {
    const figure = findFigure(row.dataset.overlay);
    row.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(figure));
    row.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(selected));
  }
  document.documentElement.classList.add("live");
  show(selected);
})();
