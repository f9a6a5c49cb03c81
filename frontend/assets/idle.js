// An idle tab lets go of its connection, which would keep the page's instance running, and takes it up again when the
// visitor comes back. Streamlit reconnects as soon as its server responds, so its requests wait until then.
{
  const idleMs = Number(document.currentScript.dataset.minutes) * 60_000;
  const PENDING = ".g-wait, .st-key-cancel";
  const [Socket, request] = [WebSocket, fetch];
  let [socket, lastUse] = [undefined, Date.now()];
  let awake, wake;

  globalThis.WebSocket = class extends Socket {
    constructor(...options) {
      super(...options);
      socket = this;
    }
  };

  globalThis.fetch = async (...options) => {
    await awake;
    return request(...options);
  };

  const sleep = () => {
    if (awake || Date.now() - lastUse < idleMs || document.querySelector(PENDING)) return;
    awake = new Promise((resolve) => (wake = resolve));
    globalThis.guichetIdle = true;
    socket?.close();
  };

  const use = () => {
    lastUse = Date.now();
    if (!awake) return;
    globalThis.guichetIdle = false;
    awake = undefined;
    wake();
  };

  globalThis.guichetUse = use; // for what is not seen here, such as a change of a file input
  if (idleMs) {
    for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "dragover", "paste", "focus"]) {
      addEventListener(event, use, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => document.hidden || use());
    setInterval(sleep, Math.min(idleMs / 4, 15_000));
  }
}
