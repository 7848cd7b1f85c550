import { describe, expect, test } from "vitest";
import { inferencePerfSchema } from "../../../src/workload/generator-schema.ts";
import { generateInferencePerf } from "../../../src/workload/generators/inference-perf.ts";
import { ignoredInferencePerfKeys } from "../../../src/workload/generators/inference-perf-schema.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { deviation, gaps, mean, meanZ } from "./statistics.ts";

const prefix = { num_groups: 3, num_prompts_per_group: 2, system_prompt_len: 600, question_len: 120, output_len: 100 };
const sharedPrefix = { type: "shared_prefix", shared_prefix: prefix };
const fixed = (tokens: number) => ({ type: "fixed", mean: tokens });
const random = { type: "random", input_distribution: fixed(50), output_distribution: fixed(9) };

function generate(load: object, data: object = sharedPrefix, seed = 1): Workload {
  return generateInferencePerf(inferencePerfSchema.parse({ load, data }), seed);
}

/** Segment ids and end tokens of the rows of a stage. */
function prompts(workload: Workload, stage: number): string[] {
  const { firstRow, rows } = workload.stages![stage]!;
  const { offsets, ids, endTokens } = workload.segments!;
  return Array.from({ length: rows }, (_, index) => {
    const [from, to] = [offsets[firstRow + index]!, offsets[firstRow + index + 1]!];
    return `${ids.slice(from, to).join(">")} to ${endTokens.slice(from, to).join(">")}`;
  });
}

describe("poisson", () => {
  const workload = generate({ type: "poisson", stages: [{ rate: 4, duration: 500 }] }, random);
  const perSlot = new Int32Array(workload.arrivalUs.at(-1)! / 1e6);
  for (const time of workload.arrivalUs) perSlot[Math.ceil(time / 1e6) - 1]! += 1;
  // The last slot may be cut where the count is reached.
  const wholeSlots = perSlot.subarray(0, -1);

  test("the last arrival of every slot lands on its boundary; a zero draw skips a slot", () => {
    const times = new Set(workload.arrivalUs);
    const off = Array.from(wholeSlots, (_, slot) => slot).filter(
      (slot) => wholeSlots[slot]! > 0 && !times.has((slot + 1) * 1e6),
    );
    expect(off).toEqual([]);
    // e^-4 = 1.8 % of about 500 slots.
    expect(wholeSlots.filter((count) => count === 0).length).toBeGreaterThan(2);
  });

  test("slots hold Poisson counts: mean and variance equal the rate", () => {
    expect(Math.abs(meanZ(wholeSlots, 4))).toBeLessThan(4);
    expect(deviation(wholeSlots) ** 2 / 4).toBeGreaterThan(0.75);
    expect(deviation(wholeSlots) ** 2 / 4).toBeLessThan(1.3);
  });

  test("a stage sends exactly int(rate × duration), and its times may over- or undershoot the duration", () => {
    expect(workload.count).toBe(2000);
    const ends = Array.from(
      { length: 20 },
      (_, seed) => generate({ type: "poisson", stages: [{ rate: 4, duration: 50 }] }, random, seed).arrivalUs.at(-1)!,
    );
    expect(Math.min(...ends)).toBeLessThan(50e6);
    expect(Math.max(...ends)).toBeGreaterThan(50e6);
    expect(generate({ type: "poisson", stages: [{ rate: 2.5, duration: 3 }] }, random).count).toBe(7);
  });
});

describe("constant", () => {
  const workload = generate({ type: "constant", stages: [{ rate: 20, duration: 100 }] }, random);

  test("is not evenly spaced: exponential gaps, rescaled to sum to the duration", () => {
    expect(workload.count).toBe(2000);
    expect(workload.arrivalUs.at(-1)).toBe(100_000_000);
    const between = gaps(workload.arrivalUs);
    expect(deviation(between) / mean(between)).toBeGreaterThan(0.9);
    expect(deviation(between) / mean(between)).toBeLessThan(1.1);
  });
});

