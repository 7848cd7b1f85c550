import type { Engine, EngineGauges, EngineListener } from "../../src/engine/engine-listener.ts";
import { ItlRecorder } from "../../src/engine/itl-histogram.ts";
import { KvEventLog } from "../../src/engine/kv-event-log.ts";
import { PlainReplica } from "../../src/engine/plain-replica.ts";
import type { EngineProfile } from "../../src/engine/profile.ts";
import { PromptStreams } from "../../src/engine/prompt-streams.ts";
import { Replica } from "../../src/engine/replica.ts";
import { RequestsInFlight } from "../../src/engine/requests-in-flight.ts";
import type { StepTimeModel } from "../../src/engine/step-time-model.ts";
import { eventKey, keyTimeUs, Phase } from "../../src/kernel/phases.ts";
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
  const listener: EngineListener = {
    scheduled: (slot, cached) => timeline.push(["scheduled", row(slot), nowUs, cached]),
    firstToken: (slot) => timeline.push(["first", row(slot), nowUs]),
    preempted: (slot) => timeline.push(["preempted", row(slot), nowUs]),
    finished: (slot) => {
      timeline.push(["finished", row(slot), nowUs]);
      requests.release(slot);
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
    const key = Math.min(engine.nextKey, eventKey(arrivalUs, Phase.arrival), eventKey(lookUs, Phase.scrape));
    if (key === Infinity) break;
    nowUs = keyTimeUs(key);
    if (key === engine.nextKey) {
      engine.run(arrivalUs > nowUs && lookUs > nowUs);
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
    engine,
  };
}
