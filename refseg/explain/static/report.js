// Lays the map or mask that was pressed over the large picture; a row of words left out shows its own while the pointer is on it.
(() => {
  const stage = document.getElementById("stage");
  if (!stage) return;
  const over = document.getElementById("over");
  const caption = document.getElementById("caption");
  const top = stage.querySelector(".top");
  const layer = (id) => document.getElementById(id)?.closest(".layer");

  let kept = layer("mask");
  const show = (figure) => {
    const image = figure.querySelector("img");
    over.src = image.src;
    over.alt = image.alt;
    stage.dataset.kind = figure.dataset.kind;
    stage.dataset.shown = figure.id;
    caption.textContent = figure.dataset.title;
    top.textContent = Number(figure.dataset.top);
    for (const link of document.querySelectorAll("a[href^='#']")) link.toggleAttribute("data-shown", link.hash === `#${figure.id}`);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const figure = link && layer(link.hash.slice(1));
    if (!figure || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    kept = figure === kept ? layer("mask") : figure;  // pressed again, it goes
    show(kept);
    const { top: above, bottom: below } = stage.getBoundingClientRect();
    if (above < 0 || below > innerHeight) stage.scrollIntoView({ block: "start" });
  });
  for (const row of document.querySelectorAll("tr[data-layer]")) {
    row.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(layer(row.dataset.layer)));
    row.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(kept));
  }
  document.documentElement.classList.add("live");
  show(kept);
})();