describe("stages", () => {
  const stages = [
    { rate: 2, duration: 3 },
    { rate: 4, duration: 5 },
  ];

  test("follow each other after the interval, one second unless told, each on its own clock", () => {
    const workload = generate({ type: "constant", stages });
    expect(workload.stages).toEqual([
      { name: "stage 0", firstRow: 0, rows: 6, startDelayUs: 0 },
      { name: "stage 1", firstRow: 6, rows: 20, startDelayUs: 1_000_000 },
    ]);
    expect(workload.arrivalUs[5]).toBe(3_000_000);
    expect(workload.arrivalUs[25]).toBe(5_000_000);
    expect(workload.arrivalUs[6]).toBeLessThan(3_000_000);
    expect(generate({ type: "constant", stages, interval: 30 }).stages![1]!.startDelayUs).toBe(30_000_000);
  });

  test("cap what the client keeps in flight at workers × worker_max_concurrency, 100 unless told", () => {
    const capOf = (load: object) => generate({ type: "poisson", stages, ...load }).stages![0];
    expect(capOf({ num_workers: 45 })).toMatchObject({ maxInFlight: 4500 });
    expect(capOf({ num_workers: 4, worker_max_concurrency: 10 })).toMatchObject({ maxInFlight: 40 });
    expect(capOf({})).not.toHaveProperty("maxInFlight");
  });

  test("concurrent is a closed loop with exactly concurrency_level in flight", () => {
    const workload = generate({ type: "concurrent", stages: [{ num_requests: 9, concurrency_level: 4 }] });
    expect(workload.stages).toEqual([{ name: "stage 0", firstRow: 0, rows: 9, startDelayUs: 0, concurrency: 4 }]);
  });
});

describe("shared_prefix", () => {
  const stages = [
    { rate: 4, duration: 2 },
    { rate: 3, duration: 5 },
  ];
  const workload = generate({ type: "constant", stages });

  test("request i of every stage is prompt i mod N, the index starting afresh", () => {
    const [first, second] = [prompts(workload, 0), prompts(workload, 1)];
    expect([first.length, second.length]).toEqual([8, 15]);
    expect(new Set(first.slice(0, 6)).size).toBe(6);
    expect(first.slice(6)).toEqual(first.slice(0, 2));
    for (const [index, prompt] of second.entries()) expect(prompt).toBe(first[index % 6]);
  });

  test("a prompt is its group's system prompt and a question of its own", () => {
    expect(prompts(workload, 0).slice(0, 6).sort()).toEqual(
      ["0>3", "0>4", "1>5", "1>6", "2>7", "2>8"].map((ids) => `${ids} to 600>720`),
    );
    expect([...new Set(workload.promptTokens)]).toEqual([720]);
    expect([...new Set(workload.outputTokens)]).toEqual([100]);
    expect(workload.segments!.idCount).toBe(9);
    expect(workload.segments!.outputIds).toBeUndefined();
  });

  test("is shuffled once, by the seed of the block where it has one", () => {
    const many = { ...prefix, num_groups: 20 };
    const order = (seed: number, own?: number) =>
      prompts(
        generate(
          { type: "constant", stages: [{ rate: 40, duration: 1 }] },
          { type: "shared_prefix", shared_prefix: own === undefined ? many : { ...many, seed: own } },
          seed,
        ),
        0,
      );
    expect(order(1)).not.toEqual(order(1).toSorted());
    expect(order(1)).not.toEqual(order(2));
    expect(order(1, 7)).toEqual(order(2, 7));
  });

  test("takes the newer key names and lengths with a distribution", () => {
    const shared_prefix = {
      num_unique_system_prompts: 2,
      num_users_per_system_prompt: 50,
      system_prompt_len: { type: "uniform", min: 100, max: 200 },
      question_len: { mean: 60, std_dev: 10, min: 50, max: 70 },
      output_len: { type: "lognormal", mean: 300, std_dev: 100, min: 1, max: 900 },
    };
    const load = { type: "constant", stages: [{ rate: 100, duration: 1 }] };
    const { segments, promptTokens, outputTokens } = generate(load, { type: "shared_prefix", shared_prefix });
    const systemTokens = segments!.endTokens.filter((_, entry) => entry % 2 === 0);
    expect(new Set(systemTokens).size).toBe(2);
    const questionTokens = promptTokens.map((tokens, row) => tokens - systemTokens[row]!);
    expect(Math.min(...questionTokens)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...questionTokens)).toBeLessThanOrEqual(70);
    expect(Math.abs(meanZ(outputTokens, 300))).toBeLessThan(4);
  });

  test("multi-turn: round r of a conversation repeats its question after all it said; each stage starts afresh", () => {
    const shared_prefix = { ...prefix, num_groups: 1, num_prompts_per_group: 1, enable_multi_turn_chat: true };
    const twice = [
      { rate: 3, duration: 1 },
      { rate: 2, duration: 1 },
    ];
    const chat = generate({ type: "constant", stages: twice }, { type: "shared_prefix", shared_prefix });
    expect(prompts(chat, 0)).toEqual(["0>1 to 600>720", "0>1>2 to 600>720>940", "0>1>2 to 600>720>1160"]);
    expect(prompts(chat, 1)).toEqual(["0>1 to 600>720", "0>1>3 to 600>720>940"]);
    expect([...chat.segments!.outputIds!]).toEqual([2, 2, 2, 3, 3]);
    expect(chat.segments!.idCount).toBe(4);
  });
});

