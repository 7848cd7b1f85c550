import type { DecisionRecord } from "@windtunnel/router-policies";
import type { RunSummary, SimulationInput, SimulationResult } from "@windtunnel/sim-core";

/** One scenario run under one policy, and everything that was learnt. */
export interface Run {
  readonly policy: string;
  readonly input: SimulationInput;
  readonly result: SimulationResult;
  readonly summary: RunSummary;
  /** The scenario with every default and derived value in force. */
  readonly resolved: object;
  readonly decisions: ReadonlyMap<number, DecisionRecord>;
}
