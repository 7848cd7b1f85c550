import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SimulatedRequest } from "../../../src/simulate/simulated-request.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { randomWorkload } from "../../support/random-workload.ts";
import { rows } from "../../support/rows.ts";

/** [segment, tokens up to the block's end] of each block. */
function keysOf(workload: Workload, row: number, size: number, partial: boolean): [number, number][] {
  const request = new SimulatedRequest(workload, "model");
  request.row = row;
  const { length, hi, lo } = request.promptKeys(size, partial);
  return Array.from({ length }, (_, at) => [hi[at]!, lo[at]!]);
}

const workload = rows([
  {
    atUs: 0,
    prompt: [
      [0, 6],
      [1, 5],
      [2, 3],
    ],
    output: 1,
  },
  { atUs: 0, prompt: [[0, 8]], output: 1 },
  { atUs: 0, prompt: 9, output: 1 },
]);

describe("SimulatedRequest", () => {
  it("names a block by the segment of its last token and the tokens up to its end", () => {
    // Blocks of four: tokens 1-4 of segment 0; 5-8 end in segment 1; 9-12 in segment 2; 13 and 14 are part of a block.
    const full = [
      [0, 4],
      [1, 8],
      [2, 12],
    ];
    expect(keysOf(workload, 0, 4, false)).toEqual(full);
    expect(keysOf(workload, 0, 4, true)).toEqual([...full, [2, 14]]);
  });

  it("has no partial block where the last is full", () => {
    expect(keysOf(workload, 1, 4, true)).toEqual([
      [0, 4],
      [0, 8],
    ]);
  });

  it("gives a prompt that shares nothing keys that no other row has", () => {
    expect(keysOf(workload, 2, 4, true)).toEqual([
      [-3, 4],
      [-3, 8],
      [-3, 9],
    ]);
    const plain = rows([0, 1].map((atUs) => ({ atUs, prompt: 4, output: 1 })));
    expect([keysOf(plain, 0, 4, false), keysOf(plain, 1, 4, false)]).toEqual([[[-1, 4]], [[-2, 4]]]);
  });

  it("has no key for a prompt shorter than a block, but for its part", () => {
    expect(keysOf(workload, 1, 16, false)).toEqual([]);
    expect(keysOf(workload, 1, 16, true)).toEqual([[0, 8]]);
  });

  it("finds each block's segment as a search for its last token does", () => {
    fc.assert(
      fc.property(randomWorkload(12, 60), fc.constantFrom(1, 4, 16), fc.boolean(), (random, size, partial) => {
        const { offsets, ids, endTokens } = random.segments!;
        for (let row = 0; row < random.count; row++) {
          const prompt = random.promptTokens[row]!;
          const expected: [number, number][] = [];
          for (let end = size; end < prompt + size; end += size) {
            if (end > prompt && !partial) break;
            const lastToken = Math.min(end, prompt);
            let entry = offsets[row]!;
            while (endTokens[entry]! < lastToken) entry++;
            expected.push([ids[entry]!, lastToken]);
          }
          expect(keysOf(random, row, size, partial)).toEqual(expected);
        }
      }),
    );
  });

  it("shows a row's facts, and its class's priority", () => {
    const classes = [
      { name: "batch", priority: -1 },
      { name: "chat", priority: 5 },
    ];
    const request = new SimulatedRequest({ ...workload, classes, classOf: Uint8Array.of(1, 0, 1) }, "llama");
    request.row = 1;
    expect([request.id, request.promptTokens, request.priority, request.targetModel]).toEqual([1, 8, -1, "llama"]);
    request.row = 2;
    expect([request.id, request.promptTokens, request.priority]).toEqual([2, 9, 5]);
  });
});
