// Decodes an image in the browser, rotates it upright, and reduces it to what the models need.

import { MAX_BYTES, READABLE_TYPES, isReadable, nameOf } from "./formats.mjs";

const SMALL_FILE = 150_000;
const MAX_PREVIEWS = 1000;
// Object URLs of the previews, by handle. They never leave the browser.
export const previews = (globalThis.guichetPreviews ??= new Map());

// The image with a shorter side of at most `side`. A file that the browser cannot decode is sent unchanged if the models
// may read it, and otherwise refused.
export async function prepared(file, side, previewSide) {
  if (!file.size) return { name: nameOf(file), refused: "refused_empty" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
    if (!isReadable(head)) return { name: nameOf(file), refused: "refused_type" };
    if (file.size > MAX_BYTES) return { name: nameOf(file), refused: "refused_size" };
    return { name: nameOf(file), blob: await copied(file), handle: "", original: file.size };
  }
  const scale = Math.min(1, side / Math.min(bitmap.width, bitmap.height), 4096 / Math.max(bitmap.width, bitmap.height));
  const keep = READABLE_TYPES.has(file.type) && (scale === 1 ? file.size < 10 * SMALL_FILE : file.size < SMALL_FILE);
  let blob;
  if (!keep) {
    // WebP keeps transparency.
    const type = ["image/png", "image/webp", "image/gif"].includes(file.type) ? "image/webp" : "image/jpeg";
    const smaller = await drawn(bitmap, scale, type, 0.92);
    if (smaller.size < file.size || !READABLE_TYPES.has(file.type)) blob = smaller;
  }
  const previewScale = Math.min(1, previewSide / Math.max(bitmap.width, bitmap.height));
  const handle = keepPreview(await drawn(bitmap, previewScale, "image/webp", 0.8));
  bitmap.close();
  return {
    name: nameOf(file),
    blob: blob ?? (await copied(file)),
    handle,
    original: file.size,
  };
}

// The visitor may move or change the file before it is sent again.
async function copied(file) {
  return new Blob([await file.arrayBuffer()], { type: file.type });
}

function keepPreview(preview) {
  if (previews.size >= MAX_PREVIEWS) {
    const [oldest, address] = previews.entries().next().value;
    previews.delete(oldest);
    URL.revokeObjectURL(address);
  }
  const handle = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  previews.set(handle, URL.createObjectURL(preview));
  return handle;
}

function drawn(bitmap, scale, type, quality) {
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob({ type, quality });
}

export function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
