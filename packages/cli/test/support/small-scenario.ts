import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { windtunnel } from "../capture-terminal.ts";

/** A run of a moment. */
export const SCENARIO = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: small }
spec:
  seed: 5
  workload:
    synthetic:
      arrivals: { process: poisson, rate: 20 }
      count: 200
      promptTokens: { distribution: lognormal, mean: 500, sigma: 1 }
      outputTokens: { distribution: fixed, tokens: 20 }
    slo: { ttft: 1s }
  model: meta-llama/Llama-3.1-8B
  pools:
    - { name: h100, replicas: 2, accelerator: h100-sxm }
  router: { preset: round-robin }
  observe: { decisions: { every: 50 } }
`;

/** A directory with that scenario, for the tests of one file, and commands in it. */
export function smallScenario() {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "windtunnel-run-"));
    writeFileSync(join(directory, "scenario.yaml"), SCENARIO);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return {
    at: (...path: readonly string[]) => join(directory, ...path),
    run: (...args: string[]) => windtunnel(args, { cwd: directory }),
  };
}
