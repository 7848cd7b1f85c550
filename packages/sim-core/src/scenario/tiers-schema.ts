import * as z from "zod";
import { bytesSchema } from "../kernel/unit-schemas.ts";
import { TIER_KINDS } from "../tiers/registry.ts";
import { TIER_LOADS, TIER_SCOPES, TIER_WRITES, type TierKind } from "../tiers/tier-kind.ts";

const flag = (byDefault: boolean, description: string) => z.boolean().default(byDefault).meta({ description });

function tierSchema(kind: TierKind) {
  return z.strictObject({
    tier: z.literal(kind.name).meta({ description: kind.summary }),
    capacity: bytesSchema.meta({ description: "KV cache that one instance holds, e.g. 200GiB" }),
    scope: z
      .enum(TIER_SCOPES)
      .default(kind.scope)
      .meta({ description: "Whose one instance is: replica, node (its replicas share it) or fleet" }),
    write: z.enum(TIER_WRITES).default("through").meta({
      description:
        "through: written when computed, as vLLM's offloading and LMCache do; back: when the tier above, or HBM, evicts it; none: only read",
    }),
    load: z.enum(TIER_LOADS).default("always").meta({
      description:
        "always: what is found is loaded, as vLLM does; cheaper: where that takes less time than computing it; never",
    }),
    promote: flag(true, "What is loaded from here is kept by the tiers above too"),
    prefetch: flag(false, "What a queued request will need is copied to the first tier while it waits"),
    storeOutputs: flag(true, "Generated blocks are written too, as by vLLM's offloading; LMCache writes prompts only"),
    readPeers: flag(false, "The instances of other replicas are read too, over the network between pods"),
    warm: flag(
      false,
      "Holds from the start what the workload's prompts share, first requests first, as far as it fits",
    ),
  });
}

type TierSchema = ReturnType<typeof tierSchema>;
const schemas = TIER_KINDS.map(tierSchema) as [TierSchema, ...TierSchema[]];

/** Where the replicas of a pool keep KV blocks below HBM, nearest first. */
export const tiersSchema = z
  .array(z.discriminatedUnion("tier", schemas))
  .min(1)
  .superRefine((tiers, context) => {
    const wrong = (at: number, field: string, message: string) =>
      context.addIssue({ code: "custom", path: [at, field], message });
    for (const [at, { tier, readPeers, scope }] of tiers.entries()) {
      if (tiers.findIndex((other) => other.tier === tier) < at) wrong(at, "tier", `duplicate tier "${tier}"`);
      if (readPeers && scope !== "replica")
        wrong(at, "readPeers", `needs scope: replica; the ${scope} shares it anyway`);
    }
  })
  .meta({ description: "Where KV blocks are kept below HBM, nearest first; default: nowhere" });

export type ScenarioTiers = z.infer<typeof tiersSchema>;
