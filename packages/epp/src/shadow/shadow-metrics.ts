import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Of totals, whose scale the configuration's weights make. */
const MARGIN_BUCKETS = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const SECONDS_BUCKETS = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2];

/** How the candidate's decision compares with the live one. */
export const SHADOW_OUTCOMES = ["agree", "differ", "refused-live", "refused-shadow", "refused-both"] as const;
export type ShadowOutcome = (typeof SHADOW_OUTCOMES)[number];

/** The shadow's metrics; each series is looked up once. */
export class ShadowMetrics {
  readonly outcomes: Readonly<Record<ShadowOutcome, Counter.Internal>>;
  readonly margins: Readonly<Record<"agree" | "differ", Histogram.Internal<"outcome">>>;
  readonly prefixTokens: Readonly<Record<"live" | "shadow", Counter.Internal>>;
  readonly errors: Counter;
  readonly enabled: Gauge;
  readonly seconds: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const outcomes = new Counter({
      name: "windtunnel_epp_shadow_decisions_total",
      help: "Requests that the shadow decided on, by how its choice compares with the live one",
      labelNames: ["outcome"],
      registers,
    });
    const margins = new Histogram({
      name: "windtunnel_epp_shadow_margin",
      help: "The shadow's total of its choice minus its next best total, of explained decisions",
      labelNames: ["outcome"],
      buckets: MARGIN_BUCKETS,
      registers,
    });
    const prefixTokens = new Counter({
      name: "windtunnel_epp_shadow_prefix_match_tokens_total",
      help: "Prompt tokens that the shadow thinks are cached where either choice goes, of explained decisions",
      labelNames: ["choice"],
      registers,
    });
    this.outcomes = {
      agree: outcomes.labels("agree"),
      differ: outcomes.labels("differ"),
      "refused-live": outcomes.labels("refused-live"),
      "refused-shadow": outcomes.labels("refused-shadow"),
      "refused-both": outcomes.labels("refused-both"),
    };
    this.margins = { agree: margins.labels("agree"), differ: margins.labels("differ") };
    this.prefixTokens = { live: prefixTokens.labels("live"), shadow: prefixTokens.labels("shadow") };
    this.errors = new Counter({
      name: "windtunnel_epp_shadow_errors_total",
      help: "Calls in which the shadow failed; the live router feels nothing of it",
      registers,
    });
    this.enabled = new Gauge({
      name: "windtunnel_epp_shadow_enabled",
      help: "1 while the shadow decides, 0 once it has been switched off",
      registers,
    });
    this.seconds = new Histogram({
      name: "windtunnel_epp_shadow_decision_duration_seconds",
      help: "What the shadow's decision takes",
      buckets: SECONDS_BUCKETS,
      registers,
    });
  }
}
