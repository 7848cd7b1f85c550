import type { EncoderTimeModel } from "../../src/engine/encoder-time-model.ts";
import type { Engine, EngineGauges, EngineListener } from "../../src/engine/engine-listener.ts";
import { ItlRecorder } from "../../src/engine/itl-histogram.ts";
import type { KvConnector } from "../../src/engine/kv-connector.ts";
import { KvEventLog } from "../../src/engine/kv-event-log.ts";
import type { LoraProfile } from "../../src/engine/lora-profile.ts";
import type { LoraParts } from "../../src/engine/lora-slots.ts";
import { PlainReplica } from "../../src/engine/plain-replica.ts";
import type { EngineProfile } from "../../src/engine/profile.ts";
import type { PromptItems } from "../../src/engine/prompt-items.ts";
import { PromptStreams } from "../../src/engine/prompt-streams.ts";
import { Replica } from "../../src/engine/replica.ts";
import { RequestsInFlight } from "../../src/engine/requests-in-flight.ts";
import type { StepTimeModel } from "../../src/engine/step-time-model.ts";
import { eventKey, keyTimeUs, Phase } from "../../src/kernel/phases.ts";
import type { MultimodalItems } from "../../src/workload/multimodal-items.ts";
import type { Workload } from "../../src/workload/workload.ts";

export const profile = (given: Partial<EngineProfile> = {}): EngineProfile => ({
  name: "vllm-0.19",
  maxNumSeqs: 8,
  maxNumBatchedTokens: 64,
  longPrefillTokenThreshold: 0,
  blockSizeTokens: 4,
  enablePrefixCaching: true,
  enableChunkedPrefill: true,
  schedulerReserveFullIsl: true,
  schedulingPolicy: "fcfs",
  maxModelLenTokens: 100_000,
  requestOverheadUs: 0,
  ...given,
});

/** What lies elsewhere of each request, and for how long somebody reads what it leaves. */
export interface Elsewhere {
  /** Tokens that can be loaded beyond those that the engine has. */
  readonly externalTokens: (row: number, computedTokens: number) => number;
  readonly loadUs: (row: number) => number;
  /** Undefined: nobody, its blocks are free at its end. */
  readonly holdUs: (row: number) => number | undefined;
}

export interface Drive {
  readonly workload: Workload;
  readonly profile: EngineProfile;
  readonly stepTime: StepTimeModel;
  readonly numGpuBlocks: number;
  readonly path: "fast" | "plain";
  /** Times at which gauges are read, ascending. */
  readonly looks?: readonly number[];
  readonly priorities?: readonly number[];
  readonly kvEventDelayUs?: number;
  readonly elsewhere?: Elsewhere;
  /** For the workload's adapters. */
  readonly lora?: LoraProfile;
  /** What encodes the workload's items; absent: nothing. */
  readonly encoder?: EncoderTimeModel;
  /** By row: when after its arrival its client is gone, Infinity for never. */
  readonly cancelAfterUs?: readonly number[];
}

/** After these an engine has gone astray: a test fails then, and does not hang. */
const MOST_EVENTS = 200_000;

/** Runs one engine on a workload by itself and writes down all that can be seen of it. */
export function driveEngine(drive: Drive) {
  const { workload } = drive;
  const requests = new RequestsInFlight();
  const itl = new ItlRecorder();
  const log = new KvEventLog(true, drive.kvEventDelayUs ?? 700);
  const timeline: [string, number, number, number?][] = [];
  const row = (slot: number): number => requests.row[slot]!;
  let nowUs = 0;
  const timers: Timer[] = [];
  const held = new Set<number>();
  /** Of requests that the engine has and that have not ended. */
  const slotOf = new Map<number, number>();
  const cancels = cancelsOf(drive);
  const changes: string[] = [];
  const connector = drive.elsewhere && driveConnector(drive.elsewhere, requests, timers, held, changes, () => nowUs);
  const listener: EngineListener = {
    scheduled: (slot, cached) => timeline.push(["scheduled", row(slot), nowUs, cached]),
    firstToken: (slot) => timeline.push(["first", row(slot), nowUs]),
    preempted: (slot) => timeline.push(["preempted", row(slot), nowUs]),
    finished: (slot) => {
      timeline.push(["finished", row(slot), nowUs]);
      slotOf.delete(row(slot));
      if (!held.has(slot)) requests.release(slot);
    },
  };
  const parts = {
    profile: drive.profile,
    stepTime: drive.stepTime,
    numGpuBlocks: drive.numGpuBlocks,
    requests,
    streams: new PromptStreams(workload),
    listener,
    log,
    itl,
    connector: connector ?? null,
    lora: drive.lora === undefined ? null : loraParts(drive.lora, workload, timeline, row, () => nowUs),
    encoder: drive.encoder,
    items: workload.items === undefined ? null : promptItems(workload.items, row),
    aborted: (slot: number) => {
      timeline.push(["aborted", row(slot), nowUs]);
      slotOf.delete(row(slot));
      requests.release(slot);
    },
  };
  const engine: Engine = drive.path === "plain" ? new PlainReplica(parts) : new Replica(parts);
  const seen: EngineGauges[] = [];
  const index = new Set<string>();
  const indexSeen: string[] = [];
  const looks = drive.looks ?? [];
  let look = 0;
  let next = 0;
  for (let events = 0; ; events++) {
    if (events > MOST_EVENTS) throw new Error("the engine goes on for ever");
    const arrivalUs = next < workload.count ? workload.arrivalUs[next]! : Infinity;
    const lookUs = look < looks.length ? looks[look]! : Infinity;
    const timerUs = timers[0]?.us ?? Infinity;
    const cancelUs = cancels[0]?.us ?? Infinity;
    const key = Math.min(
      engine.nextKey,
      eventKey(timerUs, Phase.transferEnd),
      eventKey(cancelUs, Phase.leg),
      eventKey(arrivalUs, Phase.arrival),
      eventKey(lookUs, Phase.scrape),
    );
    if (key === Infinity) break;
    nowUs = keyTimeUs(key);
    if (key === engine.nextKey) {
      // A load of no time would come between.
      const alone = arrivalUs > nowUs && lookUs > nowUs && timerUs > nowUs && cancelUs > nowUs;
      engine.run(alone && drive.elsewhere === undefined);
    } else if (key === eventKey(cancelUs, Phase.leg)) {
      const slot = slotOf.get(cancels.shift()!.row);
      if (slot !== undefined) engine.abort(slot, nowUs);
    } else if (key === eventKey(timerUs, Phase.transferEnd)) {
      const { what, slot } = timers.shift()!;
      timeline.push([what, row(slot), nowUs]);
      if (what === "loaded") engine.loaded(slot, nowUs);
      else {
        engine.releaseHeld(slot, nowUs);
        held.delete(slot);
        requests.release(slot);
      }
    } else if (key === eventKey(lookUs, Phase.scrape)) {
      look++;
      const gauges = { running: 0, waiting: 0, freeBlocks: 0 };
      engine.gaugesAt(nowUs, gauges);
      seen.push(gauges);
      engine.publishUntil(nowUs);
      log.drain(nowUs, ({ stored, segment, fromBlock, toBlock }) => {
        for (let block = fromBlock; block < toBlock; block++) {
          if (stored) index.add(`${segment}:${block}`);
          else index.delete(`${segment}:${block}`);
        }
      });
      indexSeen.push([...index].sort().join(" "));
    } else {
      const slot = requests.allocate(next, workload.promptTokens[next]!, workload.outputTokens[next]!);
      requests.priority[slot] = drive.priorities?.[next] ?? 0;
      requests.readyUs[slot] = nowUs + drive.profile.requestOverheadUs;
      slotOf.set(next, slot);
      engine.enqueue(slot);
      next++;
    }
  }
  return {
    timeline,
    seen,
    indexSeen,
    counters: engine.counters,
    evicted: engine.evictedBlocks,
    itl: itl.counts,
    /** Blocks stored and evicted, each with its time, in no order. */
    changes: changes.sort(),
    engine,
  };
}

