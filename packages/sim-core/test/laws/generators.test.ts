import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inferencePerfSchema, syntheticSchema } from "../../src/workload/generator-schema.ts";
import { generateInferencePerf } from "../../src/workload/generators/inference-perf.ts";
import { generateSynthetic } from "../../src/workload/generators/synthetic.ts";
import type { Workload } from "../../src/workload/workload.ts";

const tokens = (max: number) => fc.integer({ min: 1, max });

const length = fc.oneof(
  tokens(3000),
  fc.record({
    distribution: fc.constant("lognormal"),
    mean: fc.integer({ min: 1, max: 2000 }),
    sigma: fc.double({ min: 0, max: 2, noNaN: true }),
  }),
  fc.record({
    distribution: fc.constant("normal"),
    mean: fc.integer({ min: 1, max: 500 }),
    stdev: fc.integer({ min: 0, max: 900 }),
  }),
  fc.record({ distribution: fc.constant("geometric"), mean: fc.integer({ min: 1, max: 300 }), max: tokens(400) }),
  fc.record({ distribution: fc.constant("empirical"), values: fc.array(tokens(900), { minLength: 1, maxLength: 5 }) }),
);

const arrivals = fc.oneof(
  fc.record({ process: fc.constant("poisson"), rate: fc.integer({ min: 1, max: 500 }) }),
  fc.record({
    process: fc.constant("gamma"),
    rate: fc.integer({ min: 1, max: 500 }),
    cv: fc.double({ min: 0.2, max: 4, noNaN: true }),
  }),
  fc.record({
    process: fc.constant("weibull"),
    rate: fc.integer({ min: 1, max: 500 }),
    shape: fc.double({ min: 0.4, max: 4, noNaN: true }),
  }),
  fc.record({
    process: fc.constant("constant"),
    rate: fc.integer({ min: 1, max: 500 }),
    rateShape: fc.constant({ type: "burst", every: "3s", length: "1s", multiplier: 7 }),
  }),
);

const sessions = fc.record(
  {
    turns: fc.oneof(tokens(6), fc.constant({ distribution: "geometric", mean: 3 })),
    thinkTime: fc.oneof(fc.constant("2s"), fc.constant({ distribution: "exponential", mean: "3s" })),
    mode: fc.constantFrom("closed", "open"),
    followUpTokens: length,
    maxPromptTokens: tokens(20_000),
  },
  { requiredKeys: ["turns", "mode"] },
);

const spec = fc.record(
  {
    arrivals,
    promptTokens: length,
    outputTokens: length,
    sharedPrefixes: fc.record({ groups: tokens(9), tokens: length, zipfExponent: fc.constantFrom(0, 1.1) }),
    sessions,
    multimodal: fc.record({
      fraction: fc.constantFrom(0, 0.4, 1),
      items: tokens(4),
      tokensPerItem: length,
    }),
    classes: fc.constant([
      { name: "a", weight: 2 },
      { name: "b", priority: -1, outputTokens: 3 },
    ]),
  },
  { requiredKeys: ["arrivals", "promptTokens", "outputTokens"] },
);

