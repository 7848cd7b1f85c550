import { defineRoleFilter } from "./role-filter.ts";

/** Keeps endpoints that decode, and those without a role. */
export const decodeFilter = defineRoleFilter(
  "decode",
  ["decode", "prefill-decode", "both", "encode-prefill-decode"],
  true,
);
