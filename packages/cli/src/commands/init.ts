import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { presetText } from "@windtunnel/router-policies";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Command } from "./command.ts";

const SCENARIO = `# A fleet, its router and its traffic. Every field: windtunnel explain schema spec
apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata:
  name: my-fleet
spec:
  seed: 1
  workload:
    synthetic:
      arrivals: { process: poisson, rate: 12 }
      duration: 2m
      promptTokens: { distribution: lognormal, mean: 1000, sigma: 1, max: 16000 }
      outputTokens: { distribution: lognormal, mean: 250, sigma: 0.8, max: 4000 }
      sharedPrefixes: { groups: 20, tokens: 1500, zipfExponent: 1 }
    slo: { ttft: 1s, tpot: 50ms }
  model: meta-llama/Llama-3.1-8B
  pools:
    - name: h100
      replicas: 2
      accelerator: h100-sxm
  router:
    config: router.yaml
`;

/** `windtunnel init [directory]`: an example scenario and the router configuration that it names. */
export const init: Command = ({ positional: [directory = "."] }, terminal) => {
  const target = resolve(terminal.cwd, directory);
  const files: Readonly<Record<string, string>> = {
    "scenario.yaml": SCENARIO,
    "router.yaml": presetText("optimized-baseline") ?? "",
  };
  // All are checked before the first is written: nothing of the user's is replaced, and nothing is half done.
  for (const name of Object.keys(files)) {
    if (existsSync(join(target, name)))
      throw new UsageError(`${join(directory, name)}: exists already; name another directory`);
  }
  mkdirSync(target, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(target, name), text);
  terminal.err(
    `wrote ${Object.keys(files)
      .map((name) => join(directory, name))
      .join(", ")}\n`,
  );
  terminal.err(
    `next: windtunnel run -f ${join(directory, "scenario.yaml")} --policy round-robin,${join(directory, "router.yaml")}\n`,
  );
  return ExitCode.pass;
};