function loraParts(
  profile: LoraProfile,
  { adapterOf, adapters, count }: Workload,
  timeline: [string, number, number, number?][],
  row: (slot: number) => number,
  now: () => number,
): LoraParts {
  const skipped = new Set<number>();
  return {
    profile,
    adapterOf: adapterOf ?? new Int32Array(count).fill(-1),
    adapters: adapters?.length ?? 0,
    listener: {
      loaded: (slot, us, fromStorage) =>
        timeline.push([fromStorage ? "fetched" : "loaded-adapter", row(slot), now(), us]),
      skipped(slot) {
        // How often a request is looked at is each engine's own affair.
        if (!skipped.has(row(slot))) timeline.push(["skipped", row(slot), now()]);
        skipped.add(row(slot));
      },
    },
  };
}

/** The items of a workload's rows, all of them encoded by the engine. */
function promptItems(items: MultimodalItems, row: (slot: number) => number): PromptItems {
  return {
    largestTokens: Math.max(0, ...items.tokens),
    encodesForOther: () => false,
    firstOf: (slot) => items.offsets[row(slot)]!,
    endOf: (slot) => items.offsets[row(slot) + 1]!,
    startTokens: (_slot, item) => items.startTokens[item]!,
    tokens: (item) => items.tokens[item]!,
  };
}

/** When clients are gone, in order. */
function cancelsOf({ workload, cancelAfterUs }: Drive): { us: number; row: number }[] {
  if (cancelAfterUs === undefined) return [];
  return [...workload.arrivalUs]
    .map((arrivalUs, row) => ({ us: arrivalUs + cancelAfterUs[row]!, row }))
    .filter(({ us }) => us < Infinity)
    .sort((a, b) => a.us - b.us || a.row - b.row);
}

interface Timer {
  readonly us: number;
  readonly row: number;
  readonly slot: number;
  readonly what: "loaded" | "released";
}

function driveConnector(
  elsewhere: Elsewhere,
  requests: RequestsInFlight,
  timers: Timer[],
  held: Set<number>,
  changes: string[],
  now: () => number,
): KvConnector {
  const at = (slot: number, afterUs: number, what: Timer["what"]): void => {
    timers.push({ us: now() + afterUs, row: requests.row[slot]!, slot, what });
    timers.sort((a, b) => a.us - b.us || a.row - b.row || (a.what < b.what ? -1 : 1));
  };
  const note = (what: string) => (segment: number, fromBlock: number, toBlock: number, atUs: number) => {
    for (let block = fromBlock; block < toBlock; block++) changes.push(`${what} ${segment}:${block} at ${atUs}`);
  };
  return {
    matchedTokens: (slot, computedTokens) => elsewhere.externalTokens(requests.row[slot]!, computedTokens),
    startLoad(slot, _fromTokens, _tokens, nowUs) {
      if (nowUs !== now()) throw new Error(`a load starts at ${nowUs}, it is ${now()}`);
      at(slot, elsewhere.loadUs(requests.row[slot]!), "loaded");
    },
    holdsBlocks(slot) {
      const holdUs = elsewhere.holdUs(requests.row[slot]!);
      if (holdUs === undefined) return false;
      held.add(slot);
      at(slot, holdUs, "released");
      return true;
    },
    blocks: { stored: note("stored"), evicted: note("evicted") },
  };
}
