// Fetches a file that the server has written into its upload folder, and hands it to the person.
function take(path, name) {
  const { root: base, api_prefix: prefix } = window.gradio_config;
  const link = Object.assign(document.createElement("a"), { href: `${base}${prefix}/file=${path}`, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}
