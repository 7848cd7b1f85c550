import { defineRoleFilter } from "./role-filter.ts";

/** Keeps endpoints that encode. */
export const encodeFilter = defineRoleFilter("encode", ["encode", "encode-prefill", "encode-prefill-decode"], false);
