import type { DecisionRecord } from "@windtunnel/router-policies";
import type { RunSummary, SimulationInput, SimulationResult } from "@windtunnel/sim-core";

/** One scenario run under one policy, and everything that was learnt. */
export interface Run {
  readonly policy: string;
  readonly input: SimulationInput;
  readonly result: SimulationResult;
  readonly summary: RunSummary;
  /** Gives the scenario with every default and derived value in force. */
  readonly resolved: () => object;
  /** Gives the router's configuration, every plugin and parameter in force, as YAML. */
  readonly router: () => string;
  readonly decisions: ReadonlyMap<number, DecisionRecord>;
}
