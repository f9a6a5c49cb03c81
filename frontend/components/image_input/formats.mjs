// Which files the models can read, told by their first bytes.

export const MAX_BYTES = 10 * 1024 * 1024;
export const READABLE_TYPES = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);
const IMAGE_NAME = /\.(jpe?g|png|webp|gif|bmp|heic|heif|avif|tiff?)$/i;
// Bytes at the start; null matches any byte.
const SIGNATURES = [
  [0xff, 0xd8, 0xff],
  [0x89, 0x50, 0x4e, 0x47],
  [0x47, 0x49, 0x46, 0x38],
  [0x42, 0x4d],
  [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50],
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
];
// HEIC and AVIF: "ftyp" and the brand, which tells them from videos.
const BRAND = /^ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1|avi[fs])/;

// Whether a file that starts with these bytes has a format that the models read.
export function isReadable(head) {
  const fits = (signature) => signature.every((byte, index) => byte === null || byte === head[index]);
  return SIGNATURES.some(fits) || BRAND.test(String.fromCharCode(...head.slice(4, 12)));
}

// Splits files into those that may be images, in the order of their names, and the names of the others. A single file is
// taken whatever it is called.
export function sorted(files) {
  if (files.length === 1) return { images: files, others: [] };
  const mayBe = (file) => file.type.startsWith("image/") || (!file.type && IMAGE_NAME.test(file.name));
  const byName = (a, b) => nameOf(a).localeCompare(nameOf(b), undefined, { numeric: true });
  const others = files.filter((file) => !mayBe(file) && !file.name.startsWith("."));
  return { images: files.filter(mayBe).sort(byName), others: others.map(nameOf) };
}

// The file's name, with its folder if a folder was given.
export function nameOf(file) {
  return (file.webkitRelativePath || file.droppedPath || file.name).split("/").slice(-2).filter(Boolean).join("/");
}

// The http(s) URL that a text is, or that a list of URLs (text/uri-list) starts with; else "".
export function urlIn(text) {
  const line = text.split(/\r?\n/).find((each) => each.trim() && !each.startsWith("#")) ?? "";
  return /^https?:\/\/\S+$/.test(line.trim()) ? line.trim() : "";
}

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
