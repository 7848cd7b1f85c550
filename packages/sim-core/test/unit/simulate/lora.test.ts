import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { LoraGauge } from "../../../src/simulate/lora-gauge.ts";
import { checkLora } from "../../../src/simulate/lora-laws.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { SimulatedRequest } from "../../../src/simulate/simulated-request.ts";
import { separateByAdapter } from "../../../src/workload/separate-by-adapter.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { onePool } from "../../support/one-replica.ts";
import { type Row, rows } from "../../support/rows.ts";

const BY_ADAPTER = loadEndpointPickerConfig(
  `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{ type: lora-affinity-scorer }]
schedulingProfiles: [{ name: default, plugins: [{ pluginRef: lora-affinity-scorer }] }]
`,
  { file: "lora.yaml" },
);

const row = (output: number, atUs = 0) => ({ atUs, prompt: 40, output });
const asking = (given: readonly Row[], ...adapterOf: number[]): Workload =>
  rows(given, { adapterOf: Int32Array.from(adapterOf), adapters: ["sql", "chat"] });

/** Steps of 1 ms; adapters are loaded in their order at the start, so the last ones are in slots. */
function fleet(workload: Workload, given: Parameters<typeof onePool>[1] = {}, maxLoras = 1, path?: "plain") {
  const input = onePool(workload, { router: BY_ADAPTER, scrapeIntervalUs: 1000, ...given, ...(path && { path }) });
  const lora = { maxLoras, maxCpuLoras: 2, loadUs: 5_000, fetchUs: 20_000, slowdown: 1 };
  return { ...input, pools: input.pools.map((pool) => ({ ...pool, lora })) };
}

describe("LoRA adapters of a fleet", () => {
  it("are model names to the router", () => {
    const request = new SimulatedRequest(asking([row(1), row(1)], 1, -1), "base");
    const names = [0, 1].map((at) => {
      request.row = at;
      return request.targetModel;
    });
    expect(names).toEqual(["chat", "base"]);
  });

  it("draw their requests to where they run, from the first scrape after a first token on", () => {
    const replicas = (atUs: number, seed: number) => [
      ...simulate(fleet(asking([row(50), row(1, atUs)], 1, 1), { replicas: 2, seed })).requests.replica,
    ];
    const seeds = Array.from({ length: 30 }, (_, seed) => seed);
    for (const seed of seeds) {
      const [first, second] = replicas(10_000, seed);
      expect(second).toBe(first);
    }
    // The first token comes at 1 ms: before that nothing is known, and the choice is at random.
    expect(new Set(seeds.map((seed) => new Set(replicas(900, seed)).size))).toEqual(new Set([1, 2]));
  });

  it("tell of the load and of the wait for a place, by request and by replica", () => {
    for (const path of [undefined, "plain"] as const) {
      const workload = asking([row(3), row(1), row(1)], 1, 0, -1);
      const { requests, replicas } = simulate(fleet(workload, {}, 1, path));
      const { lora } = requests;
      // "chat" is in the slot; "sql" waits for it to be gone at 3 ms, and comes from host memory.
      expect([...lora!.skippedUs]).toEqual([NaN, 0, NaN]);
      expect([...lora!.loadUs]).toEqual([0, 5_000, 0]);
      expect([...requests.scheduledUs]).toEqual([0, 3_000, 0]);
      expect([...requests.firstTokenUs]).toEqual([1_000, 9_000, 1_000]);
      expect(replicas[0]!.adapterLoads).toEqual({ fromHost: 1, fromStorage: 0, waitUs: 5_000 });
    }
  });

  it("share no block of a prompt", () => {
    const prompt = [[0, 320]] as const;
    const given = rows([0, 10_000, 20_000, 30_000].map((atUs) => ({ atUs, prompt, output: 1 })));
    const adapterOf = Int32Array.of(0, 1, 1, -1);
    const segments = separateByAdapter(given.segments!, adapterOf);
    const { requests } = simulate(fleet({ ...given, segments, adapterOf, adapters: ["sql", "chat"] }, {}, 2));
    expect([...requests.cachedTokens]).toEqual([0, 0, 304, 0]);
  });

  it("leave a fleet that serves none as it was", () => {
    const { requests, replicas } = simulate(onePool(rows([row(1)])));
    expect([requests.lora, replicas[0]!.adapterLoads]).toEqual([undefined, undefined]);
  });
});

describe("what an endpoint shows of its adapters", () => {
  it("is each from its first first token to its last end, and never waiting", () => {
    const gauge = new LoraGauge(["sql", "chat"], 4);
    const before = gauge.shown;
    gauge.firstToken(7, 1);
    gauge.firstToken(8, 1);
    gauge.firstToken(9, 0);
    gauge.ended(7, 1);
    expect(gauge.shown).toEqual({ running: ["chat", "sql"], waiting: [], maxActive: 4 });
    gauge.ended(8, 1);
    // It never had a token.
    gauge.ended(3, 0);
    expect(gauge.shown.running).toEqual(["sql"]);
    expect(before.running).toEqual([]);
  });
});

describe("the law of adapters", () => {
  it("finds a first token before its adapter", () => {
    const result = simulate(fleet(asking([row(3), row(1)], 1, 0)));
    result.requests.lora!.loadUs[1] = 6_000;
    expect(() => checkLora(result)).toThrow("request 1 waits 6000 us for its adapter");
    result.requests.lora!.loadUs[1] = 5_000;
    result.requests.lora!.skippedUs[1] = 3_000;
    expect(() => checkLora(result)).toThrow("request 1 arrives at 0, is passed over at 3000 us");
  });
});
