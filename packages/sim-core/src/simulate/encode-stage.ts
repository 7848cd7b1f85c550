import type { EngineListener } from "../engine/engine-listener.ts";
import { eventKey, Phase } from "../kernel/phases.ts";
import { ReleaseHeap } from "../kernel/release-heap.ts";
import type { SharedLinks } from "../network/shared-links.ts";
import type { LegHost } from "./disaggregation.ts";
import type { DisaggregationInput } from "./disaggregation-input.ts";
import type { SimulationInput } from "./input.ts";
import type { ItemRows } from "./item-rows.ts";
import type { EncodeColumns } from "./result.ts";
import { TransferPort } from "./transfer-port.ts";

const NONE = -1;

/** How far the encoding of a request's items elsewhere is. */
const Stage = {
  /** None, or none any more. */
  own: 0,
  /** On its way to the encode pods, or there. */
  called: 1,
  /** The last answer is on its way back. */
  answered: 2,
  /** Its embeddings move to who computes the prompt. */
  moving: 3,
  /** Its client is gone. */
  gone: 4,
} as const;

/** What the stage needs of the simulation that it is part of. */
export interface EncodeHost
  extends Pick<LegHost, "requests" | "nowUs" | "priorityOf" | "requestOverheadUs" | "enqueue" | "abort"> {
  /** The replica has encoded an item for another. */
  itemEncoded(replica: number): void;
  /** The row's embeddings are there: it goes where it would have gone without this stage. */
  encoded(row: number, ticket: number, prefillReplica: number): void;
}

/**
 * Requests whose images, audio and video are encoded on other pods, before their prompts are computed, as llm-d's sidecar
 * of the decode pod does it (llm-d-router `pkg/sidecar/proxy/connector_ec_common.go`, `connector_ec_nixl.go`): one call for
 * each item, all at once and round robin over the pods that the router names; when all have answered, the prefill pod is
 * called or, without one, the decode pod's own engine. Who computes the prompt reads the embeddings from the encode pods.
 *
 * Simpler than there: they are read before the prefill pod is called, not after it, which takes as long in all; the same
 * image twice is two items; who computes the prompt in the end has them, also where the prefill pod failed; and calls do not
 * fail (upstream's sidecar would answer 502).
 */
export class EncodeStage {
  /** Key of the next leg that ends. */
  nextKey = Infinity;
  readonly #input: DisaggregationInput;
  readonly #host: EncodeHost;
  readonly #columns: EncodeColumns;
  readonly #rows: ItemRows;
  readonly #port: TransferPort;
  readonly #legs = new ReleaseHeap();

  // By row.
  readonly #stage: Uint8Array;
  readonly #ticket: Int32Array;
  readonly #prefillReplica: Int32Array;
  /** Who computes the prompt. */
  readonly #to: Int32Array;
  /** Items that are not encoded, or not moved, yet. */
  readonly #left: Int32Array;
  // By item.
  readonly #replica: Int32Array;
  readonly #slot: Int32Array;

  constructor(
    input: DisaggregationInput,
    host: EncodeHost,
    rows: ItemRows,
    columns: EncodeColumns,
    { network, places, pools }: Pick<SimulationInput, "network" | "places" | "pools">,
    links: SharedLinks,
  ) {
    const count = columns.encodeReplica.length;
    const items = rows.items.tokens.length;
    this.#input = input;
    this.#host = host;
    this.#rows = rows;
    this.#columns = columns;
    const replicas = pools.reduce((sum, pool) => sum + pool.replicas, 0);
    const user = links.join(items, (item) => this.#moved(item));
    this.#port = new TransferPort(user, network, places, replicas, input.setUpUs);
    this.#stage = new Uint8Array(count);
    this.#ticket = new Int32Array(count);
    this.#prefillReplica = new Int32Array(count);
    this.#to = new Int32Array(count);
    this.#left = new Int32Array(count);
    this.#replica = new Int32Array(items);
    this.#slot = new Int32Array(items).fill(NONE);
  }

  get actsAtOnce(): boolean {
    return this.#input.sidecarLegUs === 0 || this.#input.setUpUs < 1;
  }

  /**
   * The router has sent the row's items to be encoded on these replicas.
   *
   * @param prefillReplica where its prompt is computed, if not on `decodeReplica`; else -1
   */
  dispatch(
    row: number,
    replicas: readonly { readonly slot: number }[],
    prefillReplica: number,
    decodeReplica: number,
    ticket: number,
  ): void {
    const [first, end] = this.#itemsOf(row);
    for (let item = first; item < end; item++) this.#replica[item] = replicas[(item - first) % replicas.length]!.slot;
    this.#columns.encodeReplica[row] = replicas[0]!.slot;
    this.#ticket[row] = ticket;
    this.#prefillReplica[row] = prefillReplica;
    this.#to[row] = prefillReplica === NONE ? decodeReplica : prefillReplica;
    this.#left[row] = end - first;
    this.#stage[row] = Stage.called;
    this.#pushLeg(row);
  }

  #itemsOf(row: number): readonly [first: number, end: number] {
    const { offsets } = this.#rows.items;
    return [offsets[row]!, offsets[row + 1]!];
  }

