(...values) => {
  // What the server cannot know: the frame that is shown, and the project that this browser has open.
  const key = (() => { try { return localStorage.getItem("refseg-project") ?? ""; } catch { return ""; } })();
  const number = Number(document.querySelector(".rs-player")?.dataset.current ?? 0);
  return values.length === 4 ? [number, key, ...values.slice(2)] : [key, ...values.slice(1)];
}
