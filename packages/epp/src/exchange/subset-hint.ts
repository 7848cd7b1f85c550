import type { ProcessingRequest } from "../wire/ext-proc.ts";
import { LB_NAMESPACE, SERVED_KEY, SUBSET_KEY, SUBSET_NAMESPACE } from "./control-headers.ts";

/**
 * The addresses that the gateway allows, from a list or from one comma-separated string; undefined = all. An empty list
 * allows none (proposal 004). Entries that are no strings are passed over.
 */
export function subsetHint(message: ProcessingRequest): readonly string[] | undefined {
  const value = message.metadataContext?.filterMetadata[SUBSET_NAMESPACE]?.fields[SUBSET_KEY];
  if (value === undefined) return undefined;
  if (value.listValue) {
    return value.listValue.values.flatMap(({ stringValue }) => (stringValue ? [stringValue.trim()] : []));
  }
  if (value.stringValue === undefined) return undefined;
  return value.stringValue
    .split(",")
    .map((address) => address.trim())
    .filter((address) => address !== "");
}

/** `ip:port` of the endpoint that the gateway says has answered. */
export function servedEndpoint(message: ProcessingRequest): string | undefined {
  return message.metadataContext?.filterMetadata[LB_NAMESPACE]?.fields[SERVED_KEY]?.stringValue;
}
