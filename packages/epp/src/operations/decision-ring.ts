import type { DecisionRecord } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "../host/arrived-request.ts";
import type { Flight, FlightEnd, Refusal, Usage } from "../host/flight.ts";
import type { Observer } from "../host/observer.ts";

/** Explained decisions kept unless told otherwise. */
const KEPT = 200;
/** At most ten explained decisions a second: an explanation costs several times what a decision does. */
const BETWEEN_US = 100_000;
const US_PER_SECOND = 1e6;

/** Facts of a request, without content. */
export interface DecidedRequest {
  readonly id: string;
  readonly path: string;
  readonly model: string;
  readonly targetModel: string;
  readonly streaming: boolean;
  readonly priority: number;
  readonly fairnessId: string;
  readonly objective: string | undefined;
  readonly bodyBytes: number;
}

/** An explained decision and what came of it. */
export interface ExplainedDecision {
  readonly request: DecidedRequest;
  /** The same as the simulator's. */
  readonly record: DecisionRecord;
  readonly decidedAtUs: number;
  readonly decisionSeconds: number;
  /** Of a refusal. */
  readonly refusal?: { readonly status: number; readonly message: string };
  readonly response?: {
    readonly end: FlightEnd;
    readonly status: number | undefined;
    readonly served: string | undefined;
    readonly ttftSeconds: number | undefined;
    readonly durationSeconds: number;
    readonly usage: Usage | undefined;
  };
}

/**
 * The last decisions that were explained. Ten a second are chosen by time, so that what there is to look at costs little
 * and reaches back long enough; one can be asked for.
 */
export class DecisionRing implements Observer {
  readonly #entries: ExplainedDecision[] = [];
  readonly #indexes = new Map<DecisionRecord, number>();
  readonly #kept: number;
  #next = 0;
  #explainFromUs = Number.NEGATIVE_INFINITY;

  constructor(kept: number = KEPT) {
    this.#kept = kept;
  }

  /** Whether the next decision is to be explained; a yes counts. */
  wantsExplanation(nowUs: number): boolean {
    if (nowUs < this.#explainFromUs) return false;
    this.#explainFromUs = nowUs + BETWEEN_US;
    return true;
  }

  /** The next decision is explained, whenever it comes. */
  explainNext(): void {
    this.#explainFromUs = Number.NEGATIVE_INFINITY;
  }

  dispatched({ record, request, decidedAtUs, decisionUs }: Flight): void {
    if (record === undefined) return;
    const decisionSeconds = decisionUs / US_PER_SECOND;
    this.#keep({ request: factsOf(request), record, decidedAtUs, decisionSeconds });
  }

  refused({ record, request, decidedAtUs, decisionUs, status, message }: Refusal): void {
    if (record === undefined) return;
    const decisionSeconds = decisionUs / US_PER_SECOND;
    this.#keep({ request: factsOf(request), record, decidedAtUs, decisionSeconds, refusal: { status, message } });
  }

  responseEnded({ record, request, responseStartedAtUs, endedAtUs = 0, ...flight }: Flight): void {
    const index = record === undefined ? undefined : this.#indexes.get(record);
    if (index === undefined) return;
    const { end = "completed", status, served, usage } = flight;
    const since = (atUs: number): number => (atUs - request.receivedAtUs) / US_PER_SECOND;
    const ttftSeconds = responseStartedAtUs === undefined ? undefined : since(responseStartedAtUs);
    const response = { end, status, served, ttftSeconds, durationSeconds: since(endedAtUs), usage };
    this.#entries[index] = { ...this.#entries[index]!, response };
  }

  /** Newest first. */
  decisions(): ExplainedDecision[] {
    const { length } = this.#entries;
    return this.#entries.map((_, back) => this.#entries[(this.#next - 1 - back + 2 * length) % length]!);
  }

  /** The newest of a request; ids are the clients', and may come twice. */
  decisionOf(requestId: string): ExplainedDecision | undefined {
    return this.decisions().find(({ request }) => request.id === requestId);
  }

  #keep(entry: ExplainedDecision): void {
    const old = this.#entries[this.#next];
    if (old !== undefined) this.#indexes.delete(old.record);
    this.#entries[this.#next] = entry;
    this.#indexes.set(entry.record, this.#next);
    this.#next = (this.#next + 1) % this.#kept;
  }
}

/** A copy: the request itself holds on to its tokens and headers. */
function factsOf(request: ArrivedRequest): DecidedRequest {
  const { id, path, model, targetModel, streaming, priority, fairnessId, objective, bodyBytes } = request;
  return { id, path, model, targetModel, streaming, priority, fairnessId, objective, bodyBytes };
}
