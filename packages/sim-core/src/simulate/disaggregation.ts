import type { EngineListener } from "../engine/engine-listener.ts";
import type { KvConnector } from "../engine/kv-connector.ts";
import type { RequestsInFlight } from "../engine/requests-in-flight.ts";
import { eventKey, Phase } from "../kernel/phases.ts";
import { counterUniform, hashSeed, streamId } from "../kernel/random.ts";
import { ReleaseHeap } from "../kernel/release-heap.ts";
import type { SharedLinks } from "../network/shared-links.ts";
import type { DisaggregationInput } from "./disaggregation-input.ts";
import type { SimulationInput } from "./input.ts";
import type { DisaggregationColumns, RequestColumns } from "./result.ts";
import { TransferPort } from "./transfer-port.ts";

const NONE = -1;

/** How far the prefill of a request is that has one elsewhere. */
const Stage = {
  /** None, or none any more: whoever decodes computes the prompt. */
  own: 0,
  /** On its way to the prefill pod. */
  called: 1,
  prefilling: 2,
  /** Its blocks are there to be read. */
  held: 3,
  /** Its blocks are where they are used. */
  moved: 4,
  /** It may still be computed, and nobody waits for it. */
  abandoned: 5,
  /** Its client is. */
  gone: 6,
} as const;

/** What the flow of legs needs of the simulation that it is part of. */
export interface LegHost {
  readonly requests: RequestsInFlight;
  readonly columns: RequestColumns;
  /** The simulation as the listener of requests that are served by one pod. */
  readonly listener: EngineListener;
  readonly nowUs: number;
  readonly seed: number | string;
  /** Priority in the engine's sense of a row, and the API server's time of a replica. */
  priorityOf(row: number): number;
  requestOverheadUs(replica: number): number;
  enqueue(replica: number, slot: number): void;
  loaded(replica: number, slot: number): void;
  loadFailed(replica: number, slot: number, computedTokens: number): void;
  releaseHeld(replica: number, slot: number): void;
  abort(replica: number, slot: number): void;
  reconsider(replica: number): void;
  /** The replica has computed a prompt for another. */
  promptFinished(replica: number): void;
  /** The replica has begun to compute the row's prompt. */
  promptScheduled(replica: number, row: number, cachedTokens: number): void;
  /** A request goes to the replica where it is decoded. */
  enqueueDecode(row: number, ticket: number): void;
}

/**
 * Requests that are prefilled on one pod and decoded on another, as llm-d's routing sidecar and vLLM's NIXL connector do
 * it: the sidecar of the decode pod calls the prefill pod for one token, whose blocks stay pinned there; then it hands
 * the request to its own engine, which takes blocks for the whole prompt, reads them over, and computes the last token.
 * Where there is no room the request waits; it is never dropped.
 */
export class Disaggregation {
  /** Key of the next leg or hold that ends. */
  nextKey = Infinity;
  readonly #input: DisaggregationInput;
  readonly #host: LegHost;
  readonly #columns: DisaggregationColumns;
  readonly #port: TransferPort;
  readonly #seed: number;
  readonly #stream = streamId("prefill-failures");
  /** Rows whose next leg ends, and those whose blocks are held, each by when; rows that have gone on stay in the latter. */
  readonly #legs = new ReleaseHeap();
  readonly #holds = new ReleaseHeap();

  // By row.
  readonly #stage: Uint8Array;
  readonly #failures: Uint8Array;
  readonly #ticket: Int32Array;
  readonly #prefillSlot: Int32Array;
  /** While its blocks are being filled. */
  readonly #decodeSlot: Int32Array;
  /** Parts of its transfer that have not ended. */
  readonly #parts: Uint8Array;
  /** By slot: whether it is of a prefill leg. */
  #isPrefill = new Uint8Array(64);

