// What widgets with a canvas share; put before their own script (see `script` in theme.py).

// The grey values, 0..255, of an image at an address, brought to a size: Uint8Array, row by row.
async function grey(source, width, height) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const values = new Uint8Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = rgba[4 * i];
  return values;
}

// "#rrggbb" with an alpha of 0..1 as one pixel of an ImageData seen through a Uint32Array.
function pixel(colour, alpha) {
  const value = parseInt(colour.slice(1), 16);
  const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255];
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

// Colours the pixels of an ImageData whose `values` (one a pixel, row by row) reach `level`, leaves the others, and counts the coloured.
// With `outline` their edge, `reach` pixels wide, is drawn in the full colour; the border of the picture is no edge.
function paint(frame, values, level, { colour, opacity, outline, reach = Math.max(1, Math.round(Math.max(frame.width, frame.height) / 320)) }) {
  const { width, height } = frame, pixels = new Uint32Array(frame.data.buffer);
  const fill = pixel(colour, opacity), line = pixel(colour, 1);
  const covered = (x, y) => values[Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)] >= level;
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (values[i] < level) continue;
      count++;
      const edge = outline && !(covered(x - reach, y) && covered(x + reach, y) && covered(x, y - reach) && covered(x, y + reach));
      pixels[i] = edge ? line : fill;
    }
  }
  return count;
}
