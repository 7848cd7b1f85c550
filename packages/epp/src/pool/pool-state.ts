import type { EndpointFacts } from "@windtunnel/router-policies";
import type { LiveRouter } from "../host/live-router.ts";
import type { ModelRewrite, ModelRewriteRule, Objective, PoolSink } from "./pool-source.ts";

/** What discovery has told so far. Endpoints go straight to the router. */
export class PoolState implements PoolSink {
  synced = false;
  appProtocol: string | undefined;
  readonly #live: LiveRouter;
  #objectives: ReadonlyMap<string, Objective> = new Map();
  #rewrites: readonly ModelRewrite[] = [];

  constructor(live: LiveRouter) {
    this.#live = live;
  }

  endpoints(list: readonly EndpointFacts[]): void {
    this.#live.setEndpoints(list);
  }

  objectives(byName: ReadonlyMap<string, Objective>): void {
    this.#objectives = byName;
  }

  rewrites(list: readonly ModelRewrite[]): void {
    this.#rewrites = list.toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : 1));
  }

  pool(state: { readonly synced: boolean; readonly appProtocol?: string }): void {
    this.synced = state.synced;
    this.appProtocol = state.appProtocol;
  }

  /** Priority of an objective; 0 for one that is not known. */
  priorityOf(objective: string | undefined): number {
    return objective === undefined ? 0 : (this.#objectives.get(objective)?.priority ?? 0);
  }

  /**
   * The rule for a model: one that names it beats one for every model, then the oldest rewrite's, then the first
   * (llm-d-router, `datastore`).
   */
  rewriteRuleOf(model: string): { rewrite: string; rule: ModelRewriteRule } | undefined {
    let generic: { rewrite: string; rule: ModelRewriteRule } | undefined;
    for (const { name, rules } of this.#rewrites) {
      for (const rule of rules) {
        if (rule.models.includes(model)) return { rewrite: name, rule };
        if (rule.models.length === 0) generic ??= { rewrite: name, rule };
      }
    }
    return generic;
  }
}
