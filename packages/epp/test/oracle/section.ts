import type { EppProgram } from "../support/epp-program.ts";
import type { CaseRandom } from "./case-random.ts";

/** What a section works with. */
export interface SectionContext {
  /** Ours, then upstream's. */
  readonly programs: readonly [EppProgram, EppProgram];
  readonly random: CaseRandom;
  /** Cases for each plugin. */
  readonly cases: number;
  readonly progress: (line: string) => void;
}

/** What was compared under one name, and what came out. */
export interface Comparison {
  /** A plugin's type, or what else was compared. */
  readonly subject: string;
  readonly kind: "scorer" | "filter" | "picker" | "handler" | "decider" | "errors" | "flow" | "events";
  readonly cases: number;
  /** One line for each case that differs without a stated reason; the first few of them. */
  readonly differences: readonly string[];
  readonly differing: number;
  /** How it was compared, or by which choice it differs: one sentence. */
  readonly note: string;
}

export interface Section {
  readonly name: string;
  run(context: SectionContext): Promise<readonly Comparison[]>;
}

const KEPT_DIFFERENCES = 5;

/** Counts cases and keeps the first differences. */
export class Tally {
  cases = 0;
  differing = 0;
  readonly differences: string[] = [];

  add(difference: string | undefined): void {
    this.cases++;
    if (difference === undefined) return;
    this.differing++;
    if (this.differences.length < KEPT_DIFFERENCES) this.differences.push(`case ${this.cases}: ${difference}`);
  }

  comparison(subject: string, kind: Comparison["kind"], note: string): Comparison {
    return { subject, kind, note, cases: this.cases, differing: this.differing, differences: this.differences };
  }
}
