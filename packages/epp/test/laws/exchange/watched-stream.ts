import { expect } from "vitest";
import type { Exchange } from "../../../src/exchange/exchange.ts";
import type { ProcessingRequest, ProcessingResponse } from "../../../src/wire/ext-proc.ts";
import type { ExchangeRig } from "../../contract/exchange/exchange-rig.ts";
import type { Script } from "./gateway-moves.ts";

const DESTINATION = "x-gateway-destination-endpoint";
const MAX_CHUNK_BYTES = 62_000;
/** Phases in the only order that they may come in. */
const REQUEST_ORDER = ["requestHeaders", "requestBody", "requestTrailers"] as const;
const RESPONSE_ORDER = ["responseHeaders", "responseBody", "responseTrailers"] as const;

/** One stream; whatever comes back is held to the laws at once. */
export class WatchedStream {
  readonly script: Script;
  /** Whether only messages in order have been sent. */
  inOrder = true;
  destination: string | undefined;
  readonly requestChunks: Buffer[] = [];
  requestEnded = false;
  refused = false;
  ended: "clean" | "failed" | undefined;
  readonly #rig: ExchangeRig;
  readonly #exchange: Exchange;
  #next = 0;
  #last: ProcessingRequest | undefined;
  #requestPhase = -1;
  #responsePhase = -1;
  #closed = false;

  constructor(rig: ExchangeRig, script: Script) {
    this.#rig = rig;
    this.script = script;
    this.#exchange = rig.open({
      send: (response) => this.#received(response),
      end: () => this.#over("clean"),
      fail: () => this.#over("failed"),
    });
  }

  next(): void {
    const message = this.script.messages[this.#next++];
    if (message === undefined) return;
    this.send(message);
  }

  again(): void {
    if (this.#last !== undefined) this.rogue(this.#last);
  }

  rogue(message: ProcessingRequest): void {
    this.inOrder = false;
    this.send(message);
  }

  /** The server tells the exchange twice: of the half-close, then of the end. */
  close(): void {
    this.#closed = true;
    this.#exchange.closed();
    this.#exchange.closed();
  }

  send(message: ProcessingRequest): void {
    this.#last = message;
    this.#exchange.message(message);
  }

  #over(how: "clean" | "failed"): void {
    expect(this.ended, "a stream ends once").toBeUndefined();
    this.ended = how;
  }

  #received(response: ProcessingResponse): void {
    expect(this.ended, "nothing follows the end").toBeUndefined();
    expect(this.#closed, "nothing is said on a stream that is gone").toBe(false);
    expect(this.refused, "nothing follows an immediate response").toBe(false);
    if (response.immediateResponse !== undefined) {
      this.refused = true;
      return;
    }
    this.#requestPhase = this.#inPhase(response, REQUEST_ORDER, this.#requestPhase);
    this.#responsePhase = this.#inPhase(response, RESPONSE_ORDER, this.#responsePhase);
    if (response.requestHeaders !== undefined) this.#announced(response);
    const streamed = (response.requestBody ?? response.responseBody)?.response.bodyMutation?.streamedResponse;
    if (streamed === undefined) return;
    expect(streamed.body.length).toBeLessThanOrEqual(MAX_CHUNK_BYTES);
    if (response.requestBody === undefined) return;
    expect(this.requestEnded, "nothing follows the body's end").toBe(false);
    this.requestChunks.push(Buffer.from(streamed.body));
    this.requestEnded = streamed.endOfStream;
  }

  /** Bodies may come in many messages, the rest in one. */
  #inPhase(response: ProcessingResponse, order: readonly (keyof ProcessingResponse)[], before: number): number {
    const phase = order.findIndex((name) => response[name] !== undefined);
    if (phase < 0) return before;
    if (phase === 1) expect(before, "headers before the body").toBeGreaterThanOrEqual(0);
    expect(phase, "headers, body, trailers").toBeGreaterThanOrEqual(phase === 1 ? before : before + 1);
    return phase;
  }

  #announced(response: ProcessingResponse): void {
    const set = response.requestHeaders!.response.headerMutation!.setHeaders!;
    const named = set.filter(({ header }) => header.key === DESTINATION);
    expect(named.length).toBe(1);
    const destination = Buffer.from(named[0]!.header.rawValue!).toString();
    const fields = response.dynamicMetadata!.fields["envoy.lb"]!.structValue!.fields;
    expect(fields[DESTINATION]!.stringValue, "header and metadata agree").toBe(destination);
    for (const address of destination.split(",")) {
      expect(this.#rig.live.endpointAt(address), "an endpoint that is there now").toBeDefined();
      if (this.script.subset !== undefined && this.inOrder) expect(allows(this.script.subset, address)).toBe(true);
    }
    this.destination = destination;
  }
}

/** With a port the whole address counts, else the host. */
function allows(subset: readonly string[], address: string): boolean {
  return subset.some((item) => item === address || item === address.slice(0, address.lastIndexOf(":")));
}
