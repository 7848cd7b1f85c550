import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeEventBatch } from "../../../../src/signals/kv-events/engine-event.ts";
import { liveMessage, replayMessage, topicParts } from "../../../../src/signals/kv-events/event-frames.ts";
import { MsgpackError, MsgpackReader } from "../../../../src/signals/kv-events/msgpack-reader.ts";

const packed = (value: unknown): Buffer => Buffer.from(encode(value, { useBigInt64: true }));
const decode = (value: unknown) => decodeEventBatch(packed(value));

const stored = {
  type: "stored",
  hashes: [1n, 2n],
  parent: 9n,
  tokens: Int32Array.from([5, 6, 7, 8]),
  blockSizeTokens: 2,
  medium: "gpu",
  loraName: undefined,
  extraKeys: undefined,
  group: undefined,
  cacheKind: undefined,
};

it("reads lists of lists, as vLLM sent them", () => {
  expect(decode([1.5, [["BlockStored", [1, 2], 9, [5, 6, 7, 8], 2]], 0]).events).toEqual([stored]);
  const full = [
    "BlockStored",
    [1, 2],
    9,
    [5, 6, 7, 8],
    2,
    3,
    "CPU",
    "adapter",
    [["a", ["b", 4], 5], null],
    1,
    "mla_attention",
    7,
    "new",
  ];
  expect(decode([1.5, [full, ["BlockRemoved", [3], null, 1], ["AllBlocksCleared"]]]).events).toEqual([
    {
      ...stored,
      medium: "cpu",
      loraName: "adapter",
      extraKeys: [["a", "b"], undefined],
      group: 1,
      cacheKind: "mla_attention",
    },
    { type: "removed", hashes: [3n], medium: "gpu", group: 1 },
    { type: "cleared" },
  ]);
});

it("reads a list of maps and a map of maps, whatever else they carry", () => {
  const event = {
    type: "BlockStored",
    event_version: 3,
    block_hashes: [1, 2],
    parent_block_hash: 9,
    token_ids: [5, 6, 7, 8],
    block_size: 2,
    lora_id: null,
    medium: "GPU",
    locality: { host: "x" },
  };
  expect(decode([1.5, [event], null]).events).toEqual([stored]);
  const removed = { type: "BlockRemoved", block_hashes: [4], medium: "CPU" };
  expect(
    decode({ ts: 1, events: [event, removed, { type: "AllBlocksCleared" }], data_parallel_rank: 0 }).events,
  ).toEqual([stored, { type: "removed", hashes: [4n], medium: "cpu", group: undefined }, { type: "cleared" }]);
});

it.each([
  [7, 7n],
  [-1, 2n ** 64n - 1n],
  [2 ** 40, 2n ** 40n],
  [2n ** 64n - 2n, 2n ** 64n - 2n],
  [-(2n ** 63n), 2n ** 63n],
  [Uint8Array.of(1, 2), 0x0102n],
  [Uint8Array.of(1, 2, 3, 4, 5, 6, 7), 0x01020304050607n],
  [Uint8Array.of(9, 9, 1, 2, 3, 4, 5, 6, 7, 8), 0x0102030405060708n],
])("reads the hash %s as %s", (given, hash) => {
  expect(decode([0, [["BlockRemoved", [given]]]]).events).toEqual([
    { type: "removed", hashes: [hash], medium: "gpu", group: undefined },
  ]);
});

it.each([null, 0, 0n])("takes the parent %s for the front of a prompt", (parent) => {
  expect(decode([0, [["BlockStored", [1, 2], parent, [5, 6, 7, 8], 2]]]).events).toEqual([
    { ...stored, parent: undefined },
  ]);
});

it("passes over events that are unknown or broken, and reads the others", () => {
  const broken = [
    5,
    [],
    ["BlockStored", [1]],
    ["BlockStored", "x", null, [], 2],
    ["BlockStored", [1], null, ["t"], 2],
    ["BlockStored", [1], null, [1], 2.5],
    ["BlockStored", [1], null, [1], 1, null, 4],
    ["BlockStored", [1], null, [1], 1, null, null, null, 5],
    ["BlockRemoved", [{}]],
    ["BlockRemoved", [new Uint8Array()]],
    ["BlockRemoved", [1], null, -1],
    { block_hashes: [1] },
  ];
  const batch = decode([0, [...broken, ["BlockMoved", 1], { type: "Later" }, ["AllBlocksCleared"]]]);
  expect(batch).toEqual({ events: [{ type: "cleared" }], unknownEvents: 2, malformedEvents: broken.length });
});

it.each([[5], ["x"], [{ events: 1 }], [[1]], [[1, "x"]], [null]])("refuses the batch %j", (batch) => {
  expect(() => decode(batch)).toThrow(MsgpackError);
});

it("reads what an encoder of others writes", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
      fc.double(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("any"), { maxLength: 20 }),
    ),
  })).any;
  /** Integers beyond 32 bits come as bigints or as numbers, by how they were written. */
  const plain = (read: unknown): unknown =>
    Array.isArray(read) ? read.map(plain) : typeof read === "number" && Number.isInteger(read) ? BigInt(read) : read;
  fc.assert(
    fc.property(value, (given) => {
      fc.pre(depthOf(given) < 8);
      expect(plain(new MsgpackReader(packed(given)).value())).toEqual(plain(given));
    }),
  );
});

const depthOf = (value: unknown): number => (Array.isArray(value) ? 1 + Math.max(0, ...value.map(depthOf)) : 0);

it("fails on no bytes with anything but its own error, and allocates nothing for lengths that are claimed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeEventBatch(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(MsgpackError);
      }
    }),
    { numRuns: 3000 },
  );
  const claims = Buffer.concat([
    Buffer.from([0x92, 0x00]),
    Buffer.alloc(50, Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])),
  ]);
  expect(() => decodeEventBatch(claims)).toThrow(MsgpackError);
  expect(() => decodeEventBatch(Buffer.alloc(10_000, 0x91))).toThrow(/nested deeper/);
});

it("reads frames", () => {
  const sequence = Buffer.from("0000000000000102", "hex");
  const [topic, payload, empty] = [Buffer.from("kv@1.2.3.4:80@m"), Buffer.from("x"), Buffer.alloc(0)];
  expect(liveMessage([topic, sequence, payload])).toEqual({ topic: "kv@1.2.3.4:80@m", sequence: 258n, payload });
  for (const bad of [[], [topic], [topic, sequence], [topic, payload, payload], [topic, sequence, payload, payload]]) {
    expect(liveMessage(bad)).toBeUndefined();
  }
  expect(liveMessage([Buffer.alloc(5000, "a"), sequence, payload])).toBeUndefined();
  expect(replayMessage([empty, sequence, payload])).toEqual({ topic: undefined, sequence: 258n, payload });
  expect(replayMessage([empty, topic, sequence, payload])).toMatchObject({ topic: "kv@1.2.3.4:80@m", sequence: 258n });
  expect(replayMessage([empty, Buffer.alloc(8, 0xff), empty])).toBe("end");
  expect(replayMessage([empty, topic, Buffer.alloc(8, 0xff), empty])).toBe("end");
  expect(replayMessage([empty])).toBeUndefined();
});

it.each([
  ["kv@10.0.0.1:8000@meta/llama", "10.0.0.1:8000", "meta/llama"],
  ["kv@10.0.0.1:8000", "kv@10.0.0.1:8000", ""],
  ["kv@a@b@c", "kv@a@b@c", ""],
])("parts the topic %s", (topic, pod, model) => expect(topicParts(topic)).toEqual({ pod, model }));
