// Explains a blank page that cannot connect: a proxy changed the Host header, or does not pass WebSockets on.
setTimeout(async () => {
  if (globalThis.guichetIdle || document.querySelector('[data-test-connection-state="CONNECTED"]')) return;
  const host = await (await fetch("./host")).text();
  const note = document.createElement("p");
  note.id = "proxy-note";
  note.style = "margin: 4rem 1rem 0; font: 1rem/1.5 sans-serif";
  note.textContent =
    host === location.host
      ? "This page cannot connect to its server. If there is a proxy in front of it, let it pass WebSockets on: HTTP/1.1 with the headers Upgrade and Connection."
      : `This page cannot connect to its server, because a proxy in front of it changes the Host header from ${location.host} to ${host}. ` +
        `Let the proxy pass Host on and upgrade WebSockets, or set ALLOWED_ORIGINS=${location.origin} for the page.`;
  document.body.prepend(note);
  // It may have been slow only.
  new MutationObserver((_, observer) => {
    if (!document.querySelector('[data-test-connection-state="CONNECTED"]')) return;
    note.remove();
    observer.disconnect();
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-test-connection-state"] });
}, 8000);
