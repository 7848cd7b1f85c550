import type * as z from "zod";
import type { DataKey, DataKind, DataKinds } from "./data.ts";
import type { DispatchedLegs, ProfileResult, ProfileResults } from "./decision.ts";
import type { Endpoint } from "./endpoint.ts";
import type { RandomSource } from "./random.ts";
import type { InferenceRequest } from "./request.ts";

/**
 * The endpoint that an earlier profile picked for the request at hand, for the plugins of a later one; undefined while
 * there is none. One object per router, which a profile handler of several stages keeps.
 */
export interface PeerEndpoint {
  endpoint: Endpoint | undefined;
}

/** What a plugin is given when it is built. */
export interface PluginContext {
  /** The plugin's name in the configuration (its type unless named). */
  readonly name: string;
  /** The host's stream for this plugin. */
  readonly random: RandomSource;
  /** Departs from upstream's quirks where upstream contradicts its own contract (docs/architecture.md lists each). */
  readonly strict: boolean;
  /** The object that the named producer fills; only for keys that the plugin declared. */
  data<K extends DataKind>(kind: K, producer: string): DataKinds[K];
  /** The decider of that name; only for names that the plugin declared in `refersTo`. */
  decider(name: string): Decider;
  readonly peer: PeerEndpoint;
}

/** Keeps the endpoints that may serve the request. */
export interface Filter {
  /** Returns `endpoints` itself when it drops nothing; never changes it. May be scratch, valid until its next call. */
  filter(request: InferenceRequest, endpoints: readonly Endpoint[], nowUs: number): readonly Endpoint[];
}

/** Rates candidates. */
export interface Scorer {
  /** Writes `scores[i]` in [0, 1] for each `endpoints[i]`; entries arrive as 0. */
  score(request: InferenceRequest, endpoints: readonly Endpoint[], scores: Float64Array, nowUs: number): void;
  /** What a score came from, for explain records; called only when a record is made, right after `score`. */
  facts?(endpoint: Endpoint): string | number;
}

/** Chooses among scored candidates. */
export interface Picker {
  /**
   * Picked endpoints, best first; at least one. `totals[i]` belongs to `endpoints[i]`. The answer may be the picker's
   * scratch, valid until its next call.
   */
  pick(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    totals: Float64Array,
    nowUs: number,
  ): readonly Endpoint[];
  /** The endpoints among which it had to choose by chance or turn; called only when a record is made, before any hook. */
  tied?(endpoints: readonly Endpoint[], totals: Float64Array): readonly Endpoint[];
}

/** Says which profiles run, and which one's choice is the answer. */
export interface ProfileHandler {
  /** Set by a handler that always runs its only profile once and answers with it: the router then skips asking. */
  readonly onlyProfile?: true;
  /** Names of profiles to run next, given those that ran; empty = done. */
  pick(request: InferenceRequest, profiles: readonly string[], results: ProfileResults): readonly string[];
  /** The primary profile; undefined when the request cannot be served. */
  primary(results: ProfileResults): string | undefined;
}

/** Says whether a stage of a disaggregated request is worth an endpoint of its own. */
export interface Decider {
  /** @param decode the endpoint picked to decode; undefined where none is picked yet */
  disaggregate(request: InferenceRequest, decode: Endpoint | undefined): boolean;
}

/** Measures how full the pool is, for admission. */
export interface SaturationDetector {
  /** 0 = idle, 1 and more = saturated. */
  saturation(endpoints: readonly Endpoint[], nowUs: number): number;
}

/** Computes data before filters and scorers run. */
export interface Producer {
  produce(request: InferenceRequest, endpoints: readonly Endpoint[], nowUs: number): void;
}

/** A change of an endpoint's KV cache, in the router's own block keys. */
export interface KvEvent {
  readonly type: "stored" | "removed" | "cleared";
  /** Tier, lower case: `gpu`, `cpu`, … */
  readonly medium: string;
  /** Block size of the keys. */
  readonly blockSizeTokens: number;
  /** Absent for `cleared`. Scratch of the host. */
  readonly keys?: import("./block-keys.ts").BlockKeys;
}

/** What a request takes along besides its target; filled anew for each. */
export interface Outgoing {
  legs: DispatchedLegs | undefined;
  /** Sends the request to this address, whatever endpoint was picked. */
  destination: string | undefined;
  headers: readonly (readonly [name: string, value: string])[] | undefined;
  /** Headers to set on the response. */
  responseHeaders: readonly (readonly [name: string, value: string])[] | undefined;
  /** Inbound headers that nobody but the router may set. */
  removeHeaders: readonly string[] | undefined;
}

/** Things that happen around a decision; any plugin may have any of these. */
export interface Hooks {
  /** After the picker: the request is about to go to `profiles[primary].targets[0]`. */
  preRequest?(
    request: InferenceRequest,
    ticket: number,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
    nowUs: number,
  ): void;
  /**
   * After `preRequest`: says what goes along with the request. What it sets where another plugin has set something goes on
   * top of it.
   */
  outgoing?(
    request: InferenceRequest,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
    outgoing: Outgoing,
  ): void;
  /** First chunk of the response. */
  responseStarted?(ticket: number, nowUs: number): void;
  /** The response ended, for whatever reason; called once per ticket. */
  responseEnded?(ticket: number, nowUs: number): void;
  endpointAdded?(endpoint: Endpoint): void;
  endpointRemoved?(endpoint: Endpoint): void;
  kvEvent?(endpoint: Endpoint, event: KvEvent, nowUs: number): void;
}

