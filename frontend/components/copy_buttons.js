// Buttons that copy a text each; one without a text copies the address of the page.

const SHOWN_MS = 3000;

export default function ({ parentElement, data }) {
  const at = (name) => parentElement.querySelector(`[data-at="${name}"]`);
  const { copies, copied, failed } = JSON.parse(new TextDecoder().decode(data));
  const place = at("buttons");
  while (place.children.length > copies.length) place.lastChild.remove();
  copies.forEach(({ label, title, text }, index) => {
    const button = place.children[index] ?? place.appendChild(Object.assign(document.createElement("button"), { type: "button" }));
    button.textContent = label;
    button.title = title ?? "";
    button.onclick = async () => {
      const done = await copy(text ?? location.href, button);
      const note = at("copied");
      note.textContent = done ? copied : failed;
      clearTimeout(note.timer);
      note.timer = setTimeout(() => (note.textContent = ""), SHOWN_MS);
    };
  });
}

// Over plain HTTP there is no clipboard but the one of a selection.
async function copy(text, button) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  button.after(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  button.focus();
  return done;
}