const inferencePerf = fc.record({
  load: fc.record({
    type: fc.constantFrom("poisson", "constant"),
    stages: fc.array(fc.record({ rate: fc.integer({ min: 1, max: 40 }), duration: tokens(5) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  data: fc.record({
    type: fc.constant("shared_prefix"),
    shared_prefix: fc.record({
      num_groups: tokens(5),
      num_prompts_per_group: tokens(5),
      system_prompt_len: fc.nat(300),
      question_len: fc.nat(100),
      output_len: fc.nat(100),
      enable_multi_turn_chat: fc.boolean(),
    }),
  }),
});

const seed = fc.integer({ min: 0, max: 1000 });

/** Every workload of either generator, small. */
const workload = fc.oneof(
  fc.tuple(spec, seed, tokens(120)).map(([block, from, count]) => synthetic({ ...block, count }, from)),
  fc.tuple(inferencePerf, seed).map(([block, from]) => generateInferencePerf(inferencePerfSchema.parse(block), from)),
);

function synthetic(block: object, from: number): Workload {
  return generateSynthetic(syntheticSchema.parse(block), from);
}

/** A row's segments as [id, end token] pairs. */
function chainOf({ segments }: Workload, row: number): (readonly [number, number])[] {
  const [from, to] = [segments!.offsets[row]!, segments!.offsets[row + 1]!];
  return Array.from({ length: to - from }, (_, entry) => [
    segments!.ids[from + entry]!,
    segments!.endTokens[from + entry]!,
  ]);
}

function forEveryRow(check: (workload: Workload, row: number) => void): void {
  fc.assert(
    fc.property(workload, (generated) => {
      for (let row = 0; row < generated.count; row++) check(generated, row);
    }),
    { numRuns: 150 },
  );
}

describe("every generated workload", () => {
  test("asks and answers at least one token, at a whole microsecond", () => {
    forEveryRow(({ promptTokens, outputTokens, arrivalUs }, row) => {
      expect(promptTokens[row]).toBeGreaterThanOrEqual(1);
      expect(outputTokens[row]).toBeGreaterThanOrEqual(1);
      expect(Number.isSafeInteger(arrivalUs[row]) && arrivalUs[row]! >= 0).toBe(true);
    });
  });

  test("has items that follow one another, and text after the last", () => {
    forEveryRow(({ promptTokens, items }, row) => {
      let end = 0;
      for (let item = items?.offsets[row] ?? 0; item < (items?.offsets[row + 1] ?? 0); item++) {
        expect(items!.startTokens[item]).toBeGreaterThanOrEqual(end);
        end = items!.startTokens[item]! + items!.tokens[item]!;
      }
      expect(end).toBeLessThan(promptTokens[row]!);
    });
  });

  test("has arrivals that never run back within a stage, but for rows released by another", () => {
    fc.assert(
      fc.property(workload, ({ arrivalUs, releasedBy, stages, count }) => {
        for (const { firstRow, rows } of stages ?? [{ firstRow: 0, rows: count }]) {
          let latest = 0;
          for (let row = firstRow; row < firstRow + rows; row++) {
            if ((releasedBy?.[row] ?? -1) >= 0) continue;
            expect(arrivalUs[row]).toBeGreaterThanOrEqual(latest);
            latest = arrivalUs[row]!;
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test("has stages that cover its rows in order", () => {
    fc.assert(
      fc.property(workload, ({ stages, count }) => {
        let next = 0;
        for (const { firstRow, rows } of stages ?? []) {
          expect(firstRow).toBe(next);
          next += rows;
        }
        if (stages !== undefined) expect(next).toBe(count);
      }),
    );
  });

  test("has end tokens that ascend to the prompt's length, and ids below idCount", () => {
    forEveryRow((generated, row) => {
      if (generated.segments === undefined) return;
      let before = 0;
      for (const [id, end] of chainOf(generated, row)) {
        expect(id >= 0 && id < generated.segments.idCount).toBe(true);
        expect(end).toBeGreaterThan(before);
        before = end;
      }
      expect(before).toBe(generated.promptTokens[row]);
    });
  });

  test("means by equal segment ids equal whole prefixes: an id always follows the same chain", () => {
    fc.assert(
      fc.property(workload, (generated) => {
        if (generated.segments === undefined) return;
        const before = new Map<number, string>();
        const follow = (id: number, chain: string) => {
          expect(before.get(id) ?? chain).toBe(chain);
          before.set(id, chain);
        };
        for (let row = 0; row < generated.count; row++) {
          const chain = chainOf(generated, row);
          for (const [entry, [id]] of chain.entries()) follow(id, JSON.stringify(chain.slice(0, entry)));
          const output = generated.segments.outputIds?.[row] ?? -1;
          // The answer starts a segment after the prompt, or continues the prompt's last one.
          if (output >= 0 && output !== chain.at(-1)![0]) follow(output, JSON.stringify(chain));
        }
      }),
      { numRuns: 200 },
    );
  });

  test("lets a released turn name the tokens that the one before generated", () => {
    forEveryRow((generated, row) => {
      const previous = generated.releasedBy?.[row] ?? -1;
      if (previous < 0) return;
      const [id, end] = chainOf(generated, row).at(-1)!;
      expect(previous).toBe(row - 1);
      expect(generated.segments!.outputIds![previous]).toBe(id);
      expect(end).toBeGreaterThan(generated.promptTokens[previous]! + generated.outputTokens[previous]!);
    });
  });
});

describe("draws", () => {
  test("the same block and seed give the same workload; the seed as text too", () => {
    fc.assert(
      fc.property(spec, seed, (block, from) => {
        const parsed = syntheticSchema.parse({ ...block, count: 40 });
        expect(generateSynthetic(parsed, from)).toEqual(generateSynthetic(parsed, String(from)));
      }),
      { numRuns: 60 },
    );
  });

  test("a longer run starts with the rows of a shorter one", () => {
    fc.assert(
      fc.property(spec, seed, tokens(40), tokens(40), (block, from, count, more) => {
        // In open mode the rows of later sessions stand between those of earlier ones.
        fc.pre(block.sessions?.mode !== "open");
        const [short, long] = [
          synthetic({ ...block, count }, from),
          synthetic({ ...block, count: count + more }, from),
        ];
        expect(long.arrivalUs.slice(0, count)).toEqual(short.arrivalUs.slice());
        expect(long.promptTokens.slice(0, count)).toEqual(short.promptTokens.slice());
        expect(long.outputTokens.slice(0, count)).toEqual(short.outputTokens.slice());
      }),
      { numRuns: 100 },
    );
  });

  test("more sessions leave the arrivals of the others where they were, in open mode too", () => {
    fc.assert(
      fc.property(spec, sessions, seed, tokens(30), (block, chat, from, count) => {
        const arrivalsOf = (of: number) => {
          const generated = synthetic({ ...block, sessions: { ...chat, count: of } }, from);
          const own = generated.segments!.idCount - of;
          const keys = Array.from({ length: generated.count }, (_, row) => {
            const session = generated.segments!.ids[generated.segments!.offsets[row + 1]! - 1]! - own;
            return [session, generated.arrivalUs[row]!, generated.promptTokens[row]!] as const;
          });
          return keys.filter(([session]) => session < count);
        };
        expect(arrivalsOf(count + 7)).toEqual(arrivalsOf(count));
      }),
      { numRuns: 100 },
    );
  });

  test("more turns leave every session's earlier turns as they were", () => {
    fc.assert(
      fc.property(spec, sessions, seed, tokens(3), (block, chat, from, turns) => {
        const closed = { ...chat, mode: "closed", count: 9, maxPromptTokens: undefined };
        const rowsOf = (of: number) => {
          const generated = synthetic({ ...block, sessions: { ...closed, turns: of } }, from);
          const { arrivalUs, promptTokens, outputTokens } = generated;
          return Array.from({ length: generated.count }, (_, row) => ({
            turn: row % of,
            columns: [arrivalUs[row], promptTokens[row], outputTokens[row]],
          }));
        };
        expect(rowsOf(turns + 2).filter(({ turn }) => turn < turns)).toEqual(rowsOf(turns));
      }),
      { numRuns: 60 },
    );
  });

  test("another output distribution, or classes, shift neither arrivals nor prompts", () => {
    fc.assert(
      fc.property(spec, length, seed, (block, outputTokens, from) => {
        const { sessions: _, classes: __, ...single } = { sessions: undefined, classes: undefined, ...block };
        const [plain, changed] = [
          synthetic({ ...single, count: 50 }, from),
          synthetic(
            { ...single, outputTokens, classes: [{ name: "x" }, { name: "y", outputTokens: 1 }], count: 50 },
            from,
          ),
        ];
        expect(changed.arrivalUs).toEqual(plain.arrivalUs);
        expect(changed.promptTokens).toEqual(plain.promptTokens);
      }),
      { numRuns: 60 },
    );
  });
});
