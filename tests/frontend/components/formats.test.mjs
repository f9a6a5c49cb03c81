// Which files the image input takes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fill, isReadable, nameOf, sorted, urlIn } from "../../../frontend/components/image_input/formats.mjs";

const bytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

for (const [name, head] of [
  ["JPEG", "\xff\xd8\xff\xe0"],
  ["PNG", "\x89PNG\r\n"],
  ["GIF", "GIF89a"],
  ["BMP", "BM\x00\x00"],
  ["WebP", "RIFF\x10\x00\x00\x00WEBPVP8 "],
  ["HEIC", "\x00\x00\x00\x18ftypheic"],
  ["AVIF", "\x00\x00\x00\x1cftypavif"],
  ["TIFF of one byte order", "II*\x00"],
  ["TIFF of the other", "MM\x00*"],
]) {
  test(`${name} is told by its first bytes`, () => assert.ok(isReadable(bytes(head))));
}

for (const [name, head] of [
  ["text", "not an image"],
  ["nothing", ""],
  ["a PDF", "%PDF-1.7"],
  ["a WAV file", "RIFF\x10\x00\x00\x00WAVEfmt "],
  ["a video", "\x00\x00\x00\x18ftypisom"],
  ["half a signature", "\xff\xd8"],
]) {
  test(`${name} is not readable`, () => assert.ok(!isReadable(bytes(head))));
}

test("images come in the order of their names, and the other files are named", () => {
  const file = (name, type = "") => ({ name, type });
  const given = [file("10.jpg", "image/jpeg"), file("2.jpg", "image/jpeg"), file("notes.txt", "text/plain"), file("a.HEIC"), file(".DS_Store")];
  const { images, others } = sorted(given);
  assert.deepEqual(images.map(({ name }) => name), ["2.jpg", "10.jpg", "a.HEIC"]);
  assert.deepEqual(others, ["notes.txt"]);
});

test("a single file is taken whatever it is called", () => {
  const only = { name: "cat", type: "text/plain" };
  assert.deepEqual(sorted([only]), { images: [only], others: [] });
});

test("values are filled into a text", () => assert.equal(fill("{done} of {total}", { done: 1, total: 2 }), "1 of 2"));

test("a file's name has the folder that it was given in", () => {
  assert.equal(nameOf({ name: "1.jpg", webkitRelativePath: "images/cat/1.jpg" }), "cat/1.jpg");
  assert.equal(nameOf({ name: "1.jpg", droppedPath: "/cat/1.jpg" }), "cat/1.jpg");
  assert.equal(nameOf({ name: "1.jpg", webkitRelativePath: "" }), "1.jpg");
});

for (const [text, url] of [
  ["https://example.org/cat.jpg", "https://example.org/cat.jpg"],
  ["  http://example.org/a b", ""],
  ["# a comment\r\nhttps://example.org/cat.jpg\r\nhttps://example.org/dog.jpg\r\n", "https://example.org/cat.jpg"],
  ["\n https://example.org/ \n", "https://example.org/"],
  ["file:///home/cat.jpg", ""],
  ["see https://example.org", ""],
  ["", ""],
]) {
  test(`the URL in ${JSON.stringify(text)}`, () => assert.equal(urlIn(text), url));
}
