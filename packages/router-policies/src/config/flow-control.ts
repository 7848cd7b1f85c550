import { PolicyError } from "../errors.ts";
import type { FlowControlSpec, PriorityBandSpec } from "./endpoint-picker-config.ts";
import {
  booleanOf,
  durationUsOf,
  fieldsOf,
  integerOf,
  itemsOf,
  type Located,
  pluginRefOf,
  quantityOf,
  type Ref,
  refOf,
  refuse,
} from "./located.ts";

/** The flow-control section with defaults in force, and every plugin that it names. */
export interface FlowControlSection {
  readonly given: Located | undefined;
  readonly spec: FlowControlSpec;
  readonly saturationDetector: Ref | undefined;
  readonly policies: readonly PolicyRef[];
}

/** A named policy and the role that its place asks for. */
export interface PolicyRef {
  readonly ref: Ref;
  readonly role: "fairness-policy" | "ordering-policy" | "usage-limit-policy" | "band-selection-policy";
}

/** Policies that exist without being listed. */
export const DEFAULT_POLICIES = {
  fairness: "global-strict-fairness-policy",
  ordering: "fcfs-ordering-policy",
  usageLimit: "static-usage-limit-policy",
} as const;

const BAND_FIELDS = ["maxBytes", "maxRequests", "defaultRequestTTL", "fairnessPolicyRef", "orderingPolicyRef"];
const FIELDS = [
  ...["maxBytes", "maxRequests", "defaultRequestTTL", "noEndpointRequestTTL", "defaultPriorityBand"],
  ...["defaultNegativePriorityBand", "priorityBands", "saturationDetector", "usageLimitPolicyPluginRef"],
  ...["bandSelectionPolicyPluginRef", "enableEviction"],
];
const DEFAULT_BAND_BYTES = 1e9;
const DEFAULT_BAND_REQUESTS = 5000;
const DEFAULT_TTL_US = 60e6;

/** Reads `flowControl`; limits of 0 in a band mean the default, as upstream. */
export function readFlowControl(node: Located | undefined): FlowControlSection {
  const fields = fieldsOf(node, "flowControl", FIELDS);
  const policies: PolicyRef[] = [];
  const policy = (given: Located | undefined, role: PolicyRef["role"], what: string): string | undefined => {
    const ref = refOf(given, what);
    if (ref !== undefined) policies.push({ ref, role });
    return ref?.name;
  };
  const band = (given: Located, isDefault: boolean): PriorityBandSpec => readBand(given, isDefault, policy);
  const optionalBand = (name: string): PriorityBandSpec | undefined => {
    const given = fields.get(name);
    return given === undefined ? undefined : band(given, true);
  };
  const bandNodes = itemsOf(fields.get("priorityBands"), "priorityBands");
  const priorityBands = bandNodes.map((item) => band(item, false));
  refuseRepeatedPriority(priorityBands, bandNodes);
  const ttlUs = durationUsOf(fields.get("defaultRequestTTL"), "defaultRequestTTL") ?? DEFAULT_TTL_US;
  const defaultPriorityBand = optionalBand("defaultPriorityBand");
  const defaultNegativePriorityBand = optionalBand("defaultNegativePriorityBand");
  const usage = fields.get("usageLimitPolicyPluginRef");
  const selection = fields.get("bandSelectionPolicyPluginRef");
  const bandSelectionPolicy = policy(selection, "band-selection-policy", "bandSelectionPolicyPluginRef");
  const spec: FlowControlSpec = {
    maxBytes: quantityOf(fields.get("maxBytes"), "maxBytes") ?? 0,
    maxRequests: quantityOf(fields.get("maxRequests"), "maxRequests") ?? 0,
    defaultRequestTtlUs: ttlUs,
    noEndpointRequestTtlUs: durationUsOf(fields.get("noEndpointRequestTTL"), "noEndpointRequestTTL") ?? ttlUs,
    ...(defaultPriorityBand === undefined ? {} : { defaultPriorityBand }),
    ...(defaultNegativePriorityBand === undefined ? {} : { defaultNegativePriorityBand }),
    priorityBands,
    usageLimitPolicy: policy(usage, "usage-limit-policy", "usageLimitPolicyPluginRef") ?? DEFAULT_POLICIES.usageLimit,
    ...(bandSelectionPolicy === undefined ? {} : { bandSelectionPolicy }),
    enableEviction: booleanOf(fields.get("enableEviction"), "enableEviction") ?? false,
  };
  const saturationDetector = pluginRefOf(fields.get("saturationDetector"), "saturationDetector");
  return { given: node, spec, saturationDetector, policies };
}

function readBand(
  node: Located,
  isDefault: boolean,
  policy: (given: Located | undefined, role: PolicyRef["role"], what: string) => string | undefined,
): PriorityBandSpec {
  const what = isDefault ? "a default priority band" : "priorityBands";
  const fields = fieldsOf(node, what, isDefault ? BAND_FIELDS : ["priority", ...BAND_FIELDS]);
  const priority = integerOf(fields.get("priority"), "priority");
  if (!isDefault && priority === undefined) refuse(node, what, "a priority");
  const ttlUs = durationUsOf(fields.get("defaultRequestTTL"), "defaultRequestTTL");
  return {
    ...(priority === undefined ? {} : { priority }),
    maxBytes: quantityOf(fields.get("maxBytes"), "maxBytes") || DEFAULT_BAND_BYTES,
    maxRequests: quantityOf(fields.get("maxRequests"), "maxRequests") || DEFAULT_BAND_REQUESTS,
    ...(ttlUs === undefined ? {} : { defaultRequestTtlUs: ttlUs }),
    fairnessPolicy:
      policy(fields.get("fairnessPolicyRef"), "fairness-policy", "fairnessPolicyRef") ?? DEFAULT_POLICIES.fairness,
    orderingPolicy:
      policy(fields.get("orderingPolicyRef"), "ordering-policy", "orderingPolicyRef") ?? DEFAULT_POLICIES.ordering,
  };
}

function refuseRepeatedPriority(bands: readonly PriorityBandSpec[], nodes: readonly Located[]): void {
  const seen = new Set<number>();
  bands.forEach((band, i) => {
    if (seen.has(band.priority!)) throw new PolicyError(`priority ${band.priority} stands twice`, nodes[i]!.at);
    seen.add(band.priority!);
  });
}
