import type { BlockKeys, HostEndpoint, KvEvent, Router } from "@windtunnel/router-policies";
import type { Engine } from "../engine/engine-listener.ts";
import type { KvChange, KvEventLog } from "../engine/kv-event-log.ts";
import type { TierChain } from "../tiers/tier-chain.ts";

interface Source {
  readonly engine: Engine;
  readonly endpoint: HostEndpoint;
  readonly log: KvEventLog;
}

/** Of what a replica keeps below HBM. */
interface TierSource extends Source {
  readonly medium: string;
}

/** Hands each replica's KV events to the router when they have reached it, and somebody is about to look. */
export class KvEventFeed {
  readonly #router: Router;
  readonly #sources: readonly Source[];
  readonly #tiers: readonly TierSource[];
  readonly #keys: BlockKeys = { length: 0, hi: new Int32Array(256), lo: new Int32Array(256) };

  /** @param chains by replica, as `sources` */
  constructor(router: Router, sources: readonly Source[], chains: readonly (TierChain | undefined)[] = []) {
    this.#router = router;
    this.#sources = sources;
    this.#tiers = chains.flatMap((chain, replica) => {
      const { engine, endpoint } = sources[replica]!;
      const tiers = (chain?.tiers ?? []).filter(({ log }) => log.enabled);
      return tiers.map(({ kind, log }) => ({ engine, endpoint, log, medium: kind.medium }));
    });
  }

  refresh(nowUs: number): void {
    for (const source of this.#sources) {
      source.engine.publishUntil(nowUs);
      if (source.log.isDue(nowUs)) source.log.drain(nowUs, (change) => this.#apply(source, "gpu", change, nowUs));
    }
    for (const source of this.#tiers) {
      const { log, medium } = source;
      if (log.isDue(nowUs)) log.drain(nowUs, (change) => this.#apply(source, medium, change, nowUs));
    }
  }

  #apply({ endpoint, engine }: Source, medium: string, change: KvChange, nowUs: number): void {
    const { blockSizeTokens } = engine;
    const event: KvEvent = {
      type: change.stored ? "stored" : "removed",
      medium,
      blockSizeTokens,
      keys: this.#keysOf(change, blockSizeTokens),
    };
    this.#router.kvEvent(endpoint, event, nowUs);
  }

  /** As in `SimulatedRequest.promptKeys`: the segment, and the token after the block's last. */
  #keysOf({ segment, fromBlock, toBlock }: KvChange, blockSizeTokens: number): BlockKeys {
    const keys = this.#keys;
    const blocks = toBlock - fromBlock;
    if (blocks > keys.hi.length) {
      keys.hi = new Int32Array(blocks * 2);
      keys.lo = new Int32Array(blocks * 2);
    }
    keys.length = blocks;
    for (let block = 0; block < blocks; block++) {
      keys.hi[block] = segment;
      keys.lo[block] = (fromBlock + block + 1) * blockSizeTokens;
    }
    return keys;
  }
}
