import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { Outcome } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { constantStep, onePool } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

const at = (prompt: number, output: number, atUs = 0) => ({ atUs, prompt, output });

describe("what cannot be served", () => {
  it("refuses and counts a prompt that leaves no room for a token under the model's length", () => {
    const input = onePool(rows([at(99, 5), at(100, 5), at(101, 5)]), {}, { maxModelLenTokens: 100 });
    const { requests, replicas } = simulate(input);
    expect([...requests.outcome]).toEqual([Outcome.completed, Outcome.refusedTooLong, Outcome.refusedTooLong]);
    expect([...requests.outputTokens]).toEqual([1, 0, 0]);
    expect([...requests.finishUs].map(Number.isNaN)).toEqual([false, true, true]);
    expect(replicas[0]).toMatchObject({ completed: 1, promptTokens: 99 });
  });

  it("cuts an answer off at the model's length", () => {
    const { requests } = simulate(onePool(rows([at(40, 100), at(40, 60)]), {}, { maxModelLenTokens: 100 }));
    expect([...requests.outputTokens]).toEqual([60, 60]);
    // One step for the prompt and its first token, then one for each of 59.
    expect([...requests.finishUs]).toEqual([60_000, 60_000]);
  });

  it("refuses a prompt that is larger than the whole KV cache, and cuts an answer off where that is full", () => {
    // Ten blocks of 16 tokens that requests can use.
    const input = onePool(rows([at(161, 1), at(160, 1), at(159, 1), at(100, 1_000)]), {}, {}, constantStep(1_000), 11);
    const { requests } = simulate(input, { shouldStop: () => true });
    expect([...requests.outcome]).toEqual([
      Outcome.refusedTooLong,
      Outcome.refusedTooLong,
      Outcome.completed,
      Outcome.completed,
    ]);
    expect([...requests.outputTokens]).toEqual([0, 0, 1, 60]);
  });

  it("refuses a prompt of more tokens than a step where prompts are computed whole, but for SGLang's", () => {
    const outcomes = (engine: object) => [
      ...simulate(onePool(rows([at(64, 5), at(65, 5)]), {}, { maxNumBatchedTokens: 64, ...engine })).requests.outcome,
    ];
    const whole = { enableChunkedPrefill: false };
    expect(outcomes(whole)).toEqual([Outcome.completed, Outcome.refusedTooLong]);
    expect(outcomes({ ...whole, scheduler: "sglang" })).toEqual([Outcome.completed, Outcome.completed]);
    expect(outcomes({})).toEqual([Outcome.completed, Outcome.completed]);
  });

  it("goes on with a session whose turn was refused", () => {
    const turns = rows([at(200, 5), { atUs: 70, prompt: 10, output: 1, releasedBy: 0 }]);
    const { requests } = simulate(onePool(turns, {}, { maxModelLenTokens: 100 }));
    expect([...requests.outcome]).toEqual([Outcome.refusedTooLong, Outcome.completed]);
    expect(requests.arrivalUs[1]).toBe(70);
  });

  it("tells the router that a refused request has ended", () => {
    // With one counted as in flight for ever, least-connections would send the third elsewhere.
    const workload = rows([at(200, 1), at(10, 1, 10_000), at(10, 1, 20_000), at(10, 1, 30_000)]);
    const { requests } = simulate(onePool(workload, { replicas: 2 }, { maxModelLenTokens: 100 }));
    const counts = [0, 1].map((replica) => requests.replica.filter((sent) => sent === replica).length);
    expect(requests.outcome[0]).toBe(Outcome.refusedTooLong);
    expect(counts).toEqual(simulatedWithout());
  });

  /** Where the same four go when the first fits. */
  function simulatedWithout(): number[] {
    const workload = rows([at(10, 1), at(10, 1, 10_000), at(10, 1, 20_000), at(10, 1, 30_000)]);
    const { requests } = simulate(onePool(workload, { replicas: 2 }));
    return [0, 1].map((replica) => requests.replica.filter((sent) => sent === replica).length);
  }
});

const SATURABLE = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: utilization-detector
  parameters:
    queueDepthThreshold: 1
- type: round-robin-picker
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: round-robin-picker
saturationDetector:
  pluginRef: utilization-detector
`;

describe("sheddable traffic", () => {
  const classes = [
    { name: "batch", priority: -1 },
    { name: "chat", priority: 0 },
  ];
  // One sequence at a time: from the second on requests wait, and after a scrape the detector sees it.
  const load = [0, 1, 2, 3].map((us) => at(10, 200, us));
  const input = (lateClass: number) => {
    const workload = rows([...load, at(10, 1, 150_000)], {
      classes,
      classOf: Uint8Array.of(1, 1, 1, 1, lateClass),
    });
    const router = loadEndpointPickerConfig(SATURABLE, { file: "saturable" });
    return onePool(workload, { router }, { maxNumSeqs: 1 });
  };

  it("is turned away while every endpoint is saturated", () => {
    const { requests } = simulate(input(0));
    expect([...requests.outcome]).toEqual([...new Array(4).fill(Outcome.completed), Outcome.rejected]);
    expect([requests.replica[4], requests.finishUs[4], requests.arrivalUs[4]]).toEqual([-1, NaN, 150_000]);
  });

  it("is let in when it is not sheddable", () => {
    expect(simulate(input(1)).requests.outcome[4]).toBe(Outcome.completed);
  });
});

describe("a run that is stopped", () => {
  it("gives what it has", () => {
    const workload = rows(Array.from({ length: 20_000 }, (_, row) => at(10, 3, row * 10_000)));
    const progress: number[] = [];
    const result = simulate(onePool(workload), {
      onProgress: ({ ended, total }) => progress.push(ended / total),
      shouldStop: () => progress.length === 2,
    });
    expect(result.stopped).toBe(true);
    const done = result.requests.outcome.filter((outcome) => outcome === Outcome.completed).length;
    expect(done / 20_000).toBe(progress[1]);
    expect(progress[0]).toBeGreaterThan(0);
    expect(progress[1]).toBeLessThan(1);
  });
});