  constructor(
    input: DisaggregationInput,
    host: LegHost,
    columns: DisaggregationColumns,
    { network, places, pools }: Pick<SimulationInput, "network" | "places" | "pools">,
    links: SharedLinks,
  ) {
    const { count } = host.columns;
    this.#input = input;
    this.#host = host;
    this.#columns = columns;
    const replicas = pools.reduce((sum, pool) => sum + pool.replicas, 0);
    // A transfer has two parts.
    const user = links.join(2 * count, (tag) => this.#endPart(tag));
    this.#port = new TransferPort(user, network, places, replicas, input.setUpUs);
    this.#seed = hashSeed(host.seed);
    this.#stage = new Uint8Array(count);
    this.#failures = new Uint8Array(count);
    this.#ticket = new Int32Array(count);
    this.#prefillSlot = new Int32Array(count).fill(NONE);
    this.#decodeSlot = new Int32Array(count).fill(NONE);
    this.#parts = new Uint8Array(count);
  }

  /** Something that a step's end or start sets off may happen in the same microsecond. */
  get actsAtOnce(): boolean {
    return this.#input.sidecarLegUs === 0 || this.#input.setUpUs < 1;
  }

  /** Brings `nextKey` up to date. */
  #changed(): void {
    const legUs = this.#legs.firstTimeUs;
    const holdUs = this.#holds.firstTimeUs;
    this.nextKey = eventKey(legUs < holdUs ? legUs : holdUs, Phase.leg);
  }

  /** Does what `nextKey` says. */
  run(): void {
    if (this.#legs.firstTimeUs <= this.#host.nowUs) {
      this.#endLeg(this.#legs.pop());
    } else {
      this.#timeOut(this.#holds.pop());
      this.#forgetMoved();
    }
    this.#changed();
  }

  /** The router has sent the row to be prefilled on one replica and decoded on another. */
  dispatch(row: number, prefillReplica: number, ticket: number): void {
    this.#columns.prefillReplica[row] = prefillReplica;
    this.#ticket[row] = ticket;
    this.#stage[row] = Stage.called;
    this.#legs.push(this.#host.nowUs + this.#input.sidecarLegUs, row);
    if (this.#input.transfer === "push" && !this.#failsFinally(row)) this.#host.enqueueDecode(row, ticket);
    this.#changed();
  }

  /**
   * The row's client is gone: its next leg is not gone, its prefill is cut short, what is held for it is free. Blocks
   * under way to its decode pod come still, as they are its engine's until then.
   *
   * @returns the router's ticket of a row that has come by here
   */
  cancel(row: number): number | undefined {
    if (this.#columns.prefillReplica[row] === NONE) return undefined;
    const stage = this.#stage[row];
    if (this.#decodeSlot[row] === NONE && stage !== Stage.moved) {
      this.#stage[row] = Stage.gone;
      if (stage === Stage.held) this.#releasePrefill(row);
      else if (stage === Stage.prefilling) {
        this.#host.abort(this.#columns.prefillReplica[row]!, this.#prefillSlot[row]!);
      }
      this.#forgetMoved();
      this.#changed();
    }
    return this.#ticket[row]!;
  }

  /** A slot has left its engine before its end; true where it was of a prefill leg. */
  forgetsPrefill(slot: number): boolean {
    if (this.#isPrefill[slot] !== 1) return false;
    this.#forgetPrefill(this.#host.requests.row[slot]!);
    return true;
  }

  // --- legs -------------------------------------------------------------------------------------------------------

  #endLeg(row: number): void {
    if (this.#stage[row] === Stage.abandoned || this.#stage[row] === Stage.gone) return;
    if (this.#stage[row] !== Stage.called) {
      this.#host.enqueueDecode(row, this.#ticket[row]!);
    } else if (this.#fails(row, this.#failures[row]!)) {
      this.#failures[row]!++;
      this.#columns.prefillFailures[row]!++;
      const again = this.#failures[row]! <= this.#input.prefillMaxRetries;
      if (!again) this.#stage[row] = Stage.own;
      const pauseUs = again ? this.#input.prefillRetryBackoffUs + this.#input.sidecarLegUs : 0;
      this.#legs.push(this.#host.nowUs + this.#input.sidecarLegUs + pauseUs, row);
    } else {
      this.#prefill(row);
    }
  }

  /** Whether call `attempt` for the row's prefill fails: the same whatever else happens. */
  #fails(row: number, attempt: number): boolean {
    const { prefillFailureFraction } = this.#input;
    if (prefillFailureFraction === 0) return false;
    return counterUniform(this.#seed, this.#stream + attempt, row) < prefillFailureFraction;
  }

  #failsFinally(row: number): boolean {
    for (let attempt = 0; attempt <= this.#input.prefillMaxRetries; attempt++) {
      if (!this.#fails(row, attempt)) return false;
    }
    return true;
  }

  #prefill(row: number): void {
    const { requests, columns, nowUs } = this.#host;
    const replica = this.#columns.prefillReplica[row]!;
    const slot = requests.allocate(row, columns.promptTokens[row]!, 1);
    if (slot >= this.#isPrefill.length) {
      const grown = new Uint8Array(2 * slot);
      grown.set(this.#isPrefill);
      this.#isPrefill = grown;
    }
    this.#isPrefill[slot] = 1;
    this.#prefillSlot[row] = slot;
    this.#stage[row] = Stage.prefilling;
    requests.priority[slot] = this.#host.priorityOf(row);
    requests.readyUs[slot] = nowUs + this.#host.requestOverheadUs(replica);
    this.#host.enqueue(replica, slot);
  }

  #prefillFinished(row: number): void {
    const { nowUs } = this.#host;
    this.#host.promptFinished(this.#columns.prefillReplica[row]!);
    this.#columns.prefillFinishUs[row] = nowUs;
    if (this.#stage[row] === Stage.abandoned || this.#stage[row] === Stage.gone) {
      this.#forgetPrefill(row);
      return;
    }
    this.#stage[row] = Stage.held;
    if (this.#input.transfer === "pull") this.#legs.push(nowUs + this.#input.sidecarLegUs, row);
    else if (this.#decodeSlot[row] !== NONE) this.#sendLast(row);
    this.#forgetMoved();
    this.#holds.push(nowUs + this.#input.holdTimeoutUs, row);
    this.#changed();
  }

  /** Holds are ended long before they time out, in about the order in which they began. */
  #forgetMoved(): void {
    while (this.#holds.size > 0) {
      const stage = this.#stage[this.#holds.firstRow];
      if (stage !== Stage.moved && stage !== Stage.gone) break;
      this.#holds.pop();
    }
  }

  /** One of the two pods has waited for too long for the other: whoever decodes computes the prompt. */
  #timeOut(row: number): void {
    const stage = this.#stage[row]!;
    const replica = this.#host.columns.replica[row]!;
    const slot = this.#decodeSlot[row]!;
    if (stage === Stage.held && slot === NONE) {
      this.#stage[row] = Stage.own;
      this.#columns.holdTimeouts[row] = 1;
      this.#releasePrefill(row);
      this.#host.reconsider(replica);
    } else if ((stage === Stage.called || stage === Stage.prefilling) && slot !== NONE) {
      this.#stage[row] = Stage.abandoned;
      this.#columns.holdTimeouts[row] = 1;
      this.#columns.transferredBytes[row] = 0;
      this.#decodeSlot[row] = NONE;
      this.#host.loadFailed(replica, slot, this.#columns.decodeCachedTokens[row]!);
    }
  }

  #releasePrefill(row: number): void {
    this.#host.releaseHeld(this.#columns.prefillReplica[row]!, this.#prefillSlot[row]!);
    this.#forgetPrefill(row);
  }

  #forgetPrefill(row: number): void {
    const slot = this.#prefillSlot[row]!;
    this.#isPrefill[slot] = 0;
    this.#prefillSlot[row] = NONE;
    this.#host.requests.release(slot);
  }

