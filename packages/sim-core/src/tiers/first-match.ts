import type { KvConnector } from "../engine/kv-connector.ts";

/**
 * Several connectors as one: the first that has something loads it, as vLLM's `MultiConnector` (0.19) does. Blocks are
 * held while any wants them held.
 */
export function firstMatch(connectors: readonly KvConnector[]): KvConnector | null {
  if (connectors.length < 2) return connectors[0] ?? null;
  let loading = connectors[0]!;
  return {
    blocks: connectors.find(({ blocks }) => blocks !== null)?.blocks ?? null,
    matchedTokens(slot, computedTokens) {
      for (const connector of connectors) {
        const tokens = connector.matchedTokens(slot, computedTokens);
        if (tokens === 0) continue;
        loading = connector;
        return tokens;
      }
      return 0;
    },
    // An engine starts what it has just been offered, or nothing.
    startLoad: (slot, fromTokens, tokens, nowUs) => loading.startLoad(slot, fromTokens, tokens, nowUs),
    holdsBlocks: (slot) => connectors.some((connector) => connector.holdsBlocks(slot)),
  };
}
