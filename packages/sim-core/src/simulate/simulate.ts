import { type Decision, type HostEndpoint, Router } from "@windtunnel/router-policies";
import type { Engine, EngineListener } from "../engine/engine-listener.ts";
import { ItlRecorder } from "../engine/itl-histogram.ts";
import { KvEventLog } from "../engine/kv-event-log.ts";
import { PlainReplica } from "../engine/plain-replica.ts";
import { PromptStreams } from "../engine/prompt-streams.ts";
import { type EngineParts, Replica } from "../engine/replica.ts";
import { RequestsInFlight } from "../engine/requests-in-flight.ts";
import { EventTree } from "../kernel/event-tree.ts";
import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import { eventKey, keyTimeUs, Phase } from "../kernel/phases.ts";
import { namedStream } from "../kernel/random.ts";
import { Arrivals } from "./arrivals.ts";
import type { PoolInput, SimulationControl, SimulationInput } from "./input.ts";
import { KvEventFeed } from "./kv-event-feed.ts";
import { checkLaws } from "./laws.ts";
import { Outcome, type ReplicaSummary, type RequestColumns, type SimulationResult } from "./result.ts";
import { Scraper } from "./scraper.ts";
import { SeriesRecorder } from "./series-recorder.ts";
import { SimulatedRequest } from "./simulated-request.ts";

/** Events between two looks at `shouldStop`. */
const EVENTS_PER_CHECK = 8192;

/**
 * Runs the workload through the fleet: the simulator's host of the router.
 *
 * @throws PolicyError when the configuration names a plugin that the router cannot run
 */
export function simulate(input: SimulationInput, control: SimulationControl = {}): SimulationResult {
  const result = new Simulation(input, control).run();
  checkLaws(input, result);
  return result;
}

interface Member {
  readonly engine: Engine;
  readonly pool: PoolInput;
  readonly endpoint: HostEndpoint;
  readonly log: KvEventLog;
  /** Longest prompt and output together: what the model takes, or all KV blocks of the replica hold. */
  readonly maxTokens: number;
  readonly requestOverheadUs: number;
}

class Simulation implements EngineListener {
  readonly #input: SimulationInput;
  readonly #control: SimulationControl;
  readonly #router: Router;
  readonly #requests = new RequestsInFlight();
  readonly #request: SimulatedRequest;
  readonly #arrivals: Arrivals;
  readonly #members: Member[] = [];
  readonly #engines: Engine[] = [];
  readonly #tree: EventTree;
  readonly #scraper: Scraper | undefined;
  readonly #kvEvents: KvEventFeed | undefined;
  readonly #series: SeriesRecorder | undefined;
  readonly #itl = new ItlRecorder();
  readonly #columns: ReturnType<typeof emptyColumns>;
  readonly #tellStarted: boolean;
  readonly #tellEnded: boolean;
  /** By replica: requests completed, and the prompt tokens of those admitted, in all and found cached. */
  readonly #completed: Float64Array;
  readonly #promptTokens: Float64Array;
  readonly #cachedTokens: Float64Array;
  #ended = 0;
  #nowUs = FLOAT_ZERO;