describe("random", () => {
  test("shares nothing, and request i of every stage has length i", () => {
    const normal = { mean: 500, std_dev: 100, min: 10, max: 1024 };
    const data = { type: "random", input_distribution: normal, output_distribution: { ...normal, std_dev: 50 } };
    const { promptTokens, segments } = generate(
      {
        type: "constant",
        stages: [
          { rate: 9, duration: 9 },
          { rate: 9, duration: 9 },
        ],
      },
      data,
    );
    expect(segments).toBeUndefined();
    expect(promptTokens.slice(0, 81)).toEqual(promptTokens.slice(81));
    expect(Math.abs(meanZ(promptTokens.slice(0, 81), 500))).toBeLessThan(4);
  });

  test("lengths are rounded half to even, as NumPy rounds", () => {
    const half = { type: "lognormal", mean: 11.5, std_dev: 0, min: 10, max: 20 };
    const data = { type: "random", input_distribution: half, output_distribution: { ...half, mean: 12.5 } };
    const workload = generate({ type: "constant", stages: [{ rate: 1, duration: 1 }] }, data);
    expect([workload.promptTokens[0], workload.outputTokens[0]]).toEqual([12, 12]);
  });
});

describe("the pasted configuration", () => {
  const load = { type: "poisson", stages: [{ rate: 1, duration: 10 }] };

  test("may hold what says how to reach a server, listed as without effect", () => {
    const config = inferencePerfSchema.parse({
      load: { ...load, worker_max_tcp_connections: 2500, base_seed: 3 },
      data: sharedPrefix,
      api: { type: "completion", streaming: true },
      server: { type: "vllm", model_name: "m", base_url: "http://x", ignore_eos: true },
      report: {},
    });
    const ignored = ["api", "server", "report", "load.worker_max_tcp_connections", "load.base_seed"];
    expect(ignoredInferencePerfKeys(config)).toEqual(ignored);
  });

  test.each([
    [{ load, data: sharedPrefix, sweeps: 1 }, "sweeps"],
    [{ load: { ...load, sweep: {} }, data: sharedPrefix }, "sweep"],
    [{ load: { ...load, type: "trace_session_replay" }, data: sharedPrefix }, "type"],
    [{ load: { ...load, stages: [{ rate: 1, duration: 1, num_requests: 3 }] }, data: sharedPrefix }, "num_requests"],
    [{ load, data: { type: "shareGPT" } }, "type"],
    [{ load, data: { type: "shared_prefix" } }, "expected shared_prefix"],
    [
      { load, data: { ...sharedPrefix, shared_prefix: { ...prefix, num_unique_system_prompts: 3 } } },
      "expected one of num_groups",
    ],
    [{ load, data: { ...random, input_distribution: { mean: 5, min: 10 } } }, "expected a mean from min"],
    [{ load, data: { ...random, input_distribution: { ...fixed(5), total_count: 9 } } }, "expected at least 10"],
    [{ load, data: { ...random, input_distribution: { std: 5, variance: 9 } } }, "expected one of std_dev"],
  ])("%j is refused", (config, message) => {
    expect(inferencePerfSchema.safeParse(config).error?.message).toContain(message);
  });
});

describe("lora_traffic_split", () => {
  const load = { type: "poisson", stages: [{ rate: 40, duration: 500 }] };
  const split = (...shares: number[]) => shares.map((share, index) => ({ name: `lora-${index}`, split: share }));

  test("is the share of the requests of each adapter, and changes nothing else", () => {
    const workload = generate({ ...load, lora_traffic_split: split(0.5, 0.3, 0.2) });
    expect(workload.adapters).toEqual(["lora-0", "lora-1", "lora-2"]);
    for (const [adapter, share] of [0.5, 0.3, 0.2].entries()) {
      const asked = workload.adapterOf!.filter((one) => one === adapter).length / workload.count;
      // Of 20,000 requests, four standard deviations of the largest share.
      expect(Math.abs(asked - share)).toBeLessThan(0.0142);
    }
    const { adapters: _names, adapterOf: _of, segments, ...rest } = workload;
    const { segments: shared, ...plain } = generate(load);
    expect(rest).toEqual(plain);
    // Three prefixes under three adapters.
    expect(new Set(segments!.ids.filter((_, entry) => entry % 2 === 0)).size).toBe(9);
    expect(segments!.endTokens).toEqual(shared!.endTokens);
  });

  test("must add up to one", () => {
    expect(() => generate({ ...load, lora_traffic_split: split(0.5, 0.4) })).toThrow(
      "expected splits that add up to 1",
    );
  });
});
