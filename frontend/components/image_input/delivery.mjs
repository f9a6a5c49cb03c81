// Sends the visitor's images to the page, and keeps them until others replace them.
//
// The page acknowledges each batch before the next one is sent. While there is no connection, images wait. If the page
// has lost the visit, which its token tells, all images are sent again, with what the visitor said is right for them.

const BATCH_IMAGES = 8;
const BATCH_BYTES = 4_500_000;
const RETRY_MS = 30_000;

export class Delivery {
  // `post(batch)` sends a batch; `encode(blob)` is a promise of its base64.
  constructor({ post, encode, retryMs = RETRY_MS }) {
    this.post = post;
    this.encode = encode;
    this.retryMs = retryMs;
    this.items = [];
    this.sent = 0;
    this.round = 0;
    this.connected = true;
    this.visit = "";
    this.marks = []; // of the visit
    this.lostMarks = []; // of visits that were lost, until all their images are sent again
    this.acknowledged = "";
    this.wake = () => {};
    this.id = Math.random().toString(36).slice(2);
  }

  // Images that the page does not have yet.
  get waiting() {
    return this.items.length - this.sent;
  }

  // The next images replace those before.
  restart() {
    this.items = [];
    this.lostMarks = [];
    this.sendAgain();
  }

  add(item) {
    this.items.push(item);
    this.pump();
  }

  // What the page says: the token of its visit, the last batch it has, whether it shows uploads, and the visitor's marks.
  // Returns whether the visit was lost.
  heard({ visit, batch, uploads, marks }) {
    const lost = Boolean(this.visit) && visit !== this.visit;
    if (lost) this.lostMarks = [...this.marks, ...this.lostMarks];
    this.visit = visit;
    this.marks = marks;
    if (lost && this.items.length) {
      this.sendAgain();
      return true;
    }
    if (!lost && !uploads && !this.waiting) this.items = []; // a sample or a URL has replaced them
    this.sent = Math.min(this.sent, this.items.length);
    this.acknowledged = batch;
    this.wake();
    return lost;
  }

  connection(connected) {
    this.connected = connected;
    this.wake();
  }

  sendAgain() {
    this.sent = 0;
    this.round += 1;
    this.wake();
    this.pump();
  }

  async pump() {
    if (this.pumping) return;
    this.pumping = true;
    while (this.waiting) {
      const { round, sent } = this;
      const taken = this.nextBatch();
      const batch = `${this.id}-${round}-${sent}-${taken.length}`;
      const items = await Promise.all(taken.map((item) => this.encoded(item)));
      while (round === this.round && this.acknowledged !== batch) {
        if (this.connected) this.post({ visit: this.visit, batch, first: sent === 0, items, marks: this.lostMarks });
        await this.news(batch, round);
      }
      if (round === this.round) this.sent = sent + taken.length;
    }
    this.lostMarks = [];
    this.pumping = false;
  }

  nextBatch() {
    let [images, bytes] = [0, 0];
    const rest = this.items.slice(this.sent);
    const over = rest.findIndex(({ blob }) => {
      if (!blob) return false;
      images += 1;
      bytes += blob.size;
      return images > 1 && (images > BATCH_IMAGES || bytes > BATCH_BYTES);
    });
    return over === -1 ? rest : rest.slice(0, over);
  }

  async encoded({ blob, ...item }) {
    return blob ? { ...item, data: await this.encode(blob) } : item;
  }

  // Waits for the acknowledgement, another round, a change of the connection, or retryMs.
  news(batch, round) {
    const { connected } = this;
    return new Promise((resolve) => {
      const retry = setTimeout(resolve, this.retryMs);
      this.wake = () => {
        if (this.acknowledged !== batch && this.round === round && this.connected === connected) return;
        clearTimeout(retry);
        resolve();
      };
    });
  }
}
