import { type Decision, type HostEndpoint, Router } from "@windtunnel/router-policies";
import type { Engine, EngineListener } from "../engine/engine-listener.ts";
import { ItlRecorder } from "../engine/itl-histogram.ts";
import type { KvConnector } from "../engine/kv-connector.ts";
import { KvEventLog } from "../engine/kv-event-log.ts";
import { PlainReplica } from "../engine/plain-replica.ts";
import { wholePromptTokens } from "../engine/profile.ts";
import { PromptStreams } from "../engine/prompt-streams.ts";
import { type EngineParts, Replica } from "../engine/replica.ts";
import { RequestsInFlight } from "../engine/requests-in-flight.ts";
import { InvariantError } from "../errors.ts";
import { EventTree } from "../kernel/event-tree.ts";
import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import { eventKey, keyTimeUs, Phase } from "../kernel/phases.ts";
import { namedStream } from "../kernel/random.ts";
import { SharedLinks } from "../network/shared-links.ts";
import { firstMatch } from "../tiers/first-match.ts";
import { KvTiers } from "../tiers/kv-tiers.ts";
import { Arrivals } from "./arrivals.ts";
import { Disaggregation, emptyDisaggregationColumns, type LegHost } from "./disaggregation.ts";
import type { DisaggregationInput } from "./disaggregation-input.ts";
import { type EncodeHost, EncodeStage, emptyEncodeColumns } from "./encode-stage.ts";
import { Gateway } from "./gateway.ts";
import type { PoolInput, SimulationControl, SimulationInput } from "./input.ts";
import { ItemRows, promptsWithItems } from "./item-rows.ts";
import { KvEventFeed } from "./kv-event-feed.ts";
import { checkLaws } from "./laws.ts";
import { bothLegs, type Legs } from "./legs.ts";
import { LockstepFleet } from "./lockstep-fleet.ts";
import { LoraFleet } from "./lora-fleet.ts";
import { Patience } from "./patience.ts";
import { ReplicaTotals } from "./replica-totals.ts";
import { emptyColumns, type FilledColumns } from "./request-columns.ts";
import { Outcome, type ReplicaSummary, type SimulationResult } from "./result.ts";
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
  readonly maxPromptTokens: number;
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
  readonly #columns: FilledColumns;
  /** Where KV blocks may go somewhere. */
  readonly #links: SharedLinks | undefined;
  readonly #disaggregation: Disaggregation | undefined;
  /** Where prompts have images, audio or video. */
  readonly #items: ItemRows | undefined;
  readonly #encode: EncodeStage | undefined;
  readonly #tiers: KvTiers | undefined;
  readonly #lora: LoraFleet | undefined;
  readonly #patience: Patience | undefined;
  readonly #gateway: Gateway | undefined;
  /** Where replicas are ranks that step together. */
  readonly #lockstep: LockstepFleet | undefined;
  /** By row, the slot of a request that its serving engine has, for clients that go; -1 for none. */
  #slotOf = new Int32Array(0);
  readonly #tellStarted: boolean;
  readonly #tellEnded: boolean;
  readonly #totals: ReplicaTotals;
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
    this.#totals = new ReplicaTotals(input);
    if (input.gateway !== undefined) this.#gateway = new Gateway(input.gateway);
    if (input.patience !== undefined) {
      this.#patience = new Patience(input.patience, input.seed);
      this.#slotOf = new Int32Array(input.workload.count).fill(-1);
    }
    const { items } = input.workload;
    if (items !== undefined) {
      this.#items = new ItemRows(items, this.#requests);
      this.#columns.items = Int32Array.from(
        this.#columns.outcome,
        (_, row) => items.offsets[row + 1]! - items.offsets[row]!,
      );
    }
    const streams = new PromptStreams(promptsWithItems(input.workload));
    const tiered = input.pools.some(({ kvTiers }) => kvTiers !== undefined);
    if (tiered || input.disaggregation !== undefined) {
      const links = new SharedLinks(input.network?.links ?? []);
      this.#links = links;
      if (input.disaggregation !== undefined)
        this.#disaggregation = this.#newDisaggregation(input.disaggregation, links);
      if (input.disaggregation !== undefined && this.#items !== undefined)
        this.#encode = this.#newEncodeStage(input.disaggregation, this.#items, links);
      if (tiered) this.#tiers = this.#newTiers(streams, links);
    }
    if (input.pools.some(({ lora }) => lora !== undefined)) this.#lora = this.#newLora(input);
    if (input.pools.some(({ lockstepRanks }) => lockstepRanks !== undefined)) this.#lockstep = new LockstepFleet();
    for (const pool of input.pools) {
      for (let index = 0; index < pool.replicas; index++) this.#addReplica(pool, index, streams, needs.kvEvents);
    }
    this.#tree = new EventTree(this.#engines.length);
    const names = this.#members.map(({ endpoint }) => endpoint.name);
    const sheddable = input.workload.classes?.some(({ priority }) => priority < 0) ?? false;
    if (needs.metrics || (sheddable && needs.metricsForSheddable)) {
      const metrics = this.#members.map(({ endpoint }) => endpoint.metrics);
      this.#scraper = new Scraper(this.#engines, metrics, names, input.scrapeIntervalUs, this.#shownAdapters());
    }
    if (needs.kvEvents) this.#kvEvents = new KvEventFeed(this.#router, this.#members, this.#tiers?.chains);
    if (input.seriesIntervalUs !== undefined) this.#series = new SeriesRecorder(this.#engines, input.seriesIntervalUs);
  }

  #addReplica(pool: PoolInput, index: number, streams: PromptStreams, kvEvents: boolean): void {
    const number = this.#members.length;
    const log = new KvEventLog(kvEvents, this.#input.kvEventDelayUs);
    const parts: EngineParts = {
      profile: pool.profile,
      stepTime: pool.stepTime,
      numGpuBlocks: pool.numGpuBlocks,
      requests: this.#requests,
      streams,
      listener: this.#listenerOf(number),
      log,
      itl: this.#itl,
      connector: this.#connectorOf(number),
      lora: this.#lora?.parts(number, pool) ?? null,
      encoder: pool.encoder,
      items: this.#items ?? null,
      lockstep: pool.lockstepRanks !== undefined,
      aborted: (slot) => {
        this.#lora?.left(number, slot);
        if (this.#encode?.forgets(slot) === true) return;
        this.#tiers?.left(slot);
        if (this.#disaggregation?.forgetsPrefill(slot) !== true) this.#requests.release(slot);
      },
    };
    const own = this.#input.path === "plain" ? new PlainReplica(parts) : new Replica(parts);
    const engine = this.#lockstep?.add(own, pool, index) ?? own;
    const endpoint = this.#router.addEndpoint({
      name: `${pool.name}-${index}`,
      namespace: "default",
      address: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}:8000`,
      labels: pool.replicaLabels?.[index] ?? pool.labels,
    });
    const capacityTokens = (pool.numGpuBlocks - 1) * pool.profile.blockSizeTokens;
    const maxTokens = pool.encoderOnly === true ? 0 : Math.min(pool.profile.maxModelLenTokens, capacityTokens);
    const { requestOverheadUs } = pool.profile;
    const maxPromptTokens = Math.min(maxTokens - 1, wholePromptTokens(pool.profile));
    this.#members.push({ engine, pool, endpoint, log, maxTokens, maxPromptTokens, requestOverheadUs });
    this.#engines.push(engine);
  }

  #listenerOf(replica: number): EngineListener {
    const remote = this.#disaggregation?.listener(replica) ?? this;
    const tiered = this.#tiers?.listener(replica, remote) ?? remote;
    const listener = this.#encode?.listener(replica, tiered) ?? tiered;
    return this.#lora?.listener(replica, listener) ?? listener;
  }

  #newLora({ workload, pools }: SimulationInput): LoraFleet {
    const simulation = this;
    const lora = new LoraFleet(workload, pools, {
      requests: this.#requests,
      columns: this.#columns,
      get nowUs() {
        return simulation.#nowUs;
      },
    });
    this.#columns.lora = lora.columns;
    return lora;
  }

  /** vLLM exports nothing of adapters before the output of its first step. */
  #shownAdapters() {
    const lora = this.#lora;
    if (lora === undefined) return undefined;
    return (replica: number) => (this.#engines[replica]!.counters.steps === 0 ? undefined : lora.shown(replica));
  }

  #connectorOf(replica: number): KvConnector | null {
    const connectors = [this.#disaggregation?.connector(), this.#tiers?.connector(replica)];
    return firstMatch(connectors.filter((connector) => connector != null));
  }

  #newTiers(streams: PromptStreams, links: SharedLinks): KvTiers {
    const simulation = this;
    const { pools, network, places, kvEventDelayUs, workload } = this.#input;
    const host = {
      requests: this.#requests,
      streams,
      get nowUs() {
        return simulation.#nowUs;
      },
      count: workload.count,
      loaded: (replica: number, slot: number) => {
        const engine = this.#engines[replica]!;
        engine.loaded(slot, this.#nowUs);
        this.#tree.set(replica, engine.nextKey);
      },
    };
    const kvEvents = this.#router.needs.kvEvents;
    const tiers = new KvTiers(pools, host, { network, places, kvEvents, kvEventDelayUs }, links);
    this.#columns.tiers = tiers.columns;
    return tiers;
  }

  run(): SimulationResult {
    const tree = this.#tree;
    const engines = this.#engines;
    const series = this.#series;
    const scraper = this.#scraper;
    const arrivals = this.#arrivals;
    const legs: Legs | undefined = this.#encode ? bothLegs(this.#disaggregation!, this.#encode) : this.#disaggregation;
    const links = this.#links;
    const patience = this.#patience;
    const lockstep = this.#lockstep;
    const writesBack = this.#tiers?.writesBack === true;
    const reacts = arrivals.reactsAtOnce || legs?.actsAtOnce === true;
    let events = 0;
    let checkAt = EVENTS_PER_CHECK;
    let stopped = false;
    for (;;) {
      const engineKey = tree.firstKey;
      const arrivalUs = arrivals.nextUs;
      const arrivalKey = eventKey(arrivalUs, Phase.arrival);
      const legKey = legs === undefined ? Infinity : legs.nextKey;
      const transferKey = links === undefined ? Infinity : eventKey(links.nextEndUs, Phase.transferEnd);
      const clientKey = patience === undefined ? Infinity : eventKey(patience.nextUs, Phase.leg);
      const carriedKey = legKey < transferKey ? legKey : transferKey;
      const flowKey = carriedKey <= clientKey ? carriedKey : clientKey;
      if (flowKey < engineKey && flowKey < arrivalKey) {
        const nowUs = keyTimeUs(flowKey);
        if (clientKey < carriedKey) {
          const row = patience!.take();
          // Most have their answers by then.
          if (this.#columns.outcome[row] === Outcome.unfinished) this.#clientGone(row, nowUs, patience!);
          continue;
        }
        series?.sampleUntil(nowUs);
        this.#nowUs = nowUs;
        if (legKey < transferKey) legs!.run();
        else links!.run(nowUs);
      } else if (engineKey < arrivalKey) {
        const member = tree.first;
        const nowUs = keyTimeUs(engineKey);
        series?.sampleUntil(nowUs);
        scraper?.keep(member, nowUs);
        this.#nowUs = nowUs;
        const engine = engines[member]!;
        // Unless an end can cause an arrival at once, only one that is due can come between this step and the next.
        engine.run(!reacts && arrivalUs > nowUs && flowKey > eventKey(nowUs, Phase.stepStart));
        if (writesBack) this.#tiers!.writeBack(member);
        tree.set(member, engine.nextKey);
        if (lockstep !== undefined) lockstep.ran(member, engines, tree);
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
    if (this.#gateway?.arrived() === false) {
      this.#columns.outcome[row] = Outcome.overflowed;
      this.#leave(row);
      return;
    }
    this.#scraper?.refresh(nowUs);
    this.#kvEvents?.refresh(nowUs);
    this.#request.row = row;
    this.#patience?.arrived(row, nowUs);
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
    const { maxTokens, maxPromptTokens } = member;
    const promptTokens = workload.promptTokens[row]!;
    const columns = this.#columns;
    columns.replica[row] = index;
    if (promptTokens > maxPromptTokens) {
      this.#refuse(row, ticket);
      return;
    }
    columns.outputTokens[row] = Math.min(workload.outputTokens[row]!, maxTokens - promptTokens);
    const { legs } = decision;
    const prefill = legs?.prefill === undefined || legs.prefill.slot === index ? -1 : legs.prefill.slot;
    if (legs?.encode !== undefined && this.#request.hasMultimodal) this.#encodeFirst(row, legs.encode, prefill, ticket);
    else this.#serve(row, ticket, prefill);
  }

  /** @param prefillReplica where its prompt is computed, -1 for where it is decoded */
  #serve(row: number, ticket: number, prefillReplica: number): void {
    if (prefillReplica < 0) this.#enqueue(row, this.#columns.replica[row]!, ticket);
    else this.#disaggregate(row, prefillReplica, ticket);
  }

  #encodeFirst(row: number, replicas: readonly HostEndpoint[], prefillReplica: number, ticket: number): void {
    if (this.#encode === undefined) {
      throw new InvariantError("items are to be encoded elsewhere, and the simulation has no disaggregation");
    }
    const fits = replicas.every(({ slot }) => this.#encodeFits(row, this.#members[slot]!));
    if (fits) this.#encode.dispatch(row, replicas, prefillReplica, this.#columns.replica[row]!, ticket);
    else this.#refuse(row, ticket);
  }

  /** Whether the replica has room for each of the row's items, and for the token that it samples after it. */
  #encodeFits(row: number, { engine, pool }: Member): boolean {
    const { offsets, tokens } = this.#input.workload.items!;
    const most = Math.min(engine.totalBlocks * engine.blockSizeTokens - 1, wholePromptTokens(pool.profile));
    return tokens.subarray(offsets[row], offsets[row + 1]).every((length) => length <= most);
  }

  #newEncodeStage(given: DisaggregationInput, items: ItemRows, links: SharedLinks): EncodeStage {
    const columns = emptyEncodeColumns(this.#input.workload.count);
    this.#columns.encode = columns;
    const legHost = this.#legHost();
    const host: EncodeHost = Object.assign(legHost, {
      itemEncoded: (replica: number) => {
        this.#totals.encoded![replica]!++;
      },
      encoded: (row: number, ticket: number, prefillReplica: number) => this.#serve(row, ticket, prefillReplica),
    });
    return new EncodeStage(given, host, items, columns, this.#input, links);
  }

  /** A request that one pod serves, or the part of it that its decode pod does. */
  #enqueue(row: number, index: number, ticket: number): void {
    const { workload } = this.#input;
    const requests = this.#requests;
    const { engine, requestOverheadUs } = this.#members[index]!;
    const slot = requests.allocate(row, workload.promptTokens[row]!, this.#columns.outputTokens[row]!);
    requests.ticket[slot] = ticket;
    if (this.#patience !== undefined) this.#slotOf[row] = slot;
    requests.priority[slot] = workload.classes === undefined ? 0 : this.#priorityOf(row);
    requests.readyUs[slot] = this.#nowUs + requestOverheadUs;
    this.#tiers?.enqueued(index, slot);
    engine.enqueue(slot);
    this.#tree.set(index, engine.nextKey);
  }

  /** Lower runs first in an engine, higher in the router. */
  #priorityOf(row: number): number {
    const { classes, classOf } = this.#input.workload;
    return classes === undefined || classOf === undefined ? 0 : 0 - classes[classOf[row]!]!.priority;
  }

  /** The request has ended for its client and its router; its engine lets it go at the end of the step in progress. */
  #clientGone(row: number, nowUs: number, patience: Patience): void {
    this.#series?.sampleUntil(nowUs);
    this.#nowUs = nowUs;
    this.#columns.outcome[row] = patience.reasonOf(row);
    const slot = this.#slotOf[row]!;
    const cancelled = this.#encode?.cancel(row) ?? this.#disaggregation?.cancel(row);
    if (this.#tellEnded) this.#router.responseEnded(cancelled ?? this.#requests.ticket[slot]!, nowUs);
    if (slot >= 0) {
      const index = this.#columns.replica[row]!;
      const engine = this.#engines[index]!;
      engine.abort(slot, nowUs);
      this.#tree.set(index, engine.nextKey);
    }
    this.#leave(row);
  }

  #disaggregate(row: number, prefillReplica: number, ticket: number): void {
    if (this.#disaggregation === undefined) {
      throw new InvariantError("a request is to be prefilled elsewhere, and the simulation has no disaggregation");
    }
    // One more token has room too: the prefill pod samples it.
    if (this.#input.workload.promptTokens[row]! <= this.#members[prefillReplica]!.maxPromptTokens) {
      this.#disaggregation.dispatch(row, prefillReplica, ticket);
      return;
    }
    this.#refuse(row, ticket);
  }

  /** Its prompt, or an item of it, is longer than a pod takes. */
  #refuse(row: number, ticket: number): void {
    this.#columns.outcome[row] = Outcome.refusedTooLong;
    this.#columns.outputTokens[row] = 0;
    if (this.#tellEnded) this.#router.responseEnded(ticket, this.#nowUs);
    this.#leave(row);
  }

  #newDisaggregation(given: DisaggregationInput, links: SharedLinks): Disaggregation {
    const input = this.#input;
    const columns = emptyDisaggregationColumns(input.workload.count);
    this.#columns.disaggregation = columns;
    return new Disaggregation(given, this.#legHost(), columns, input, links);
  }

  #legHost(): LegHost {
    const simulation = this;
    const change = (replica: number, what: (engine: Engine) => void): void => {
      const engine = this.#engines[replica]!;
      what(engine);
      this.#tree.set(replica, engine.nextKey);
    };
    return {
      requests: this.#requests,
      columns: this.#columns,
      listener: this,
      seed: this.#input.seed,
      get nowUs() {
        return simulation.#nowUs;
      },
      priorityOf: (row) => this.#priorityOf(row),
      requestOverheadUs: (replica) => this.#members[replica]!.requestOverheadUs,
      enqueue: (replica, slot) => change(replica, (engine) => engine.enqueue(slot)),
      loaded: (replica, slot) => change(replica, (engine) => engine.loaded(slot, this.#nowUs)),
      releaseHeld: (replica, slot) => {
        this.#scraper?.keep(replica, this.#nowUs);
        change(replica, (engine) => engine.releaseHeld(slot, this.#nowUs));
      },
      promptFinished: (replica) => {
        this.#totals.prefilled![replica]!++;
      },
      loadFailed: (replica, slot, tokens) => change(replica, (engine) => engine.loadFailed(slot, tokens, this.#nowUs)),
      abort: (replica, slot) => change(replica, (engine) => engine.abort(slot, this.#nowUs)),
      reconsider: (replica) => change(replica, (engine) => engine.reconsider(this.#nowUs)),
      promptScheduled: (replica, row, cachedTokens) => this.#promptScheduled(replica, row, cachedTokens),
      enqueueDecode: (row, ticket) => this.#enqueue(row, this.#columns.replica[row]!, ticket),
    };
  }

  #leave(row: number): void {
    this.#ended++;
    this.#gateway?.left();
    if (this.#arrivals.reactsToEnds) this.#arrivals.ended(row, this.#nowUs);
  }

  scheduled(slot: number, cachedTokens: number): void {
    const row = this.#requests.row[slot]!;
    const columns = this.#columns;
    if (Number.isNaN(columns.scheduledUs[row]!)) this.#promptScheduled(columns.replica[row]!, row, cachedTokens);
  }

  #promptScheduled(replica: number, row: number, cachedTokens: number): void {
    const columns = this.#columns;
    columns.scheduledUs[row] = this.#nowUs;
    this.#totals.promptTokens[replica]! += columns.promptTokens[row]!;
    if (cachedTokens === 0) return;
    columns.cachedTokens[row] = cachedTokens;
    this.#totals.cachedTokens[replica]! += cachedTokens;
  }

  firstToken(slot: number): void {
    const nowUs = this.#nowUs;
    const row = this.#requests.row[slot]!;
    if (this.#columns.outcome[row] !== Outcome.unfinished) return;
    this.#columns.firstTokenUs[row] = nowUs;
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
    if (columns.outcome[row] !== Outcome.unfinished) {
      // Its client went during its last step.
      requests.release(slot);
      return;
    }
    columns.finishUs[row] = nowUs;
    columns.outcome[row] = Outcome.completed;
    this.#totals.completed[columns.replica[row]!]!++;
    if (this.#tellEnded) this.#router.responseEnded(requests.ticket[slot]!, nowUs);
    requests.release(slot);
    this.#leave(row);
  }

  #summarise({ engine, endpoint, pool }: Member, index: number): ReplicaSummary {
    const named = { name: endpoint.name, pool: pool.name };
    return this.#totals.summary(index, named, engine, this.#lora?.loadsOf(index));
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
      ...(this.#tiers === undefined ? {} : { kvTiers: this.#tiers.results() }),
      ...(this.#links === undefined ? {} : { links: this.#links.summaries(this.#nowUs) }),
      ...(series === undefined ? {} : { series }),
      endUs: this.#nowUs + 0,
      events,
      stopped,
    };
  }
}
