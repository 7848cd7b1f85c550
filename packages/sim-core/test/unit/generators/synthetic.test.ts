import { describe, expect, test } from "vitest";
import { syntheticSchema } from "../../../src/workload/generator-schema.ts";
import { generateSynthetic } from "../../../src/workload/generators/synthetic.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { mean } from "./statistics.ts";

const base = { arrivals: { process: "constant", rate: 10 }, promptTokens: 100, outputTokens: 20 };

function generate(spec: object, seed: number | string = 1): Workload {
  return generateSynthetic(syntheticSchema.parse({ ...base, ...spec }), seed);
}

function row({ segments }: Workload, index: number): [number, number][] {
  const entries: [number, number][] = [];
  for (let entry = segments!.offsets[index]!; entry < segments!.offsets[index + 1]!; entry++) {
    entries.push([segments!.ids[entry]!, segments!.endTokens[entry]!]);
  }
  return entries;
}

describe("single requests", () => {
  test("have the columns of their block and nothing more", () => {
    const workload = generate({ count: 3 });
    expect(workload).toEqual({
      name: "synthetic",
      count: 3,
      arrivalUs: Float64Array.of(100_000, 200_000, 300_000),
      promptTokens: Int32Array.of(100, 100, 100),
      outputTokens: Int32Array.of(20, 20, 20),
    });
  });

  test("length pairs are drawn together", () => {
    const pairs = [
      [10, 1000],
      [2000, 3],
    ];
    const workload = generate({ count: 200, promptTokens: undefined, outputTokens: undefined, lengthPairs: pairs });
    const seen = new Set(
      Array.from(workload.promptTokens, (tokens, index) => `${tokens}/${workload.outputTokens[index]}`),
    );
    expect([...seen].sort()).toEqual(["10/1000", "2000/3"]);
  });

  test("shared prefixes come before the prompt, each group always the same", () => {
    const workload = generate({
      count: 500,
      sharedPrefixes: { groups: 3, tokens: { distribution: "uniform", min: 50, max: 90 } },
    });
    const prefixOf = new Map<number, number>();
    for (let index = 0; index < workload.count; index++) {
      const [[group, prefixTokens], [own, total]] = row(workload, index) as [[number, number], [number, number]];
      expect(prefixOf.get(group) ?? prefixTokens).toBe(prefixTokens);
      prefixOf.set(group, prefixTokens);
      expect([own, total]).toEqual([3 + index, prefixTokens + 100]);
      expect(workload.promptTokens[index]).toBe(total);
    }
    expect([...prefixOf.keys()].sort()).toEqual([0, 1, 2]);
    expect(workload.segments!.idCount).toBe(503);
  });

  test("popular groups follow Zipf: with exponent 1, group 0 has 6/11 of three groups", () => {
    const workload = generate({ count: 11_000, sharedPrefixes: { groups: 3, tokens: 16, zipfExponent: 1 } });
    const first = Array.from({ length: workload.count }, (_, index) => row(workload, index)[0]![0]);
    expect(first.filter((group) => group === 0).length / 6000).toBeCloseTo(1, 1);
    expect(first.filter((group) => group === 2).length / 2000).toBeCloseTo(1, 1);
  });

  test("classes share the requests by weight, with lengths of their own", () => {
    const classes = [
      { name: "chat", weight: 3, priority: 10, ttftSlo: "2s", tpotSlo: "50ms" },
      { name: "batch", promptTokens: 4000, outputTokens: 1 },
    ];
    const workload = generate({ count: 4000, classes });
    expect(workload.classes).toEqual([
      { name: "chat", priority: 10, ttftSloUs: 2_000_000, tpotSloUs: 50_000 },
      { name: "batch", priority: 0 },
    ]);
    const batch = workload.classOf!.filter((index) => index === 1).length;
    expect(batch).toBeGreaterThan(880);
    expect(batch).toBeLessThan(1120);
    for (let index = 0; index < workload.count; index++) {
      expect(workload.promptTokens[index]).toBe(workload.classOf![index] === 1 ? 4000 : 100);
      expect(workload.outputTokens[index]).toBe(workload.classOf![index] === 1 ? 1 : 20);
    }
  });
});

