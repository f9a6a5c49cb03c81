// The image input: drop, choose, folder, camera, paste, samples. It decodes each image in the browser, reduces it to what
// the models need, and sends it in batches, the next one only after the page has taken the last.

const READABLE_TYPES = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);
const IMAGE_NAME = /\.(jpe?g|png|webp|gif|bmp|heic|heif|avif|tiff?)$/i;
const BATCH_IMAGES = 8;
const BATCH_CHARACTERS = 6_000_000;
const SMALL_FILE = 150_000;
const MAX_BYTES = 10 * 1024 * 1024;

const MAX_PREVIEWS = 1000;

const inputs = new WeakMap();
// Object URLs of the previews, by handle. They never leave the browser.
const previews = (globalThis.guichetPreviews ??= new Map());

export default function (component) {
  const { parentElement } = component;
  const data = JSON.parse(new TextDecoder().decode(component.data));
  let input = inputs.get(parentElement);
  if (!input) {
    input = new ImageInput(parentElement);
    inputs.set(parentElement, input);
  }
  input.update(component, data);
  return () => {
    input.leave();
    inputs.delete(parentElement);
  };
}

class ImageInput {
  constructor(root) {
    this.root = root;
    this.at = (name) => root.querySelector(`[data-at="${name}"]`);
    this.controller = new AbortController();
    this.taken = () => {};
    this.busy = Promise.resolve();
    const on = (target, event, handler) =>
      target.addEventListener(event, handler, { signal: this.controller.signal });

    for (const name of ["files", "folder"]) {
      on(this.at(name), "change", (event) => {
        this.take([...event.target.files]);
        event.target.value = "";
      });
    }
    on(this.at("camera"), "click", () => this.openCamera());
    on(this.at("shoot"), "click", () => this.shoot());
    on(this.at("close"), "click", () => this.at("dialog").close());
    on(this.at("dialog"), "close", () => this.stopCamera());
    // The models may be able to fetch what the browser cannot: show no image rather than a broken one.
    on(this.at("image"), "error", () => (this.at("image").hidden = true));
    on(this.at("paste"), "click", () => this.pasteFromClipboard());
    on(this.at("remove"), "click", () => this.send("cleared", Date.now()));
    on(this.at("samples"), "click", (event) => {
      const button = event.target.closest("button");
      if (button) this.send("sample", button.dataset.name);
    });
    on(document, "paste", (event) => this.pasted(event));
    on(document, "dragover", (event) => this.dragged(event, true));
    on(document, "dragleave", (event) => event.relatedTarget || this.dragged(event, false));
    on(document, "drop", (event) => this.dropped(event));
    this.at("paste").hidden = !navigator.clipboard?.read;
    this.at("camera").hidden = !navigator.mediaDevices?.getUserMedia;
    this.at("folder").closest("label").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
  }

  update(component, data) {
    this.send = component.setTriggerValue;
    this.data = data;
    this.taken(data.batch);
    for (const element of this.root.querySelectorAll("[data-text]")) {
      element.textContent = data.texts[element.dataset.text];
    }
    document.documentElement.lang = data.language;
    this.showPreview(data.preview);
    this.showSamples(data.samples);
  }

  leave() {
    this.controller.abort();
    this.stopCamera();
  }

  showPreview(preview) {
    const figure = this.at("preview");
    figure.hidden = !preview;
    this.at("drop").classList.toggle("given", Boolean(preview));
    if (!preview) return;
    const image = this.at("image");
    const src = preview.src || previews.get(preview.handle);
    if (image.getAttribute("src") !== (src ?? "")) {
      image.hidden = !src;
      image.src = src ?? "";
    }
    image.alt = preview.alt;
    this.at("strip").hidden = !preview.strip.length;
    const strip = preview.strip.map((handle) => previews.get(handle)).filter(Boolean);
    this.at("strip").replaceChildren(...strip.map((src) => Object.assign(document.createElement("img"), { src, alt: "" })));
    this.at("caption").textContent = preview.caption;
    this.at("note").textContent = preview.note;
  }

