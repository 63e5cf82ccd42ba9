// Downloads of files that the server has written, or that the page makes itself.

/** The address of a file in the server's upload folder. Every part of the path is encoded: names may be in any script. */
export function fileUrl(path, { root, api_prefix: prefix }) {
  const encoded = path
    .split("/")
    .map((part) => encodeURIComponent(part))
    .join("/");
  return `${root}${prefix}/file=${encoded}`;
}

/** Starts the download of an address under a file name. */
export function downloadUrl(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Starts the download of a file in the server's upload folder. */
export function downloadFile(path, name) {
  downloadUrl(fileUrl(path, window.gradio_config), name);
}

/** Starts the download of the value of a gr.File. Called by Gradio after the file is written. */
export function downloadGradioFile(file) {
  if (file) downloadUrl(file.url, file.orig_name);
}

/** Starts the download of an object as a JSON file. */
export function downloadJson(value, name) {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(value, null, 2)}\n`], { type: "application/json" }));
  downloadUrl(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
