import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import type { PromptPart } from "../../../src/parsers/parser.ts";
import { estimateOf, writeEstimate } from "../../../src/tokens/estimate.ts";
import { estimateOptions } from "../../../src/tokens/estimate-options.ts";
import { HashMemory } from "../../../src/tokens/hash-memory.ts";

const OPTIONS = estimateOptions(undefined);
const tokensOf = (parts: readonly PromptPart[], options = OPTIONS): number => estimateOf(parts, options).tokens;
const written = (parts: readonly PromptPart[]): Buffer => {
  const memory = new HashMemory();
  const length = writeEstimate(parts, estimateOf(parts, OPTIONS), memory);
  return Buffer.from(memory.room(length));
};

/** The head of a PNG. */
function png(width: number, height: number, checksumOff = 0): string {
  const bytes = Buffer.alloc(33);
  bytes.write("89504e470d0a1a0a0000000d49484452", "hex");
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.set([8, 2], 24);
  bytes.writeUInt32BE((crc32(bytes.subarray(12, 29)) + checksumOff) >>> 0, 29);
  return bytes.toString("base64");
}

test("four bytes of UTF-8 are a token, the last one filled up with zeros", () => {
  expect(tokensOf([{ kind: "text", text: "é".repeat(20) }])).toBe(10);
  expect(
    tokensOf([
      { kind: "text", text: "abcd" },
      { kind: "text", text: "e" },
    ]),
  ).toBe(2);
  expect([
    ...written([
      { kind: "text", text: "abé" },
      { kind: "text", text: "c" },
    ]),
  ]).toEqual([...[0x61, 0x62, 0xc3, 0xa9], ...[0x63, 0, 0, 0]]);
});

test("what is no text starts a token of its own", () => {
  const image: PromptPart = { kind: "image", url: "http://host/picture.png" };
  expect(tokensOf([{ kind: "text", text: "abcde" }, image, { kind: "text", text: "abcde" }])).toBe(2 + 225 + 2);
  const bytes = written([{ kind: "text", text: "abcde" }, image, { kind: "text", text: "f" }]);
  const code = bytes.readUInt32LE(8);
  expect(Array.from({ length: 225 }, (_, i) => bytes.readUInt32LE(8 + 4 * i))).toEqual(Array(225).fill(code));
  expect(bytes.subarray(4, 8).toString("hex")).toBe("65000000");
  expect(bytes.subarray(-4).toString("hex")).toBe("66000000");
  const memory = new HashMemory();
  memory.hashText("http://host/picture.png");
  expect(code).toBe(memory.lo >>> 0);
});

test.each([
  ["a URL", "http://host/a.png", 225],
  ["PNG", `data:image/png;base64,${png(1024, 1024)}`, 1024],
  ["another type than it says", `data:image/jpeg;base64,${png(64, 33)}`, 2],
  ["smaller than a token", `data:image/png;base64,${png(10, 10)}`, 1],
  ["a wrong checksum", `data:image/png;base64,${png(1024, 1024, 1)}`, 225],
  ["no type", `data:;base64,${png(1024, 1024)}`, 225],
  [
    "GIF",
    `data:image/gif;base64,${Buffer.from("GIF89a\x00\x04\x00\x02\x00\x00\x00", "latin1").toString("base64")}`,
    512,
  ],
  [
    "JPEG",
    `data:image/jpeg;base64,${Buffer.from("ffd8ffe00004aabbffc0001108020004000301", "hex").toString("base64")}`,
    512,
  ],
  ["a JPEG cut off", `data:image/jpeg;base64,${Buffer.from("ffd8ffe0", "hex").toString("base64")}`, 225],
])("tokens of an image: %s", (_, url, expected) => {
  expect(tokensOf([{ kind: "image", url }])).toBe(expected);
});

test("an inline image needs no URL", () => {
  expect(tokensOf([{ kind: "image", url: png(64, 64), inline: true }])).toBe(4);
});

test("sound and film", () => {
  const audio = (bytes: number): PromptPart => ({ kind: "audio", bytes, content: "x" });
  expect([0, 1, 4, 5].map((bytes) => tokensOf([audio(bytes)]))).toEqual([1, 1, 1, 2]);
  expect(tokensOf([{ kind: "video", url: "" }])).toBe(2 * 10 * 225);
});

test("parameters of the token producer", () => {
  const image: PromptPart[] = [{ kind: "image", url: "http://host/a.png" }];
  const tokens = (given: object): number => tokensOf(image, estimateOptions({ image: given }));
  expect(tokens({ dynamic: { factor: 2304 } })).toBe(100);
  expect(tokens({ defaultResolution: { width: 1024, height: 512 } })).toBe(512);
  expect(tokens({ mode: "static", static: { staticToken: 7 } })).toBe(7);
  expect(tokens({ mode: "dynamic", static: { staticToken: 7 } })).toBe(225);
  const video = { defaultDuration: 5, defaultResolution: { width: 64, height: 64 } };
  expect(tokensOf([{ kind: "video", url: "" }], estimateOptions({ video }))).toBe(2 * 5 * 4);
});