/** A built plugin: any mix of roles. */
export type Plugin = Partial<Filter & Scorer & Picker & Producer & ProfileHandler & SaturationDetector & Decider> &
  Hooks;

export type PluginRole = "filter" | "scorer" | "picker" | "profile-handler" | "producer" | "decider";

/** A plugin that another one names in a parameter. */
export interface PluginReference {
  readonly name: string;
  readonly role: PluginRole;
  /** Where the name stands, outermost first. */
  readonly parameter: readonly string[];
}

interface DefinitionBase<P, Role extends PluginRole> {
  readonly role: Role;
  /** llm-d's name, or our own for a baseline. */
  readonly type: string;
  /** Older names that mean the same. */
  readonly aliases?: readonly string[];
  /** One sentence for `windtunnel policies` and the docs table. */
  readonly summary: string;
  readonly parameters: z.ZodType<P>;
  /** Ignores whatever parameters are given, as upstream does for types without any. */
  readonly ignoresParameters?: boolean;
  readonly alpha?: boolean;
  /** Ours: a baseline that llm-d does not have. */
  readonly baseline?: boolean;
  /** Reads scraped metrics: the host must keep them fresh. */
  readonly readsMetrics?: boolean;
  /** Declares the scraped metrics as data, as upstream does: loading fails when no extractor provides them. */
  readonly requiresExtractor?: boolean;
  /** Its answer depends on the order of the candidates, by contract. */
  readonly orderDependent?: boolean;
  /** Wants `kvEvent` calls. */
  readonly readsKvEvents?: boolean;
  /** Data that other plugins must produce. */
  requires?(parameters: P): readonly DataKey[];
  /** Plugins that its parameters name; all are built before it. */
  refersTo?(parameters: P): readonly PluginReference[];
  /** Measures saturation: may stand as `flowControl.saturationDetector`. */
  readonly detectsSaturation?: boolean;
  /** Kinds of data it produces under its own name. */
  readonly produces?: readonly DataKind[];
  /** Plugins that come with it, named by their type, where the configuration lists none of that name. */
  brings?(parameters: P): readonly { readonly type: string; readonly parameters: unknown }[];
}

export interface FilterDefinition<P = unknown> extends DefinitionBase<P, "filter"> {
  /** Gives the endpoints in an order of its own, by contract. */
  readonly reorders?: boolean;
  create(parameters: P, context: PluginContext): Filter & Partial<Scorer & SaturationDetector> & Hooks;
}
export interface ScorerDefinition<P = unknown> extends DefinitionBase<P, "scorer"> {
  create(parameters: P, context: PluginContext): Scorer & Partial<Filter> & Hooks;
}
export interface PickerDefinition<P = unknown> extends DefinitionBase<P, "picker"> {
  create(parameters: P, context: PluginContext): Picker & Hooks;
}
export interface ProfileHandlerDefinition<P = unknown> extends DefinitionBase<P, "profile-handler"> {
  create(parameters: P, context: PluginContext): ProfileHandler & Hooks;
}
export interface ProducerDefinition<P = unknown> extends DefinitionBase<P, "producer"> {
  create(
    parameters: P,
    context: PluginContext,
  ): Producer & Hooks & { readonly data: Partial<{ readonly [K in DataKind]: DataKinds[K] }> };
}
export interface DeciderDefinition<P = unknown> extends DefinitionBase<P, "decider"> {
  create(parameters: P, context: PluginContext): Decider & Hooks;
}
export type PluginDefinition =
  | FilterDefinition<never>
  | ScorerDefinition<never>
  | PickerDefinition<never>
  | ProfileHandlerDefinition<never>
  | ProducerDefinition<never>
  | DeciderDefinition<never>;

type Given<D extends { role: PluginRole }> = Omit<D, "role">;

export const defineFilter = <P>(definition: Given<FilterDefinition<P>>): FilterDefinition<P> => ({
  role: "filter",
  ...definition,
});
export const defineScorer = <P>(definition: Given<ScorerDefinition<P>>): ScorerDefinition<P> => ({
  role: "scorer",
  ...definition,
});
export const definePicker = <P>(definition: Given<PickerDefinition<P>>): PickerDefinition<P> => ({
  role: "picker",
  ...definition,
});
export const defineProfileHandler = <P>(
  definition: Given<ProfileHandlerDefinition<P>>,
): ProfileHandlerDefinition<P> => ({ role: "profile-handler", ...definition });
export const defineProducer = <P>(definition: Given<ProducerDefinition<P>>): ProducerDefinition<P> => ({
  role: "producer",
  ...definition,
});
export const defineDecider = <P>(definition: Given<DeciderDefinition<P>>): DeciderDefinition<P> => ({
  role: "decider",
  ...definition,
});
