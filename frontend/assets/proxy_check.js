// Explains a blank page: if it cannot connect, and the server gets another Host than the browser's, a proxy changed it.
setTimeout(async () => {
  if (document.querySelector('[data-test-connection-state="CONNECTED"]')) return;
  const host = await (await fetch("./host")).text();
  if (host === location.host) return;
  const note = document.createElement("p");
  note.id = "proxy-note";
  note.style = "margin: 4rem 1rem 0; font: 1rem/1.5 sans-serif";
  note.textContent =
    `This page cannot connect to its server, because a proxy in front of it changes the Host header from ${location.host} to ${host}. ` +
    `Let the proxy pass Host on and upgrade WebSockets, or set ALLOWED_ORIGINS=${location.origin} for the page.`;
  document.body.prepend(note);
}, 8000);