  // --- transfers --------------------------------------------------------------------------------------------------

  /** The decode pod has taken blocks for the row; the first `fromTokens` it had already. */
  #takeOver(row: number, slot: number, fromTokens: number): void {
    this.#decodeSlot[row] = slot;
    this.#columns.decodeCachedTokens[row] = fromTokens;
    const { kvBytesPerToken, stateBytes } = this.#input;
    // The state is that of the prompt's end, whatever of the prompt is here already.
    const bytes = (this.#host.columns.promptTokens[row]! - fromTokens) * kvBytesPerToken + stateBytes;
    this.#columns.transferredBytes[row] = bytes;
    const stage = this.#stage[row];
    if (stage === Stage.held) {
      this.#send(row, bytes, 0);
      this.#changed();
      return;
    }
    // It waits for its prefill, with blocks that the prefill may need where pods do both for one another.
    this.#holds.push(this.#host.nowUs + this.#input.holdTimeoutUs, row);
    if (stage === Stage.prefilling && !Number.isNaN(this.#host.columns.scheduledUs[row]!)) this.#sendFirst(row);
    this.#changed();
  }

  /** All layers but the last go while the prompt is computed. */
  #sendFirst(row: number): void {
    const { overlapLayers } = this.#input;
    if (overlapLayers > 1) this.#send(row, this.#columns.transferredBytes[row]! * (1 - 1 / overlapLayers), 1);
  }

  #sendLast(row: number): void {
    const bytes = this.#columns.transferredBytes[row]!;
    // Nothing has gone ahead where the blocks were there only at the end.
    const ahead = !Number.isNaN(this.#columns.transferStartUs[row]!);
    this.#send(row, ahead ? bytes / this.#input.overlapLayers : bytes, 0);
  }

  #send(row: number, bytes: number, part: number): void {
    const { nowUs, columns } = this.#host;
    if (Number.isNaN(this.#columns.transferStartUs[row]!)) this.#columns.transferStartUs[row] = nowUs;
    this.#parts[row]!++;
    const from = this.#columns.prefillReplica[row]!;
    this.#port.start(from, columns.replica[row]!, bytes, nowUs, 2 * row + part);
  }

  #endPart(tag: number): void {
    const row = Math.floor(tag / 2);
    if (--this.#parts[row]! > 0 || this.#stage[row] !== Stage.held) return;
    this.#stage[row] = Stage.moved;
    this.#columns.transferEndUs[row] = this.#host.nowUs;
    const slot = this.#decodeSlot[row]!;
    this.#decodeSlot[row] = NONE;
    this.#releasePrefill(row);
    this.#host.loaded(this.#host.columns.replica[row]!, slot);
  }

  // --- what engines ask and tell ------------------------------------------------------------------------------------

  /** What stands between the engine of a replica and its KV blocks elsewhere. */
  connector(): KvConnector {
    const { requests } = this.#host;
    return {
      blocks: null,
      matchedTokens: (slot, computedTokens) => {
        const row = requests.row[slot]!;
        const stage = this.#stage[row]!;
        const comes = stage === Stage.called || stage === Stage.prefilling || stage === Stage.held;
        if (this.#isPrefill[slot] === 1 || !comes) return 0;
        return requests.promptTokens[slot]! - computedTokens;
      },
      startLoad: (slot, fromTokens) => this.#takeOver(requests.row[slot]!, slot, fromTokens),
      holdsBlocks: (slot) => {
        const stage = this.#stage[requests.row[slot]!];
        return this.#isPrefill[slot] === 1 && stage !== Stage.abandoned && stage !== Stage.gone;
      },
    };
  }

  /** Hears of the requests in the engine of a replica, and passes on what is of those that it decodes. */
  listener(replica: number): EngineListener {
    const { requests, columns, listener } = this.#host;
    return {
      scheduled: (slot, cachedTokens) => {
        const row = requests.row[slot]!;
        const isPrefill = this.#isPrefill[slot] === 1;
        if (Number.isNaN(columns.scheduledUs[row]!)) this.#host.promptScheduled(replica, row, cachedTokens);
        if (
          !isPrefill &&
          this.#columns.prefillReplica[row] !== NONE &&
          Number.isNaN(this.#columns.decodeScheduledUs[row]!)
        ) {
          this.#columns.decodeScheduledUs[row] = this.#host.nowUs;
        }
        const untouched = Number.isNaN(this.#columns.transferStartUs[row]!);
        if (!isPrefill || !untouched || this.#decodeSlot[row] === NONE) return;
        this.#sendFirst(row);
        this.#changed();
      },
      firstToken: (slot) => {
        // Slots beyond the array are of no prefill leg.
        if (this.#isPrefill[slot] !== 1) listener.firstToken(slot);
      },
      preempted: (slot) => listener.preempted(slot),
      finished: (slot) => {
        if (this.#isPrefill[slot] === 1) this.#prefillFinished(requests.row[slot]!);
        else listener.finished(slot);
      },
    };
  }
}

/** Columns of requests of which none has been sent. */
export function emptyDisaggregationColumns(count: number): DisaggregationColumns {
  const times = () => new Float64Array(count).fill(NaN);
  return {
    prefillReplica: new Int32Array(count).fill(NONE),
    prefillFinishUs: times(),
    transferStartUs: times(),
    transferEndUs: times(),
    transferredBytes: new Float64Array(count),
    decodeCachedTokens: new Int32Array(count),
    decodeScheduledUs: times(),
    prefillFailures: new Uint8Array(count),
    holdTimeouts: new Uint8Array(count),
  };
}