  showSamples(samples) {
    this.at("gallery").hidden = !samples.length;
    const list = this.at("samples");
    if (list.children.length !== samples.length) {
      list.replaceChildren(
        ...samples.map(({ name, src }) => {
          const button = Object.assign(document.createElement("button"), { type: "button" });
          button.dataset.name = name;
          button.append(Object.assign(document.createElement("img"), { src }));
          const item = document.createElement("li");
          item.append(button);
          return item;
        }),
      );
    }
    samples.forEach(({ label, chosen }, index) => {
      const button = list.children[index].firstChild;
      button.firstChild.alt = label;
      button.setAttribute("aria-pressed", String(chosen));
    });
  }

  say(text) {
    this.at("said").textContent = text;
  }

  // ---- sources

  pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      this.take(files);
      return;
    }
    const typing = event.composedPath()[0]?.closest?.("input, textarea, [contenteditable]");
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    if (!typing && /^https?:\/\/\S+$/.test(text)) this.send("url", text);
  }

  async pasteFromClipboard() {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((one) => one.startsWith("image/"));
        if (type) {
          const blob = await item.getType(type);
          this.take([new File([blob], `pasted.${type.split("/")[1]}`, { type })]);
          return;
        }
      }
    } catch {
      // Not permitted: treated like an empty clipboard.
    }
    this.say(this.data.texts.no_image_in_clipboard);
  }

  dragged(event, over) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    this.at("drop").classList.toggle("over", over);
  }

  async dropped(event) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    this.at("drop").classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    this.take(entries.length ? await filesOf(entries) : [...event.dataTransfer.files]);
  }

  async openCamera() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } },
      });
    } catch {
      this.say(this.data.texts.no_camera);
      return;
    }
    this.at("video").srcObject = this.stream;
    this.at("dialog").showModal();
  }

  async shoot() {
    const video = this.at("video");
    if (!video.videoWidth) return;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    this.at("dialog").close();
    this.take([new File([blob], "camera.jpg", { type: "image/jpeg" })]);
  }

  stopCamera() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.at("video").srcObject = null;
  }

  // ---- sending

  take(files) {
    // One drop after the other: a second one waits until the first has been sent.
    this.busy = this.busy.then(() => this.sendAll(files)).catch((error) => console.error(error));
  }

  async sendAll(files) {
    const { most, texts } = this.data;
    const images = files
      .filter((file) => file.type.startsWith("image/") || (!file.type && IMAGE_NAME.test(file.name)))
      .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    // A single file is sent whatever it is: the page or the models report what is wrong with it.
    const chosen = images.length || files.length !== 1 ? images : files;
    if (!chosen.length) {
      this.say(texts.no_image_in_files);
      return;
    }
    const total = Math.min(chosen.length, most);
    let first = true;
    let items = [];
    let characters = 0;
    const flush = async () => {
      if (!items.length) return;
      await this.sendBatch({ first, items });
      first = false;
      items = [];
      characters = 0;
    };
    for (const [index, file] of chosen.slice(0, most).entries()) {
      if (total > 1) this.say(fill(texts.preparing, { done: index + 1, total }));
      const item = await prepared(file, this.data.side, total > 1 ? 112 : 640);
      if (characters + item.data.length > BATCH_CHARACTERS || items.length >= BATCH_IMAGES) await flush();
      items.push(item);
      characters += item.data.length;
    }
    await flush();
    this.say(chosen.length > most ? fill(texts.too_many, { most }) : "");
  }

  sendBatch(content) {
    const batch = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    return new Promise((resolve) => {
      const giveUp = setTimeout(resolve, 30_000);
      this.taken = (received) => {
        if (received !== batch) return;
        clearTimeout(giveUp);
        resolve();
      };
      this.send("images", { batch, ...content });
    });
  }
}

async function filesOf(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.isFile) {
      files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    } else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) break;
        files.push(...(await filesOf(some)));
      }
    }
  }
  return files;
}

// The image with a shorter side of at most `side`. A file that the browser cannot decode is sent unchanged.
async function prepared(file, side, previewSide) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return { name: file.name, data: file.size > MAX_BYTES ? "" : await base64(file), handle: "", original: file.size };
  }
  const scale = Math.min(1, side / Math.min(bitmap.width, bitmap.height), 4096 / Math.max(bitmap.width, bitmap.height));
  const keep = READABLE_TYPES.has(file.type) && (scale === 1 ? file.size < 10 * SMALL_FILE : file.size < SMALL_FILE);
  let blob = file;
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
    name: file.name,
    data: await base64(blob),
    handle,
    original: file.size,
  };
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

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
