import { describe, expect, test } from "vitest";
import { sampleTrace } from "../../../src/workload/sample.ts";
import { workloadFromTrace } from "../../../src/workload/trace-workload.ts";
import { transformTrace } from "../../../src/workload/transform.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { jsonl, readText } from "./read-text.ts";

const row = (fields: object): object => ({ outputTokens: 2, ...fields });
/** Two sessions of two turns and a lone request, in the order of their starts. */
const workload = workloadFromTrace(
  readText(
    jsonl(
      row({ arrivalSeconds: 9, promptTokens: 40, segments: [[3, 40]] }),
      row({ arrivalSeconds: 1, promptTokens: 10, segments: [[0, 10]], class: "a" }),
      row({
        arrivalSeconds: 4,
        promptTokens: 20,
        segments: [
          [0, 10],
          [1, 20],
        ],
        class: "b",
      }),
      row({
        releasedBy: 1,
        thinkSeconds: 0.5,
        promptTokens: 14,
        segments: [
          [0, 10],
          [2, 14],
        ],
        class: "a",
      }),
      row({
        releasedBy: 2,
        thinkSeconds: 0.25,
        promptTokens: 30,
        segments: [
          [0, 10],
          [1, 20],
          [4, 30],
        ],
        class: "b",
      }),
    ),
  ),
).workload;

const view = (w: Workload): [number, number, number][] =>
  Array.from({ length: w.count }, (_, i) => [w.arrivalUs[i]!, w.promptTokens[i]!, w.releasedBy?.[i] ?? -1]);

describe("workload of a trace", () => {
  test("is sorted by the starts of sessions, times from the first", () => {
    expect(view(workload)).toEqual([
      [0, 10, -1],
      [500_000, 14, 0],
      [3_000_000, 20, -1],
      [250_000, 30, 2],
      [8_000_000, 40, -1],
    ]);
    expect([...workload.segments!.ids]).toEqual([1, 1, 3, 1, 2, 1, 2, 4, 0]);
    expect([...workload.classOf!].map((index) => workload.classes![index]!.name)).toEqual(["a", "a", "b", "b", "a"]);
  });

  test("leaves out what cannot be served, counts it, and closes the gap in a session", () => {
    const { workload: served, skipped } = workloadFromTrace(
      readText(
        jsonl(
          { arrivalSeconds: 0, promptTokens: 5, outputTokens: 1 },
          { releasedBy: 0, thinkSeconds: 1, promptTokens: 5, outputTokens: 0 },
          { releasedBy: 1, thinkSeconds: 2, promptTokens: 6, outputTokens: 1 },
          { arrivalSeconds: 0, promptTokens: 0, outputTokens: 1 },
        ),
      ),
    );
    expect(view(served)).toEqual([
      [0, 5, -1],
      [3_000_000, 6, 0],
    ]);
    expect(Object.fromEntries(skipped)).toEqual({ "output of 0 tokens": 1, "prompt of 0 tokens": 1 });
  });

  test("of lengths only needs a rate", () => {
    const lengths = readText("num_prefill_tokens,num_decode_tokens\n1,1\n2,2\n3,3\n");
    expect(() => workloadFromTrace(lengths)).toThrow(
      "t: vidur trace without arrival times; allowed: with a rate per second",
    );
    const { arrivalUs } = workloadFromTrace(lengths, { ratePerSecond: 2, seed: 1 }).workload;
    expect(arrivalUs[0]).toBe(0);
    expect(arrivalUs[2]).toBeGreaterThan(arrivalUs[1]!);
  });
});

describe("transforms", () => {
  test("a window keeps whole sessions and starts at 0", () => {
    expect(view(transformTrace(workload, { windowStartUs: 2_000_000, windowEndUs: 8_000_000 }))).toEqual([
      [1_000_000, 20, -1],
      [250_000, 30, 0],
    ]);
  });

  test("a limit keeps the first rows", () => {
    expect(view(transformTrace(workload, { limit: 3 })).map(([, tokens]) => tokens)).toEqual([10, 14, 20]);
  });

  test("rate divides arrivals only, time multiplies delays too", () => {
    expect([...transformTrace(workload, { rateScale: 2 }).arrivalUs]).toEqual([
      0, 500_000, 1_500_000, 250_000, 4_000_000,
    ]);
    expect([...transformTrace(workload, { timeScale: 2 }).arrivalUs]).toEqual([
      0, 1_000_000, 6_000_000, 500_000, 16_000_000,
    ]);
  });

  test("lengths scale end by end, so that shared prefixes stay shared", () => {
    const scaled = transformTrace(workload, { promptLengthScale: 0.25, outputLengthScale: 3 });
    // Ends 10, 10 14, 10 20, 10 20 30, 40 by 0.25, half up.
    expect([...scaled.segments!.endTokens]).toEqual([3, 3, 4, 3, 5, 3, 5, 8, 10]);
    expect([...scaled.promptTokens]).toEqual([3, 4, 5, 8, 10]);
    expect([...scaled.outputTokens]).toEqual([6, 6, 6, 6, 6]);
  });

  test("a segment that shrinks to nothing is dropped, a prompt keeps a token", () => {
    const scaled = transformTrace(workload, { promptLengthScale: 0.05 });
    expect([...scaled.segments!.endTokens]).toEqual([1, 1, 1, 1, 2, 2]);
    expect([...scaled.segments!.ids]).toEqual([1, 1, 1, 1, 4, 0]);
  });

  test("repeat plays it again, a mean gap later, with the same prompts", () => {
    const repeated = transformTrace(workload, { repeat: 2 });
    expect(view(repeated).slice(5)).toEqual([
      [12_000_000, 10, -1],
      [500_000, 14, 5],
      [15_000_000, 20, -1],
      [250_000, 30, 7],
      [20_000_000, 40, -1],
    ]);
    expect([...repeated.segments!.ids.slice(9)]).toEqual([...workload.segments!.ids]);
  });

  test("what is not allowed is said by name", () => {
    expect(() => transformTrace(workload, { rateScale: 0 })).toThrow("rateScale: found 0; allowed: a number above 0");
    expect(() => transformTrace(workload, { limit: 1.5 })).toThrow(
      "limit: found 1.5; allowed: a whole number, 1 or more",
    );
    expect(() => transformTrace(workload, { windowStartUs: 5, windowEndUs: 5 })).toThrow(/^windowEndUs/);
    expect(() => transformTrace(workload, { windowStartUs: 9_000_000 })).toThrow(/found no request in the window/);
    expect(() => transformTrace(workload, { promptLengthScale: 1e9 })).toThrow(
      /^length scale: found 10000000000 tokens/,
    );
  });
});

describe("samples", () => {
  test("a window is neighbouring sessions, whole", () => {
    const sampled = sampleTrace(workload, { mode: "window", count: 2, seed: 3 });
    const tokens = [...sampled.promptTokens].join();
    expect(["10,14,20,30", "20,30,40"]).toContain(tokens);
    expect(sampled.arrivalUs[0]).toBe(0);
    expect(sampled.releasedBy![1]).toBe(0);
  });

  test("every n-th keeps times and ids", () => {
    const all = sampleTrace(workload, { mode: "every", count: 3, seed: 1 });
    expect(view(all)).toEqual(view(workload));
    const one = sampleTrace(workload, { mode: "every", count: 1, seed: 5 });
    expect([10, 20, 40]).toContain(one.promptTokens[0]);
  });
});
