import { expect, it } from "vitest";
import { Pieces } from "../../../src/wire/pieces.ts";

it("gives the bytes back in order, once", () => {
  const pieces = new Pieces();
  for (const text of ["ab", "", "c", "def"]) pieces.add(Buffer.from(text));
  expect(pieces.bytes).toBe(6);
  expect(Buffer.from(pieces.take()).toString()).toBe("abcdef");
  expect(pieces.bytes).toBe(0);
  expect(pieces.take().length).toBe(0);
});

it("gives a single piece as it is", () => {
  const pieces = new Pieces();
  const piece = Buffer.from("whole");
  pieces.add(piece);
  expect(pieces.take()).toBe(piece);
});

it("keeps the order when many pieces are merged", () => {
  const pieces = new Pieces();
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  for (let at = 0; at < bytes.length; at++) pieces.add(bytes.subarray(at, at + 1));
  expect(pieces.bytes).toBe(bytes.length);
  expect(Buffer.from(bytes).equals(pieces.take())).toBe(true);
});
