import type { EndpointFacts } from "@windtunnel/router-policies";
import type { ModelRewrite, Objective, PoolSink } from "../../../src/pool/pool-source.ts";

/** Keeps what discovery tells. */
export class RecordingSink implements PoolSink {
  /** Each list of endpoints as `name=address`, in order. */
  readonly lists: string[][] = [];
  readonly synced: boolean[] = [];
  latest: readonly EndpointFacts[] = [];
  priorities: ReadonlyMap<string, Objective> = new Map();
  modelRewrites: readonly ModelRewrite[] = [];
  appProtocol: string | undefined;

  endpoints(list: readonly EndpointFacts[]): void {
    this.latest = list;
    this.lists.push(list.map(({ name, address }) => `${name}=${address}`));
  }

  objectives(byName: ReadonlyMap<string, Objective>): void {
    this.priorities = byName;
  }

  rewrites(list: readonly ModelRewrite[]): void {
    this.modelRewrites = list;
  }

  pool(state: { readonly synced: boolean; readonly appProtocol?: string }): void {
    this.synced.push(state.synced);
    this.appProtocol = state.appProtocol;
  }
}
