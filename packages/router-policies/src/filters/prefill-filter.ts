import { defineRoleFilter } from "./role-filter.ts";

/** Keeps endpoints that prefill. */
export const prefillFilter = defineRoleFilter(
  "prefill",
  ["prefill", "encode-prefill", "prefill-decode", "both", "encode-prefill-decode"],
  false,
);
