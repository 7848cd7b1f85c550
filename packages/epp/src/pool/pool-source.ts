import type { EndpointFacts } from "@windtunnel/router-policies";

/** An InferenceObjective, as far as routing goes. */
export interface Objective {
  /** 0 without one; negative = sheddable. */
  readonly priority: number;
}

/** One rule of an InferenceModelRewrite. */
export interface ModelRewriteRule {
  /** Requests for exactly these models; empty = every model. */
  readonly models: readonly string[];
  readonly targets: readonly { readonly model: string; readonly weight: number }[];
}

/** An InferenceModelRewrite. */
export interface ModelRewrite {
  readonly name: string;
  readonly createdAtMs: number;
  readonly rules: readonly ModelRewriteRule[];
}

/** What discovery tells: always the whole of it, whenever it may have changed. */
export interface PoolSink {
  endpoints(list: readonly EndpointFacts[]): void;
  /** By name. */
  objectives(byName: ReadonlyMap<string, Objective>): void;
  rewrites(list: readonly ModelRewrite[]): void;
  /** The pool itself: whether it is known, and the protocol that its servers speak. */
  pool(state: { readonly synced: boolean; readonly appProtocol?: string }): void;
}

/** Where endpoints come from: a file, flags or Kubernetes. */
export interface PoolSource {
  /** Resolves when the first state has been told; @throws PoolError when it cannot start (a bad first file). */
  start(sink: PoolSink): Promise<void>;
  stop(): Promise<void>;
}

/** Discovery cannot start: one line that says where, what, what is allowed. */
export class PoolError extends Error {
  override readonly name = "PoolError";
}
