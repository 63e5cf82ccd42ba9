// Messages to the user: a line of progress, and alerts that the next successful request clears.

import { createElement } from "../shared/dom.js";

export function createMessages(find) {
  const box = find("alerts");

  function addLine(text, kind) {
    const line = createElement("p", { textContent: text, className: `rs-message rs-${kind}` });
    box.append(line);
    return line;
  }

  return {
    /** Shows one alert, and below it details, one a line. */
    show(text, kind = "info", details = []) {
      box.replaceChildren();
      if (text) addLine(text, kind);
      for (const detail of details) addLine(detail, "warning");
    },

    /** Shows the lines of a report with a button below them. */
    showReport(lines, buttonText, onClick) {
      const [head, ...details] = lines.map((line) => line.charAt(0).toUpperCase() + line.slice(1));
      this.show(head, "info", details);
      box.append(createElement("button", { className: "rs-report-button", textContent: buttonText, onclick: onClick }));
    },

    showError(error) {
      this.show(error.message, "error");
    },

    clear() {
      box.replaceChildren();
    },

    showProgress(text) {
      find("status").textContent = text;
    },
  };
}