  constructor(input: SimulationInput, control: SimulationControl) {
    this.#input = input;
    this.#control = control;
    this.#router = new Router(input.router, {
      random: (stream) => namedStream(input.seed, `router/${stream}`),
      outOfRange: "throw",
    });
    const { needs } = this.#router;
    this.#tellStarted = needs.responseStarted;
    this.#tellEnded = needs.responseEnded;
    this.#request = new SimulatedRequest(input.workload, input.modelName);
    this.#arrivals = new Arrivals(input.workload);
    this.#columns = emptyColumns(input, this.#arrivals.reactsToEnds);
    const streams = new PromptStreams(input.workload);
    for (const pool of input.pools) {
      for (let index = 0; index < pool.replicas; index++) this.#addReplica(pool, index, streams, needs.kvEvents);
    }
    this.#tree = new EventTree(this.#engines.length);
    this.#completed = new Float64Array(this.#engines.length);
    this.#promptTokens = new Float64Array(this.#engines.length);
    this.#cachedTokens = new Float64Array(this.#engines.length);
    const names = this.#members.map(({ endpoint }) => endpoint.name);
    const sheddable = input.workload.classes?.some(({ priority }) => priority < 0) ?? false;
    if (needs.metrics || (sheddable && needs.metricsForSheddable)) {
      const metrics = this.#members.map(({ endpoint }) => endpoint.metrics);
      this.#scraper = new Scraper(this.#engines, metrics, names, input.scrapeIntervalUs);
    }
    if (needs.kvEvents) this.#kvEvents = new KvEventFeed(this.#router, this.#members);
    if (input.seriesIntervalUs !== undefined) this.#series = new SeriesRecorder(this.#engines, input.seriesIntervalUs);
  }

  #addReplica(pool: PoolInput, index: number, streams: PromptStreams, kvEvents: boolean): void {
    const log = new KvEventLog(kvEvents, this.#input.kvEventDelayUs);
    const parts: EngineParts = {
      profile: pool.profile,
      stepTime: pool.stepTime,
      numGpuBlocks: pool.numGpuBlocks,
      requests: this.#requests,
      streams,
      listener: this,
      log,
      itl: this.#itl,
    };
    const engine = this.#input.path === "plain" ? new PlainReplica(parts) : new Replica(parts);
    const number = this.#members.length;
    const endpoint = this.#router.addEndpoint({
      name: `${pool.name}-${index}`,
      namespace: "default",
      address: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}:8000`,
      labels: pool.replicaLabels?.[index] ?? pool.labels,
    });
    const capacityTokens = (pool.numGpuBlocks - 1) * pool.profile.blockSizeTokens;
    const maxTokens = Math.min(pool.profile.maxModelLenTokens, capacityTokens);
    const { requestOverheadUs } = pool.profile;
    this.#members.push({ engine, pool, endpoint, log, maxTokens, requestOverheadUs });
    this.#engines.push(engine);
  }

  run(): SimulationResult {
    const tree = this.#tree;
    const engines = this.#engines;
    const series = this.#series;
    const scraper = this.#scraper;
    const arrivals = this.#arrivals;
    const reacts = arrivals.reactsAtOnce;
    let events = 0;
    let checkAt = EVENTS_PER_CHECK;
    let stopped = false;
    for (;;) {
      const engineKey = tree.firstKey;
      const arrivalUs = arrivals.nextUs;
      const arrivalKey = eventKey(arrivalUs, Phase.arrival);
      if (engineKey < arrivalKey) {
        const member = tree.first;
        const nowUs = keyTimeUs(engineKey);
        series?.sampleUntil(nowUs);
        scraper?.keep(member, nowUs);
        this.#nowUs = nowUs;
        const engine = engines[member]!;
        // Unless an end can cause an arrival at once, only one that is due can come between this step and the next.
        engine.run(!reacts && arrivalUs > nowUs);
        tree.set(member, engine.nextKey);
      } else if (arrivalUs === Infinity) {
        break;
      } else {
        series?.sampleUntil(arrivalUs);
        this.#nowUs = arrivalUs;
        const row = arrivals.nextRow;
        arrivals.take();
        this.#arrive(row);
      }
      if (++events === checkAt) {
        checkAt += EVENTS_PER_CHECK;
        const { onProgress, shouldStop } = this.#control;
        onProgress?.({ nowUs: this.#nowUs, ended: this.#ended, total: this.#input.workload.count });
        if (shouldStop?.()) {
          stopped = true;
          break;
        }
      }
    }
    return this.#result(events, stopped);
  }

  #arrive(row: number): void {
    const nowUs = this.#nowUs;
    if (this.#arrivals.reactsToEnds) this.#columns.arrivalUs[row] = nowUs;
    this.#scraper?.refresh(nowUs);
    this.#kvEvents?.refresh(nowUs);
    this.#request.row = row;
    const record = this.#input.recordDecision?.(row) ?? false;
    const decision = this.#router.requestArrived(this.#request, nowUs, record);
    if (record && decision.kind !== "queued" && decision.record !== undefined) {
      this.#control.onDecision?.(row, decision.record);
    }
    this.#act(row, decision);
  }

  #act(row: number, decision: Decision): void {
    if (decision.kind !== "dispatched") {
      this.#columns.outcome[row] = Outcome.rejected;
      this.#leave(row);
      return;
    }
    const { ticket } = decision;
    const index = decision.targets[0]!.slot;
    const member = this.#members[index]!;
    const { workload } = this.#input;
    const { maxTokens } = member;
    const promptTokens = workload.promptTokens[row]!;
    const columns = this.#columns;
    columns.replica[row] = index;
    if (promptTokens >= maxTokens) {
      columns.outcome[row] = Outcome.refusedTooLong;
      if (this.#tellEnded) this.#router.responseEnded(ticket, this.#nowUs);
      this.#leave(row);
      return;
    }
    const outputTokens = Math.min(workload.outputTokens[row]!, maxTokens - promptTokens);
    columns.outputTokens[row] = outputTokens;
    const requests = this.#requests;
    const slot = requests.allocate(row, promptTokens, outputTokens);
    requests.ticket[slot] = ticket;
    requests.priority[slot] = workload.classes === undefined ? 0 : -this.#request.priority;
    requests.readyUs[slot] = this.#nowUs + member.requestOverheadUs;
    const { engine } = member;
    engine.enqueue(slot);
    this.#tree.set(index, engine.nextKey);
  }

  #leave(row: number): void {
    this.#ended++;
    if (this.#arrivals.reactsToEnds) this.#arrivals.ended(row, this.#nowUs);
  }

  scheduled(slot: number, cachedTokens: number): void {
    const requests = this.#requests;
    const columns = this.#columns;
    const row = requests.row[slot]!;
    if (!Number.isNaN(columns.scheduledUs[row]!)) return;
    columns.scheduledUs[row] = this.#nowUs;
    const replica = columns.replica[row]!;
    this.#promptTokens[replica]! += requests.promptTokens[slot]!;
    if (cachedTokens === 0) return;
    columns.cachedTokens[row] = cachedTokens;
    this.#cachedTokens[replica]! += cachedTokens;
  }

  firstToken(slot: number): void {
    const nowUs = this.#nowUs;
    this.#columns.firstTokenUs[this.#requests.row[slot]!] = nowUs;
    if (this.#tellStarted) this.#router.responseStarted(this.#requests.ticket[slot]!, nowUs);
  }

  preempted(slot: number): void {
    this.#columns.preemptions[this.#requests.row[slot]!]!++;
  }

  finished(slot: number): void {
    const nowUs = this.#nowUs;
    const requests = this.#requests;
    const columns = this.#columns;
    const row = requests.row[slot]!;
    columns.finishUs[row] = nowUs;
    columns.outcome[row] = Outcome.completed;
    this.#completed[columns.replica[row]!]!++;
    if (this.#tellEnded) this.#router.responseEnded(requests.ticket[slot]!, nowUs);
    requests.release(slot);
    this.#leave(row);
  }

  #summarise({ engine, endpoint, pool }: Member, index: number): ReplicaSummary {
    const { counters, evictedBlocks, totalBlocks } = engine;
    return {
      name: endpoint.name,
      pool: pool.name,
      steps: counters.steps,
      busyUs: counters.busyUs + 0,
      completed: this.#completed[index]!,
      prefillTokens: counters.prefillTokens,
      decodeTokens: counters.decodeTokens,
      promptTokens: this.#promptTokens[index]!,
      cachedTokens: this.#cachedTokens[index]!,
      preemptions: counters.preemptions,
      evictedBlocks,
      peakRunning: counters.peakRunning,
      peakWaiting: counters.peakWaiting,
      peakKvUsageFraction: 1 - counters.leastFreeBlocks / totalBlocks,
    };
  }

  /** When each row arrived. Rows that wait for nothing arrive when the workload says, unless the run was stopped first. */
  #arrivalsOf(stopped: boolean): Float64Array {
    const { arrivalUs } = this.#columns;
    const next = this.#arrivals.nextRow;
    if (!stopped || this.#arrivals.reactsToEnds || next < 0) return arrivalUs;
    return arrivalUs.slice().fill(NaN, next);
  }

  #result(events: number, stopped: boolean): SimulationResult {
    const series = this.#series?.result();
    return {
      requests: { ...this.#columns, arrivalUs: this.#arrivalsOf(stopped) },
      replicas: this.#members.map((member, index) => this.#summarise(member, index)),
      itl: { counts: this.#itl.counts, bucketLowUs: ItlRecorder.bucketLowUs },
      ...(series === undefined ? {} : { series }),
      endUs: this.#nowUs + 0,
      events,
      stopped,
    };
  }
}

function emptyColumns({ workload }: SimulationInput, reactsToEnds: boolean): RequestColumns {
  const { count } = workload;
  return {
    count,
    promptTokens: workload.promptTokens,
    outputTokens: new Int32Array(count),
    arrivalUs: reactsToEnds ? new Float64Array(count).fill(NaN) : workload.arrivalUs,
    scheduledUs: new Float64Array(count).fill(NaN),
    firstTokenUs: new Float64Array(count).fill(NaN),
    finishUs: new Float64Array(count).fill(NaN),
    replica: new Int32Array(count).fill(-1),
    cachedTokens: new Int32Array(count),
    preemptions: new Uint16Array(count),
    outcome: new Uint8Array(count),
  };
}
