import type { DecisionRecord } from "@windtunnel/router-policies";
import { resolveScenario, simulate, summarise } from "@windtunnel/sim-core";
import manifest from "../../package.json" with { type: "json" };
import { createProgress } from "../host/progress.ts";
import type { InputFile } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import { loadModel } from "./load-model.ts";
import type { NamedRouter } from "./load-router.ts";
import { loadRouters } from "./load-router.ts";
import { loadWorkload } from "./load-workload.ts";
import type { ReadScenario } from "./read-scenario.ts";
import { routerDocument } from "./router-document.ts";
import type { Run } from "./run.ts";

/** A scenario with everything it names read and checked: nothing is left that could be bad input. */
export interface PreparedRun {
  readonly router: NamedRouter;
  readonly resolved: ReturnType<typeof resolveScenario>;
  /** Gives the scenario with every default and derived value in force, under this router. */
  readonly document: () => object;
  readonly files: readonly InputFile[];
}

/** Reads what the scenario names; says remarks on stderr unless quiet. */
export async function prepareRuns(
  read: ReadScenario,
  policies: readonly string[],
  terminal: Terminal,
  quiet: boolean,
): Promise<PreparedRun[]> {
  const { model, files: modelFiles } = loadModel(read, terminal);
  const routers = loadRouters(read, policies, terminal);
  const { workload, files: workloadFiles, remarks } = await loadWorkload(read, terminal);
  const warnings = routers.flatMap(({ config }) =>
    config.warnings.map(({ position: p, message }) => `${p.file}:${p.line}:${p.column}: ${message}`),
  );
  if (!quiet) for (const line of [...warnings, ...remarks]) terminal.err(`note: ${line}\n`);
  return routers.map((router) => {
    const resolved = resolveScenario(read, { workload, model, router: router.config });
    return {
      router,
      resolved,
      document: () => withRouter(resolved.document(), router),
      files: [...read.files, ...modelFiles, ...workloadFiles, ...router.files],
    };
  });
}

/** The resolved scenario with the router that was asked for on the command line in place of its own. */
function withRouter(document: object, { policy, own, files }: NamedRouter): object {
  if (own) return document;
  const scenario = document as { readonly spec: { readonly router: Readonly<Record<string, unknown>> } };
  const { preset: _preset, config: _config, inline: _inline, ...flags } = scenario.spec.router;
  const router = { ...(files.length === 0 ? { preset: policy } : { config: policy }), ...flags };
  return { ...scenario, spec: { ...scenario.spec, router } };
}

/** Simulates one prepared run; `recordRow` adds a decision to those that the scenario records. */
export function simulateRun(
  read: ReadScenario,
  { router, resolved, document, files }: PreparedRun,
  terminal: Terminal,
  options: { readonly quiet: boolean; readonly recordRow?: number },
): Run {
  const decisions = new Map<number, DecisionRecord>();
  const recorded = resolved.input.recordDecision;
  const { recordRow } = options;
  const input =
    recordRow === undefined
      ? resolved.input
      : { ...resolved.input, recordDecision: (row: number) => row === recordRow || recorded?.(row) === true };
  const progress = createProgress(terminal, `${read.scenario.metadata.name}, ${router.policy}`, options.quiet);
  const result = simulate(input, {
    shouldStop: terminal.shouldStop,
    onProgress: ({ ended, total }) => progress.update(ended, total),
    onDecision: (row, record) => decisions.set(row, record),
  });
  progress.clear();
  const facts = {
    version: manifest.version,
    scenario: read.scenario.metadata.name,
    policy: router.policy,
    inputs: files,
    input,
    hardware: resolved.hardware,
  };
  return {
    policy: router.policy,
    input,
    result,
    summary: summarise(facts, result),
    resolved: document,
    router: () => routerDocument(router.config),
    decisions,
  };
}
