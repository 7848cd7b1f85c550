import { expect, test } from "vitest";
import type { RecordedFacts, RecordedKeys } from "../../../src/record/recording-line.ts";
import { replayedRequest } from "../../../src/record/replayed-request.ts";

/** Keys with low halves 1, 2, 3, … */
function recorded(blockSizeTokens: number, partial: 0 | 1, blocks: number): RecordedKeys {
  const bytes = Buffer.alloc(8 * blocks);
  for (let block = 0; block < blocks; block++) bytes.writeInt32LE(block + 1, 8 * block);
  return [blockSizeTokens, partial, 0, bytes.toString("base64")];
}

function asked(keys: readonly RecordedKeys[], promptTokens: number, headers?: RecordedFacts["headers"]) {
  const missing: string[] = [];
  const facts: RecordedFacts = {
    ...{
      model: "m",
      promptTokens,
      promptCount: 1,
      priority: 0,
      fairness: "default-flow",
      bodyBytes: 1,
      waitedUs: 0,
      keys,
    },
    ...(headers === undefined ? {} : { headers }),
  };
  const request = replayedRequest(0, facts, (what) => missing.push(what));
  const lows = (size: number, partial: boolean): number[] => {
    const { lo, length } = request.promptKeys(size, partial);
    return [...lo.subarray(0, length)];
  };
  return { request, lows, missing };
}

test("keys of the asked size are the recorded ones", () => {
  const { lows, missing } = asked([recorded(64, 1, 3), recorded(16, 0, 9)], 150);
  expect(lows(64, true)).toEqual([1, 2, 3]);
  expect(lows(16, false)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(missing).toEqual([]);
});

test("larger blocks are named by the last smaller block in them", () => {
  // 150 tokens: blocks of 16 end at 16, 32, …, 144 and 150; blocks of 64 at 64, 128 and 150.
  const { lows, missing } = asked([recorded(16, 1, 10)], 150);
  expect(lows(64, true)).toEqual([4, 8, 10]);
  expect(lows(32, true)).toEqual([2, 4, 6, 8, 10]);
  expect(missing).toEqual([]);
});

test("what cannot be known is said, once a request", () => {
  const { request, lows, missing } = asked([recorded(64, 1, 3)], 150, { seen: "5", absent: null });
  expect(lows(16, true)).toEqual([]);
  expect(lows(16, true)).toEqual([]);
  expect(lows(64, false)).toEqual([]);
  expect(request.header("seen")).toBe("5");
  expect(request.header("absent")).toBeUndefined();
  expect(request.header("never-read")).toBeUndefined();
  expect(missing).toEqual(["blocks of 16 tokens", "blocks of 64 tokens as KV events have them", "header never-read"]);
});