  #pushLeg(row: number): void {
    this.#legs.push(this.#host.nowUs + this.#input.sidecarLegUs, row);
    this.nextKey = eventKey(this.#legs.firstTimeUs, Phase.leg);
  }

  /** Does what `nextKey` says. */
  run(): void {
    const row = this.#legs.pop();
    this.nextKey = eventKey(this.#legs.firstTimeUs, Phase.leg);
    if (this.#stage[row] === Stage.called) this.#encode(row);
    else if (this.#stage[row] === Stage.answered) this.#move(row);
  }

  /**
   * The row's client is gone: encode pods let its items go, and what moves moves for nobody.
   *
   * @returns the router's ticket where the row is here
   */
  cancel(row: number): number | undefined {
    const stage = this.#stage[row];
    if (stage !== Stage.called && stage !== Stage.answered && stage !== Stage.moving) return undefined;
    this.#stage[row] = Stage.gone;
    const [first, end] = this.#itemsOf(row);
    for (let item = first; item < end; item++) {
      if (this.#slot[item] !== NONE) this.#host.abort(this.#replica[item]!, this.#slot[item]!);
    }
    return this.#ticket[row]!;
  }

  /** A slot has left its engine before its end; true where it encoded for another pod. */
  forgets(slot: number): boolean {
    const item = this.#rows.itemOf(slot);
    if (item !== NONE) this.#forget(item, slot);
    return item !== NONE;
  }

  #forget(item: number, slot: number): void {
    this.#slot[item] = NONE;
    this.#host.requests.release(slot);
  }

  #encode(row: number): void {
    const { requests, nowUs } = this.#host;
    const [first, end] = this.#itemsOf(row);
    for (let item = first; item < end; item++) {
      const replica = this.#replica[item]!;
      const slot = requests.allocate(this.#rows.rowOf(item), this.#rows.tokens(item), 1);
      requests.priority[slot] = this.#host.priorityOf(row);
      requests.readyUs[slot] = nowUs + this.#host.requestOverheadUs(replica);
      this.#slot[item] = slot;
      this.#host.enqueue(replica, slot);
    }
  }

  #move(row: number): void {
    const { nowUs } = this.#host;
    const { embeddingBytesPerToken = 0 } = this.#input;
    const [first, end] = this.#itemsOf(row);
    this.#stage[row] = Stage.moving;
    this.#left[row] = end - first;
    this.#columns.embeddingsStartUs[row] = nowUs;
    for (let item = first; item < end; item++) {
      const bytes = this.#rows.tokens(item) * embeddingBytesPerToken;
      this.#columns.embeddingsBytes[row]! += bytes;
      this.#port.start(this.#replica[item]!, this.#to[row]!, bytes, nowUs, item);
    }
  }

  #moved(item: number): void {
    const row = this.#rows.ownerOf(item);
    if (--this.#left[row]! > 0 || this.#stage[row] !== Stage.moving) return;
    this.#stage[row] = Stage.own;
    this.#columns.embeddingsEndUs[row] = this.#host.nowUs;
    this.#rows.encodedElsewhere(row);
    this.#host.encoded(row, this.#ticket[row]!, this.#prefillReplica[row]!);
  }

  #scheduled(item: number): void {
    const { encodeScheduledUs } = this.#columns;
    const row = this.#rows.ownerOf(item);
    if (Number.isNaN(encodeScheduledUs[row]!)) encodeScheduledUs[row] = this.#host.nowUs;
  }

  #finished(replica: number, item: number, slot: number): void {
    const row = this.#rows.ownerOf(item);
    this.#host.itemEncoded(replica);
    this.#forget(item, slot);
    if (--this.#left[row]! > 0 || this.#stage[row] !== Stage.called) return;
    this.#columns.encodeFinishUs[row] = this.#host.nowUs;
    this.#stage[row] = Stage.answered;
    this.#pushLeg(row);
  }

  /** Hears of the items that a replica encodes for others, and passes on what is of its own requests. */
  listener(replica: number, own: EngineListener): EngineListener {
    const rows = this.#rows;
    return {
      scheduled: (slot, cachedTokens) => {
        if (!rows.encodesForOther(slot)) own.scheduled(slot, cachedTokens);
        else this.#scheduled(rows.itemOf(slot));
      },
      firstToken: (slot) => {
        if (!rows.encodesForOther(slot)) own.firstToken(slot);
      },
      preempted: (slot) => {
        if (!rows.encodesForOther(slot)) own.preempted(slot);
      },
      finished: (slot) => {
        if (!rows.encodesForOther(slot)) own.finished(slot);
        else this.#finished(replica, rows.itemOf(slot), slot);
      },
    };
  }
}

/** Columns of requests of which none has been sent. */
export function emptyEncodeColumns(count: number): EncodeColumns {
  const times = () => new Float64Array(count).fill(NaN);
  return {
    encodeReplica: new Int32Array(count).fill(NONE),
    encodeScheduledUs: times(),
    encodeFinishUs: times(),
    embeddingsStartUs: times(),
    embeddingsEndUs: times(),
    embeddingsBytes: new Float64Array(count),
  };
}
