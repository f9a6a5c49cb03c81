// The image input: drop, choose, folder, camera, paste, samples.

import { Delivery } from "./delivery.mjs";
import { filesOf } from "./files.mjs";
import { fill, nameOf, sorted, urlIn } from "./formats.mjs";
import { base64, prepared, previews } from "./prepare.mjs";

const VISIT = "guichet-visit";
const inputs = new WeakMap();
// Kept while another view is shown.
const delivery = (globalThis.guichetDelivery ??= new Delivery({ encode: base64 }));

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
    this.busy = Promise.resolve();
    const on = (target, event, handler) =>
      target.addEventListener(event, handler, { signal: this.controller.signal });

    for (const name of ["files", "folder", "shot"]) {
      const field = this.at(name);
      on(field, "change", () => this.takeChosen(field));
      if (field.files.length) this.takeChosen(field); // before this script ran
    }
    // A phone's own camera takes better photos than a video does.
    const phone = matchMedia("(pointer: coarse)").matches;
    on(this.at("camera"), "click", () => (phone ? this.at("shot").click() : this.openCamera()));
    on(this.at("shoot"), "click", () => this.shoot());
    on(this.at("close"), "click", () => this.at("dialog").close());
    on(this.at("dialog"), "close", () => this.stopCamera());
    // The models may be able to fetch what the browser cannot: show no image rather than a broken one.
    on(this.at("image"), "error", () => (this.at("image").hidden = true));
    on(this.at("paste"), "click", () => this.pasteFromClipboard());
    on(this.at("remove"), "click", () => this.replace("cleared", Date.now()));
    on(globalThis, "beforeunload", (event) => (delivery.waiting || this.preparing) && event.preventDefault());
    on(this.at("samples"), "click", (event) => {
      const button = event.target.closest("button");
      if (button) this.replace("sample", button.dataset.name);
    });
    on(document, "paste", (event) => this.pasted(event));
    on(document, "dragover", (event) => this.dragged(event, true));
    on(document, "dragleave", (event) => event.relatedTarget || this.dragged(event, false));
    on(document, "drop", (event) => this.dropped(event));
    this.at("paste").hidden = !navigator.clipboard?.read;
    this.at("camera").hidden = !phone && !navigator.mediaDevices?.getUserMedia;
    this.at("folder").closest("label").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
    this.watchConnection();
  }

  // Streamlit tells whether it is connected only by an attribute of its own element.
  watchConnection() {
    const app = document.querySelector("[data-test-connection-state]");
    if (!app) return;
    const isConnected = () => app.dataset.testConnectionState === "CONNECTED";
    delivery.connected = isConnected();
    // Streamlit's dialog about the connection is in English and covers the page; closing it once is enough.
    const close = '[data-testid="stDialog"]:not(:has(.st-key-opened)) button[aria-label="Close"]';
    this.dialogs = new MutationObserver(() => document.querySelector(close)?.click());
    this.connection = new MutationObserver(() => {
      if (isConnected() === delivery.connected) return;
      delivery.connection(isConnected());
      this.say(isConnected() || globalThis.guichetIdle ? "" : this.data.texts.disconnected);
      // The first run in a new session tells that the old one is lost.
      if (isConnected() && !delivery.waiting) this.send("reconnected", Date.now());
      if (isConnected()) this.dialogs.disconnect();
      else this.dialogs.observe(document.body, { childList: true, subtree: true });
    });
    this.connection.observe(app, { attributes: true, attributeFilter: ["data-test-connection-state"] });
  }

  update(component, data) {
    this.send = component.setTriggerValue;
    this.data = data;
    delivery.post = (batch) => this.send("images", batch);
    this.follow(data);
    for (const element of this.root.querySelectorAll("[data-text]")) {
      element.textContent = data.texts[element.dataset.text];
    }
    document.documentElement.lang = data.language;
    this.showPreview(data.preview);
    this.showSamples(data.samples);
  }

  // Keeps the page's visit: after an interruption the images are sent again; after a reload the page is asked for the
  // visit that this tab had.
  follow({ visit, batch, given, marks }) {
    const reloaded = !delivery.visit && sessionStorage.getItem(VISIT);
    const before = this.sample;
    if (delivery.heard({ visit, batch, uploads: given === "upload", marks })) {
      if (delivery.waiting || before) this.say(this.data.texts.interrupted);
      if (!delivery.waiting && before) this.send("sample", before);
      return;
    }
    if (reloaded && reloaded !== visit && !given) this.send("resume", reloaded);
    this.sample = given === "sample" ? this.data.samples.find(({ chosen }) => chosen)?.name : undefined;
    if (given) sessionStorage.setItem(VISIT, visit);
    else if (!reloaded) sessionStorage.removeItem(VISIT);
  }

  leave() {
    this.controller.abort();
    this.connection?.disconnect();
    this.dialogs?.disconnect();
    this.stopCamera();
  }

  showPreview(preview) {
    const figure = this.at("preview");
    figure.hidden = !preview;
    this.at("drop").classList.toggle("given", Boolean(preview));
    if (!preview) return;
    const image = this.at("image");
    const src = preview.src || previews.get(preview.handle) || preview.kept;
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

  // A single image's name and preview, before the page has it.
  showAtOnce(file, handle) {
    this.showPreview({ src: "", kept: "", handle, alt: nameOf(file), strip: [], caption: nameOf(file), note: "" });
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

  // Something else than files replaces the images.
  replace(event, value) {
    delivery.restart();
    this.send(event, value);
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
    const url = urlIn(event.clipboardData?.getData("text/plain") ?? "");
    if (typing) return;
    if (url) this.replace("url", url);
    else this.say(this.data.texts.no_image_in_clipboard);
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
        const url = item.types.includes("text/plain") ? urlIn(await (await item.getType("text/plain")).text()) : "";
        if (url) {
          this.replace("url", url);
          return;
        }
      }
    } catch {
      // Not permitted: treated like an empty clipboard.
    }
    this.say(this.data.texts.no_image_in_clipboard);
  }

  // A link may be dropped into a text field, too.
  takesDrop(event) {
    const types = event.dataTransfer?.types ?? [];
    return types.includes("Files") || (types.includes("text/uri-list") && !event.composedPath()[0]?.closest?.("input"));
  }

  dragged(event, over) {
    if (!this.takesDrop(event)) return;
    event.preventDefault();
    this.at("drop").classList.toggle("over", over);
  }

  async dropped(event) {
    if (!this.takesDrop(event)) return;
    event.preventDefault();
    this.at("drop").classList.remove("over");
    const url = urlIn(event.dataTransfer.getData("text/uri-list"));
    if (!event.dataTransfer.files.length && url) {
      this.replace("url", url);
      return;
    }
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

  takeChosen(field) {
    this.take([...field.files]);
    field.value = "";
  }

  take(files) {
    // One drop after the other: a second one waits until the first has been sent.
    globalThis.guichetUse?.();
    this.busy = this.busy.then(() => this.sendAll(files)).catch((error) => console.error(error));
  }

  async sendAll(files) {
    const { most, texts, side } = this.data;
    const { images, others } = sorted(files);
    const refused = (file, reason) => ({ name: nameOf(file), refused: reason });
    if (!images.length) {
      this.say(texts.no_image_in_files);
      return;
    }
    this.preparing = true;
    const total = images.length;
    delivery.restart();
    for (const [index, file] of images.entries()) {
      if (total > 1) this.say(fill(texts.preparing, { done: index + 1, total }));
      else this.showAtOnce(file, "");
      const item =
        index < most
          ? await prepared(file, side, total > 1 ? 112 : 640).catch(() => refused(file, "refused_unreadable"))
          : refused(file, "refused_count");
      if (total === 1) this.showAtOnce(file, item.handle ?? "");
      delivery.add(item);
    }
    for (const name of others) delivery.add({ name, refused: "refused_type" });
    this.preparing = false;
    this.say(delivery.connected ? "" : texts.disconnected);
  }
}
