// The browser's side of an upload: batches, lost connections and lost visits.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Delivery } from "../../../frontend/components/image_input/delivery.mjs";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const image = (name, size = 1) => ({ name, blob: { size } });

// A delivery whose page keeps what it is sent, until `page.lost`.
function connect({ lossy = false, retryMs = 60_000 } = {}) {
  const page = { visit: "v1", batch: "", names: [], batches: [], taken: 0, lossy, marks: [], restored: [] };
  const delivery = new Delivery({ retryMs, encode: async () => "data" });
  const tell = () => delivery.heard({ visit: page.visit, batch: page.batch, uploads: page.names.length > 0, marks: page.marks });
  delivery.post = ({ visit, batch, first, items, marks }) => {
    page.batches.push(batch);
    if (page.lossy) return;
    if (batch !== page.batch && visit === page.visit) {
      page.taken += items.length;
      page.restored.push(...marks);
      page.batch = batch;
      page.names = [...(first ? [] : page.names), ...items.map(({ name }) => name)];
    }
    setImmediate(tell);
  };
  delivery.page = page;
  delivery.tell = tell;
  tell();
  return delivery;
}

const give = (delivery, ...names) => names.forEach((name) => delivery.add(image(name)));
async function untilDelivered(delivery) {
  for (let i = 0; i < 200 && delivery.waiting; i += 1) await settled();
  assert.equal(delivery.waiting, 0);
}

test("images arrive once, in order, in batches", async () => {
  const delivery = connect();
  const names = Array.from({ length: 20 }, (_, index) => `${index}.jpg`);
  delivery.restart();
  give(delivery, ...names);
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, names);
  assert.ok(delivery.page.batches.length >= 3);
});

test("a batch stays below the size that the page accepts, but has at least one image", () => {
  const delivery = connect();
  delivery.items = [image("a", 9_000_000), image("b", 3_000_000), image("c", 3_000_000)];
  assert.equal(delivery.nextBatch().length, 1);
  delivery.sent = 1;
  assert.equal(delivery.nextBatch().length, 1);
});

test("refused files take no place of images", () => {
  const delivery = connect();
  delivery.items = [...Array.from({ length: 30 }, (_, index) => ({ name: `${index}.txt`, refused: "refused_type" })), image("a")];
  assert.equal(delivery.nextBatch().length, 31);
});

test("images given while offline wait for the connection", async () => {
  const delivery = connect();
  delivery.connection(false);
  delivery.restart();
  give(delivery, "a", "b");
  await settled();
  assert.equal(delivery.page.batches.length, 0);
  delivery.connection(true);
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, ["a", "b"]);
});

test("a batch that was lost with the connection is sent again, and taken once", async () => {
  const delivery = connect({ lossy: true });
  delivery.restart();
  give(delivery, "a");
  await settled();
  delivery.connection(false);
  await settled();
  delivery.page.lossy = false;
  delivery.connection(true);
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, ["a"]);
  assert.equal(new Set(delivery.page.batches).size, 1);
});

test("a batch without an acknowledgement is sent again", async () => {
  const delivery = connect({ lossy: true, retryMs: 5 });
  delivery.restart();
  give(delivery, "a");
  await settled();
  delivery.page.lossy = false;
  await new Promise((resolve) => setTimeout(resolve, 20));
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, ["a"]);
});

test("a lost visit gets all images again", async () => {
  const delivery = connect();
  delivery.restart();
  give(delivery, "a", "b");
  await untilDelivered(delivery);
  Object.assign(delivery.page, { visit: "v2", batch: "", names: [] });
  assert.equal(delivery.tell(), true);
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, ["a", "b"]);
});

test("a lost visit gets its marks again, and later images do not", async () => {
  const delivery = connect();
  delivery.restart();
  give(delivery, "a");
  await untilDelivered(delivery);
  delivery.page.marks = [["a", "cat", "dog"]];
  delivery.tell();
  Object.assign(delivery.page, { visit: "v2", batch: "", names: [], marks: [] });
  delivery.tell();
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.restored, [["a", "cat", "dog"]]);
  await settled();
  give(delivery, "b");
  await untilDelivered(delivery);
  assert.equal(delivery.page.restored.length, 1);
});

test("a visit that is lost in the middle of a batch gets all images once", async () => {
  const delivery = connect();
  delivery.restart();
  give(delivery, ...Array.from({ length: 20 }, (_, index) => String(index)));
  while (delivery.page.names.length < 9) await settled();
  Object.assign(delivery.page, { visit: "v2", batch: "", names: [] });
  delivery.tell();
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, Array.from({ length: 20 }, (_, index) => String(index)));
});

test("a visit that is lost with the connection while a batch is sent gets each image once", async () => {
  const delivery = connect();
  const names = Array.from({ length: 20 }, (_, index) => String(index));
  delivery.restart();
  give(delivery, ...names);
  while (delivery.page.names.length < 9) await settled();
  delivery.page.lossy = true;
  while (delivery.page.batches.length < 3) await settled();
  delivery.connection(false);
  Object.assign(delivery.page, { visit: "v2", batch: "", names: [], taken: 0, lossy: false });
  delivery.connection(true);
  await untilDelivered(delivery);
  assert.deepEqual(delivery.page.names, names);
  assert.equal(delivery.page.taken, 20);
});

test("images that others replaced are not sent again", async () => {
  const delivery = connect();
  delivery.restart();
  give(delivery, "a");
  await untilDelivered(delivery);
  delivery.page.names = []; // a sample
  delivery.tell();
  delivery.page.visit = "v2";
  assert.equal(delivery.tell(), true);
  assert.equal(delivery.waiting, 0);
});