describe("sessions", () => {
  test("closed: each turn repeats everything said, is released by the one before, and continues its stream", () => {
    const workload = generate({
      sharedPrefixes: { groups: 1, tokens: 1000 },
      sessions: { count: 2, turns: 3, followUpTokens: 7, thinkTime: "5s" },
    });
    expect(workload.count).toBe(6);
    expect([...workload.promptTokens]).toEqual([1100, 1127, 1154, 1100, 1127, 1154]);
    expect([...workload.releasedBy!]).toEqual([-1, 0, 1, -1, 3, 4]);
    expect([...workload.arrivalUs]).toEqual([100_000, 5_000_000, 5_000_000, 200_000, 5_000_000, 5_000_000]);
    expect(row(workload, 2)).toEqual([
      [0, 1000],
      [1, 1154],
    ]);
    expect(row(workload, 3)).toEqual([
      [0, 1000],
      [2, 1100],
    ]);
    expect([...workload.segments!.outputIds!]).toEqual([1, 1, 1, 2, 2, 2]);
    expect(workload.segments!.idCount).toBe(3);
  });

  test("open: turns arrive at assumed times, rows in order of arrival", () => {
    const workload = generate({
      arrivals: { process: "constant", rate: 1 },
      sessions: { count: 2, turns: 2, mode: "open", thinkTime: "100ms", assumedTtft: "500ms", assumedTpot: "10ms" },
    });
    // A turn takes 500 ms + 19 × 10 ms; the next comes 100 ms later: 1.79 s after a start at 1 s, before the second start.
    expect([...workload.arrivalUs]).toEqual([1_000_000, 1_790_000, 2_000_000, 2_790_000]);
    expect([...workload.promptTokens]).toEqual([100, 220, 100, 220]);
    expect([...workload.segments!.ids]).toEqual([0, 0, 1, 1]);
    expect(workload.releasedBy).toBeUndefined();
  });

  test("count is of requests: the last session is cut", () => {
    const workload = generate({ count: 5, sessions: { turns: 3 } });
    expect([...workload.releasedBy!]).toEqual([-1, 0, 1, -1, 3]);
  });

  test("duration is of session starts", () => {
    const workload = generate({ duration: "400ms", sessions: { turns: 2 } });
    expect(workload.count).toBe(8);
  });

  test("a session ends before a prompt over the limit, its first turn excepted", () => {
    const limited = (maxPromptTokens: number) => generate({ sessions: { count: 1, turns: 9, maxPromptTokens } });
    expect([...limited(350).promptTokens]).toEqual([100, 220, 340]);
    expect([...limited(50).promptTokens]).toEqual([100]);
  });

  test("turns and think times have the means they name", () => {
    const sessions = {
      count: 4000,
      turns: { distribution: "geometric", mean: 4 },
      thinkTime: { distribution: "exponential", mean: "10s" },
    };
    const workload = generate({ sessions });
    expect(workload.count / 4000).toBeCloseTo(4, 0);
    const later = workload.arrivalUs.filter((_, index) => workload.releasedBy![index]! >= 0);
    expect(mean(later) / 10e6).toBeCloseTo(1, 1);
  });
});

describe("syntheticSchema", () => {
  test.each([
    [{}, "exactly one of count, duration, sessions.count"],
    [{ count: 1, duration: "1s" }, "exactly one of count, duration, sessions.count"],
    [{ count: 1, sessions: { turns: 1, count: 1 } }, "exactly one of count, duration, sessions.count"],
    [{ count: 1, outputTokens: undefined }, "expected outputTokens, or lengthPairs"],
    [{ count: 1, lengthPairs: [[1, 1]] }, "expected lengthPairs or promptTokens, not both"],
    [{ count: 1, promptToken: 3 }, "promptToken"],
    [{ count: 1, arrivals: { process: "poison", rate: 1 } }, "process"],
    [{ count: 1, arrivals: { process: "poisson", rate: 0 } }, "rate"],
  ])("%j is refused", (spec, message) => {
    expect(syntheticSchema.safeParse({ ...base, ...spec }).error?.message).toContain(message);
  });
});

describe("adapters", () => {
  const shared = { sharedPrefixes: { groups: 2, tokens: 50 } };

  test("are drawn by popularity and leave all other draws as they were", () => {
    const plain = generate({ count: 20_000, ...shared, promptTokens: { distribution: "geometric", mean: 100 } });
    const given = { count: 4, zipfExponent: 1, fraction: 0.75, names: "tenant-" };
    const workload = generate({
      ...{ count: 20_000, ...shared, promptTokens: { distribution: "geometric", mean: 100 } },
      adapters: given,
    });
    expect(workload.adapters).toEqual(["tenant-0", "tenant-1", "tenant-2", "tenant-3"]);
    const shares = [-1, 0, 1, 2, 3].map(
      (adapter) => workload.adapterOf!.filter((one) => one === adapter).length / 20_000,
    );
    // Of three quarters, 12/25, 6/25, 4/25 and 3/25; four standard deviations are 0.014.
    for (const [at, expected] of [0.25, 0.36, 0.18, 0.12, 0.09].entries()) {
      expect(Math.abs(shares[at]! - expected)).toBeLessThan(0.014);
    }
    expect([workload.promptTokens, workload.outputTokens]).toEqual([plain.promptTokens, plain.outputTokens]);
  });

  test("share no prefix with one another", () => {
    const workload = generate({ count: 300, ...shared, adapters: { count: 3, weights: [1, 1, 0] } });
    const owner = new Map<number, number>();
    for (let at = 0; at < workload.count; at++) {
      const adapter = workload.adapterOf![at]!;
      expect(adapter).not.toBe(2);
      for (const [id] of row(workload, at)) {
        expect(id).toBeLessThan(workload.segments!.idCount);
        expect(owner.get(id) ?? adapter).toBe(adapter);
        owner.set(id, adapter);
      }
    }
    // Two groups under two adapters.
    expect(new Set(Array.from({ length: 300 }, (_, at) => row(workload, at)[0]![0])).size).toBe(4);
  });

  test("stay the same in all turns of a session", () => {
    const sessions = { count: 40, turns: 3 };
    const { adapterOf } = generate({ sessions, adapters: { count: 5 } });
    for (let at = 0; at < 120; at += 3) expect(new Set(adapterOf!.slice(at, at + 3)).size).toBe(1);
    expect(new Set(adapterOf).size).toBe(5);
  });
});
