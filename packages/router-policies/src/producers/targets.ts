/** llm-d gives the profile of this name, and no other, special treatment in producers and in no-hit-lru-scorer. */
export const PREFILL_PROFILE = "prefill";
