import * as z from "zod";
import type { ProfileResult, ProfileResults } from "../framework/decision.ts";
import {
  type Decider,
  defineProfileHandler,
  type Hooks,
  type Outgoing,
  type PluginContext,
  type PluginReference,
  type ProfileHandler,
} from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "../producers/approx-prefix-cache-producer.ts";
import { TOKEN_PRODUCER } from "../producers/token-producer.ts";
import { NO_MORE } from "./only-profile.ts";

/** Tells the sidecar of the decode endpoint who has prefilled. */
const PREFILL_HEADER = "x-prefiller-host-port";
/** … and who has encoded. */
const ENCODE_HEADER = "x-encoder-hosts-ports";
const HEADERS: readonly string[] = [PREFILL_HEADER, ENCODE_HEADER];

const stageOrders: Readonly<Record<string, "decode-first" | "prefill-first">> = {
  "": "decode-first",
  decode: "decode-first",
  decodefirst: "decode-first",
  prefill: "prefill-first",
  prefillfirst: "prefill-first",
};
const stageOrderOf = (text: string) => stageOrders[text.toLowerCase().replace(/[-_]/g, "")];

const parameters = z
  .strictObject({
    stageOrder: z
      .string()
      .refine((text) => stageOrderOf(text) !== undefined, { error: "expected decode-first or prefill-first" })
      .default("decode-first")
      .describe("which stage picks first; prefill-first always prefills"),
    profiles: z
      .strictObject({
        decode: z.string().default("decode"),
        prefill: z.string().default("prefill"),
        encode: z.string().default("encode"),
      })
      .prefault({}),
    deciders: z
      .strictObject({
        prefill: z.string().optional().describe("plugin that decides on the prefill stage; without one it never runs"),
        encode: z.string().optional().describe("plugin that decides on the encode stage; without one it never runs"),
      })
      .prefault({}),
  })
  .refine(({ stageOrder, deciders }) => stageOrderOf(stageOrder) !== "prefill-first" || !deciders.prefill, {
    error: "stageOrder prefill-first always prefills: it takes no decider",
    path: ["deciders", "prefill"],
  });
type Parameters = z.output<typeof parameters>;

/**
 * Picks endpoints for up to three stages of a request: decode always, encode and prefill as their deciders say. Source:
 * llm-d-router `profilehandler/disagg/disagg_profile_handler.go`.
 */
export const disaggProfileHandler = defineProfileHandler<Parameters>({
  type: "disagg-profile-handler",
  aliases: ["pd-profile-handler"],
  summary: "Picks separate endpoints to encode, prefill and decode, as deciders say for each request.",
  parameters,
  // Both always, whichever deciders there are, as upstream.
  requires: () => [
    { kind: "prefix-match", producer: APPROX_PREFIX_CACHE_PRODUCER, anyNameIfStrict: true },
    { kind: "tokens", producer: TOKEN_PRODUCER, anyNameIfStrict: true },
  ],
  refersTo: ({ deciders }) =>
    (["prefill", "encode"] as const).flatMap((stage): PluginReference[] => {
      const name = deciders[stage];
      return name ? [{ name, role: "decider", parameter: ["deciders", stage] }] : [];
    }),
  create: (given, context) => new DisaggProfileHandler(given, context),
});

class DisaggProfileHandler implements ProfileHandler, Hooks {
  readonly #decode: readonly [string];
  readonly #prefill: readonly [string];
  readonly #encode: readonly [string];
  readonly #prefillFirst: boolean;
  readonly #prefillDecider: Decider | undefined;
  readonly #encodeDecider: Decider | undefined;
  readonly #peer: PluginContext["peer"];

  constructor({ stageOrder, profiles, deciders }: Parameters, context: PluginContext) {
    this.#decode = [profiles.decode || "decode"];
    this.#prefill = [profiles.prefill || "prefill"];
    this.#encode = [profiles.encode || "encode"];
    this.#prefillFirst = stageOrderOf(stageOrder) === "prefill-first";
    this.#prefillDecider = deciders.prefill ? context.decider(deciders.prefill) : undefined;
    this.#encodeDecider = deciders.encode ? context.decider(deciders.encode) : undefined;
    this.#peer = context.peer;
  }

  pick(request: InferenceRequest, profiles: readonly string[], results: ProfileResults): readonly string[] {
    if (results.size === 0) this.#peer.endpoint = undefined;
    return this.#prefillFirst
      ? this.#pickPrefillFirst(request, profiles, results)
      : this.#pickDecodeFirst(request, profiles, results);
  }

  #pickDecodeFirst(request: InferenceRequest, profiles: readonly string[], results: ProfileResults): readonly string[] {
    const [prefill] = this.#prefill;
    const [encode] = this.#encode;
    const decoded = results.get(this.#decode[0]);
    if (decoded === undefined) return profiles.includes(this.#decode[0]) ? this.#decode : NO_MORE;
    // Prefill is the last stage: after it nobody is asked again.
    if (decoded === null || results.has(prefill)) return NO_MORE;
    const decode = decoded.targets[0];
    if (profiles.includes(encode) && !results.has(encode) && this.#encodeDecider?.disaggregate(request, decode)) {
      return this.#encode;
    }
    if (!profiles.includes(prefill) || !this.#prefillDecider?.disaggregate(request, decode)) return NO_MORE;
    this.#peer.endpoint = decode;
    return this.#prefill;
  }

  #pickPrefillFirst(
    request: InferenceRequest,
    profiles: readonly string[],
    results: ProfileResults,
  ): readonly string[] {
    const [prefill] = this.#prefill;
    const [encode] = this.#encode;
    if (results.has(this.#decode[0])) return NO_MORE;
    if (profiles.includes(prefill) && !results.has(prefill)) return this.#prefill;
    if (profiles.includes(encode) && !results.has(encode) && this.#encodeDecider?.disaggregate(request, undefined)) {
      return this.#encode;
    }
    if (!profiles.includes(this.#decode[0])) return NO_MORE;
    this.#peer.endpoint = results.get(prefill)?.targets[0];
    return this.#decode;
  }

  primary(results: ProfileResults): string | undefined {
    return results.get(this.#decode[0]) ? this.#decode[0] : undefined;
  }

  /** Clients may not name endpoints: what they send of these headers goes. */
  outgoing(
    _request: InferenceRequest,
    _primary: ProfileResult,
    profiles: readonly ProfileResult[],
    outgoing: Outgoing,
  ): void {
    outgoing.removeHeaders = HEADERS;
    const prefill = targetsOf(profiles, this.#prefill[0])?.[0];
    const encode = targetsOf(profiles, this.#encode[0]);
    if (prefill === undefined && encode === undefined) return;
    outgoing.legs = { prefill, encode };
    const headers = [...(outgoing.headers ?? [])];
    if (prefill !== undefined) headers.push([PREFILL_HEADER, prefill.address]);
    if (encode !== undefined) headers.push([ENCODE_HEADER, encode.map(({ address }) => address).join(",")]);
    outgoing.headers = headers;
  }
}

function targetsOf(profiles: readonly ProfileResult[], name: string): ProfileResult["targets"] | undefined {
  for (let i = 0; i < profiles.length; i++) if (profiles[i]!.profile === name) return profiles[i]!.targets;
  return undefined;
}
