import type { BlockKeys } from "@windtunnel/router-policies";
import { describe, expect, test } from "vitest";
import xxhash from "xxhash-wasm";
import { DEFAULT_ESTIMATE } from "../../../src/tokens/estimate.ts";
import { Fnv64 } from "../../../src/tokens/fnv64.ts";
import { HashMemory } from "../../../src/tokens/hash-memory.ts";
import { PreciseKeys } from "../../../src/tokens/precise-keys.ts";
import { TokenMaker } from "../../../src/tokens/request-tokens.ts";

// The numbers come from Python 3 with the packages xxhash and cbor2 (canonical=True), written from the formulas of the
// comments in src; FNV-64a is five lines of Python.

const hex = ({ hi, lo, length }: BlockKeys): string[] =>
  Array.from({ length }, (_, i) => {
    const [high, low] = [hi[i]! >>> 0, lo[i]! >>> 0];
    return `0x${((BigInt(high) << 32n) | BigInt(low)).toString(16)}`;
  });
const word = (hi: number, lo: number): string => hex({ length: 1, hi: Int32Array.of(hi), lo: Int32Array.of(lo) })[0]!;

describe("XXH64", () => {
  test.each([
    ["", "0xef46db3751d8e999"],
    ["a", "0xd24ec4f1a98c6e5b"],
    ["abcdefgh", "0x3ad351775b4634b7"],
    ["0123456789abcdef0123456789abcdef", "0x642a94958e71e6c5"],
    ["x".repeat(100), "0x92f0de5a88a3c094"],
  ])("of %o", (text, expected) => {
    const memory = new HashMemory();
    memory.hashText(text);
    expect(word(memory.hi, memory.lo)).toBe(expected);
  });

  test("equals another implementation at every length up to 200, and over a page of memory", async () => {
    const { h64Raw } = await xxhash();
    const memory = new HashMemory();
    for (const length of [...Array(200).keys(), 65_535, 65_536, 300_001]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length);
      memory.room(length).set(bytes);
      memory.hash(length);
      expect(word(memory.hi, memory.lo)).toBe(`0x${h64Raw(bytes).toString(16)}`);
    }
  });
});

test.each([
  ["", "0xcbf29ce484222325"],
  ["a", "0xaf63dc4c8601ec8c"],
  ["foobar", "0x85944171f73967e8"],
])("FNV-64a of %o", (text, expected) => {
  const hash = new Fnv64();
  hash.reset();
  hash.bytes(Buffer.from(text), text.length);
  expect(word(hash.hi, hash.lo)).toBe(expected);
});

describe("precise keys", () => {
  const tokens = [0, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 1, 2, 3];
  const extras = [["img", "salt"], ["é"]];

  test.each([
    ["cbor-fnv", "", "m", undefined, ["0x8fac1f139f448ae9", "0xd5a3fad8e0a79d1c"]],
    ["cbor-fnv", "42", "Qwen/Qwen3-32B", extras, ["0xea50a9a6b00d5334", "0xd705ac3c840e7e1c"]],
    ["xxh64", "", "m", undefined, ["0x18b5e7511cf764de", "0x4cbaa95a751cfcb3"]],
    ["xxh64", "42", "Qwen/Qwen3-32B", extras, ["0xe30cab496a445972", "0xa0913682643a4205"]],
  ] as const)("%s with seed %o", (hashAlgorithm, hashSeed, model, given, expected) => {
    const keys = new PreciseKeys({ blockSizeTokens: 4, hashSeed, hashAlgorithm });
    expect(hex(keys.keysOf(tokens, { model, ...(given === undefined ? {} : { extras: given }) }))).toEqual(expected);
  });

  test.each(["cbor-fnv", "xxh64"] as const)("%s goes on from a parent's key", (hashAlgorithm) => {
    const keys = new PreciseKeys({ blockSizeTokens: 4, hashSeed: "", hashAlgorithm });
    const whole = hex(keys.keysOf(tokens, { model: "m" }));
    const { hi, lo } = keys.keysOf(tokens.slice(0, 4), { model: "m" });
    const parent = { hi: hi[0]!, lo: lo[0]! };
    expect(hex(keys.keysOf(tokens.slice(4), { model: "other", parent }))).toEqual(whole.slice(1));
  });
});

describe("keys of a request", () => {
  const text = (value: string) => [{ kind: "text", text: value } as const];
  const maker = () => new TokenMaker(DEFAULT_ESTIMATE, [{ blockSizeTokens: 4, hashSeed: "", hashAlgorithm: "xxh64" }]);
  const prompt = "hello world, this is a prompt of several blocks".repeat(3);

  test("approximate: full blocks, then the partial one", () => {
    const tokens = maker().tokens([text(prompt)], { model: "m", cacheSalt: "" });
    expect(tokens.promptTokens).toBe(36);
    expect(hex(tokens.keys(16, true))).toEqual(["0x18256a93fee0d00c", "0x6a50dae8eeab43fd", "0x623287dfedb024f9"]);
  });

  test("approximate: the salt follows the model, the last token is filled up with zeros", () => {
    const tokens = maker().tokens([text("abcde")], { model: "mé", cacheSalt: "s" });
    expect(hex(tokens.keys(64, true))).toEqual(["0x60ff01844069c5b6"]);
  });

  test("each prompt starts anew", () => {
    const tokens = maker().tokens([text("abcde"), text("abcde")], { model: "m", cacheSalt: "" });
    expect(tokens.promptTokens).toBe(4);
    expect(hex(tokens.keys(64, true, 1))).toEqual(hex(tokens.keys(64, true, 0)));
  });

  test("precise: the tokens of a renderer, with the salt as the first block's last extra", () => {
    const keys = new PreciseKeys({ blockSizeTokens: 4, hashSeed: "", hashAlgorithm: "xxh64" });
    const ids = [5, 6, 7, 8, 9, 10, 11, 12, 13];
    const expected = hex(keys.keysOf(ids, { model: "m", extras: [["s"]] }));
    const tokens = maker().tokens([Uint32Array.from(ids)], { model: "m", cacheSalt: "s" });
    expect(hex(tokens.keys(4, false))).toEqual(expected);
    expect(expected).toHaveLength(2);
  });

  test("precise: no index of that block size, no keys", () => {
    const tokens = maker().tokens([Uint32Array.of(1, 2, 3, 4)], { model: "m", cacheSalt: "" });
    expect(tokens.keys(2, false).length).toBe(0);
  });

  test("keys of one request hold together, until another request asks", () => {
    const shared = maker();
    const first = shared.tokens([text(prompt), Uint32Array.from({ length: 40 }, (_, i) => i)], {
      model: "m",
      cacheSalt: "",
    });
    const asked = [first.keys(16, true), first.keys(32, true), first.keys(4, false, 1)];
    const before = asked.map(hex);
    expect(first.keys(16, true)).toBe(asked[0]);
    expect(asked.map(hex)).toEqual(before);
    const other = shared.tokens([text("something else")], { model: "m", cacheSalt: "" });
    const others = hex(other.keys(16, true));
    expect(hex(first.keys(16, true))).toEqual(before[0]);
    expect(hex(other.keys(16, true))).toEqual(others);
  });

  test("no prompts, no tokens", () => {
    const tokens = maker().tokens([], { model: "m", cacheSalt: "" });
    expect([tokens.promptTokens, tokens.promptCount, tokens.keys(16, true).length]).toEqual([0, 0, 0]);
  });
});
