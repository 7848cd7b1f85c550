import type { BlockRuns } from "./block-runs.ts";
import type { TierChain, TierSource } from "./tier-chain.ts";
import { expectedUs } from "./tier-ways.ts";

/** Blocks of a segment that one source has. */
export interface LoadPiece {
  readonly source: TierSource;
  readonly segment: number;
  readonly from: number;
  readonly to: number;
}

/** What of a prompt is loaded: blocks `from` to `to`, without gaps. */
export interface LoadPlan {
  readonly from: number;
  readonly to: number;
  readonly pieces: readonly LoadPiece[];
}

/**
 * What follows the blocks that an engine has, each block from the nearest tier that has it, up to the first that none
 * has; cut where loading more would take longer than computing it.
 *
 * @param runs the row's blocks from the first that the engine lacks
 */
export function planLoad(chain: TierChain, runs: BlockRuns, promptTokens: number): LoadPlan | undefined {
  const pieces = findPieces(chain, runs);
  if (pieces.length === 0) return undefined;
  const count = worthLoading(chain, pieces, promptTokens);
  if (count === 0) return undefined;
  return { from: pieces[0]!.from, to: pieces[count - 1]!.to, pieces: pieces.slice(0, count) };
}

const NO_PIECES: readonly LoadPiece[] = [];

function findPieces(chain: TierChain, runs: BlockRuns): readonly LoadPiece[] {
  let pieces: LoadPiece[] | undefined;
  for (let run = 0; run < runs.length; run++) {
    const segment = runs.segment(run);
    const to = runs.to(run);
    for (let at = runs.from(run); at < to; ) {
      const piece = findPiece(chain, segment, at, to);
      if (piece === undefined) return pieces ?? NO_PIECES;
      pieces ??= [];
      pieces.push(piece);
      at = piece.to;
    }
  }
  return pieces ?? NO_PIECES;
}

function findPiece({ tiers }: TierChain, segment: number, from: number, to: number): LoadPiece | undefined {
  for (const tier of tiers) {
    if (tier.input.load === "never") continue;
    const end = tier.instance.store.readyTo(segment, from, to);
    if (end > from) return { source: tier, segment, from, to: end };
    let best: LoadPiece | undefined;
    for (const peer of tier.peers) {
      const upTo = peer.instance.store.readyTo(segment, from, to);
      if (upTo > (best?.to ?? from)) best = { source: peer, segment, from, to: upTo };
    }
    if (best !== undefined) return best;
  }
  return undefined;
}

/** How many of the pieces, from the first, save the most time; those up to the last that is always loaded at least. */
function worthLoading(chain: TierChain, pieces: readonly LoadPiece[], promptTokens: number): number {
  let best = 0;
  for (let at = 0; at < pieces.length; at++) if (pieces[at]!.source.input.load === "always") best = at + 1;
  if (best === pieces.length) return best;
  const { blockSizeTokens, blockBytes, recompute } = chain;
  const fromTokens = pieces[0]!.from * blockSizeTokens;
  const allUs = recompute.us(fromTokens, promptTokens);
  const bytes = new Map<TierSource, number>();
  let savedUs = best === 0 ? 0 : -Infinity;
  for (let at = 0; at < pieces.length; at++) {
    const { source, from, to } = pieces[at]!;
    bytes.set(source, (bytes.get(source) ?? 0) + (to - from) * blockBytes);
    // Pieces of one source are worth it or not together.
    if (at + 1 < best || pieces[at + 1]?.source === source) continue;
    let loadUs = 0;
    for (const [from, size] of bytes) loadUs = Math.max(loadUs, expectedUs(from.way, size));
    const leftTokens = Math.min(to * blockSizeTokens, promptTokens - 1);
    const saved = allUs - recompute.us(leftTokens, promptTokens) - loadUs;
    if (saved > savedUs) {
      savedUs = saved;
      best = at + 1;
    }
  }
  return best;
}
