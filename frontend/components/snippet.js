// A few lines of code with a button that copies them.

export default function ({ parentElement, data: bytes }) {
  const data = JSON.parse(new TextDecoder().decode(bytes));
  const at = (name) => parentElement.querySelector(`[data-at="${name}"]`);
  const button = at("copy");
  at("title").textContent = data.title;
  at("code").textContent = data.code;
  at("code").ariaLabel = data.title;
  button.textContent = data.copy;
  button.ariaLabel = `${data.copy}: ${data.title}`;
  button.onclick = async () => {
    if (await copied(data.code, parentElement)) {
      button.textContent = data.copied;
      setTimeout(() => (button.textContent = data.copy), 2000);
    } else {
      // Neither way of copying is open to us: leave the text selected.
      getSelection().selectAllChildren(at("code"));
    }
  };
}

async function copied(text, parent) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    parent.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
