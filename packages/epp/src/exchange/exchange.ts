import { randomUUID } from "node:crypto";
import type { Clock } from "../host/clock.ts";
import type { Flight } from "../host/flight.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse } from "../wire/ext-proc.ts";
import { Pieces } from "../wire/pieces.ts";
import { bodyChunks, refused, responseHeaders, routed } from "./answers.ts";
import { SEEN_HEADER } from "./control-headers.ts";
import type { Director, Routed, RoutedBody } from "./director.ts";
import { RequestError, RouterRefusal } from "./request-error.ts";
import { RequestHeaders } from "./request-headers.ts";
import { ResponseRelay } from "./response-relay.ts";
import { servedEndpoint, subsetHint } from "./subset-hint.ts";

/** Where an exchange's answers go. */
export interface ExchangeOutput {
  send(response: ProcessingResponse): void;
  /** Nothing more will be sent; the gateway goes on by itself. */
  end(): void;
  /** The gateway broke the protocol, or we did. */
  fail(message: string): void;
}

/** A request's trace: headers that go on to the model server, and what is said of its end. */
export interface RequestTrace {
  readonly headers: readonly (readonly [string, string])[];
  ended(flight: Flight | undefined, status: number): void;
}

export interface ExchangeParts {
  readonly director: Director;
  readonly live: LiveRouter;
  readonly clock: Clock;
  readonly emitScores: boolean;
  readonly maxBodyBytes: number;
  /** Adds the header of `destination-endpoint-served-verifier`. */
  readonly verifyServed: boolean;
  readonly trace?: (headers: RequestHeaders) => RequestTrace;
  /** A request that was answered with an error before the router saw it. */
  readonly badRequest?: (status: number) => void;
  /** A defect of ours: the request gets a 500, the process goes on. */
  readonly unexpected: (error: unknown) => void;
}

/** The gateway sent what its protocol does not allow: the stream fails. */
class ProtocolViolation extends Error {}

const SERVED_VERIFIER_HEADER = "x-conformance-test-served-endpoint";
const NO_BYTES = new Uint8Array();

/**
 * One HTTP request and its response, as the gateway tells of them over one ext_proc stream in mode
 * FULL_DUPLEX_STREAMED. Nothing is answered until the whole request is there; then where it goes, and its body. The
 * response passes through as it comes.
 *
 * What differs from upstream by choice: only headers that change are sent back, as setting a header to its own value
 * does nothing; a body that trailers end is answered, where upstream waits for ever; messages out of turn fail the
 * stream, where upstream guesses; and a response is held back only where a rewritten model has to be put back into it.
 */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #output: ExchangeOutput;
  readonly #receivedAtUs: number;
  #headers: RequestHeaders | undefined;
  #subset: readonly string[] | undefined;
  readonly #body = new Pieces();
  #trace: RequestTrace | undefined;
  #routed: Routed | undefined;
  /** The whole request is there. */
  #whole = false;
  #response: ResponseRelay | undefined;
  #status = 0;
  #over = false;

  constructor(parts: ExchangeParts, output: ExchangeOutput) {
    this.#parts = parts;
    this.#output = output;
    this.#receivedAtUs = parts.clock.nowUs();
  }

  message(message: ProcessingRequest): void {
    if (this.#over) return;
    try {
      this.#dispatch(message);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The stream is over: whatever the router still counts as in flight has ended. Safe to call twice. */
  closed(): void {
    this.#over = true;
    this.#end("aborted");
    this.#body.clear();
  }

  #dispatch(message: ProcessingRequest): void {
    if (message.requestHeaders) this.#onRequestHeaders(message, message.requestHeaders);
    else if (message.requestBody) this.#onRequestBody(message, message.requestBody);
    else if (message.requestTrailers) this.#onRequestTrailers();
    else if (message.responseHeaders) this.#onResponseHeaders(message, message.responseHeaders);
    else if (message.responseBody) this.#onResponseBody(message.responseBody);
    else if (message.responseTrailers) this.#onResponseTrailers();
  }

  #onRequestHeaders(message: ProcessingRequest, { headers, endOfStream }: HttpHeaders): void {
    if (this.#headers !== undefined) throw new ProtocolViolation("request headers came twice");
    this.#headers = new RequestHeaders(headers);
    this.#subset = subsetHint(message);
    this.#trace = this.#parts.trace?.(this.#headers);
    if (!endOfStream) return;
    this.#whole = true;
    this.#routed = this.#parts.director.directWithoutBody(this.#incoming());
    this.#announce(undefined);
  }

  #onRequestBody(message: ProcessingRequest, { body = NO_BYTES, endOfStream }: HttpBody): void {
    // Some releases of Envoy say twice that a body has ended (envoyproxy/envoy issue 46237).
    if (this.#whole && endOfStream === true && body.length === 0) return;
    if (this.#headers === undefined || this.#whole) throw new ProtocolViolation("a request body out of turn");
    // The gateway has replied itself: what is left of the request goes nowhere.
    if (this.#response !== undefined) return;
    this.#subset = subsetHint(message) ?? this.#subset;
    this.#body.add(body);
    if (this.#body.bytes > this.#parts.maxBodyBytes) {
      throw new RequestError(413, `request body is larger than ${this.#parts.maxBodyBytes} bytes`);
    }
    if (endOfStream) this.#direct(false);
  }

  #onRequestTrailers(): void {
    if (this.#headers === undefined || this.#whole) throw new ProtocolViolation("request trailers out of turn");
    if (this.#response === undefined) this.#direct(true);
  }

  /** The whole request is there. @param withTrailers they ended it, not its last body message */
  #direct(withTrailers: boolean): void {
    this.#whole = true;
    const abandoned = () => this.#over || this.#response !== undefined;
    const answer = this.#parts.director.direct(this.#incoming(), this.#body.take(), abandoned);
    if (!(answer instanceof Promise)) {
      this.#forward(answer, withTrailers);
      return;
    }
    void answer
      .then((later) => {
        if (later === undefined) return;
        if (abandoned()) this.#parts.live.responseEnded(later.routed.flight, "aborted");
        else this.#forward(later, withTrailers);
      })
      .catch((error: unknown) => {
        if (!abandoned()) this.#failed(error);
      });
  }

  #forward({ routed: answer, body }: RoutedBody, withTrailers: boolean): void {
    this.#routed = answer;
    this.#announce(body.length);
    for (const chunk of bodyChunks("requestBody", body, !withTrailers)) this.#output.send(chunk);
    if (withTrailers) this.#output.send({ requestTrailers: {} });
    if (answer.skipResponse) this.#completed();
  }

  #announce(bodyBytes: number | undefined): void {
    const { flight } = this.#routed!;
    const scores = this.#parts.emitScores ? this.#scores(flight) : undefined;
    const { destination = flight.targets.join(","), headers = [], removeHeaders = [] } = flight;
    const isForged = (name: string) => this.#headers!.get(name) !== undefined && !headers.some(([set]) => set === name);
    this.#output.send(
      routed({
        destination,
        headers: [...headers, ...(this.#trace?.headers ?? [])],
        removeHeaders: removeHeaders.filter(isForged),
        ...(bodyBytes === undefined ? {} : { bodyBytes }),
        ...(scores === undefined ? {} : { scores }),
      }),
    );
  }

  /** Weighted totals of every endpoint that the primary profile scored; none where the destination is no endpoint. */
  #scores({ record, destination }: Flight): Record<string, number> | undefined {
    if (destination !== undefined) return undefined;
    const totals = record?.profiles.find(({ primary }) => primary)?.totals;
    if (totals === undefined) return undefined;
    const scores: Record<string, number> = {};
    for (const { name, address } of this.#parts.live.endpoints) {
      const total = totals[name];
      if (total !== undefined) scores[address] = total;
    }
    return scores;
  }

  /** A response that comes before the request is routed is a reply of the gateway's own, such as one to a time-out. */
  #onResponseHeaders(message: ProcessingRequest, { headers, endOfStream }: HttpHeaders): void {
    if (this.#headers === undefined || this.#response !== undefined) {
      throw new ProtocolViolation("response headers out of turn");
    }
    const response = new RequestHeaders(headers);
    const served = servedEndpoint(message);
    const status = Number(response.get(":status") ?? response.get("status") ?? 200);
    this.#status = Number.isInteger(status) ? status : 0;
    const isEventStream = response.get("content-type")?.includes("text/event-stream") ?? false;
    this.#response = new ResponseRelay(this.#routed, isEventStream, this.#parts.maxBodyBytes);
    if (this.#routed === undefined) this.#body.clear();
    else {
      const { flight } = this.#routed;
      flight.status = this.#status;
      if (served !== undefined) flight.served = served;
    }
    const given = this.#routed?.flight.responseHeaders ?? [];
    const set: (readonly [string, string])[] = [[SEEN_HEADER, "true"], ...given];
    if (this.#parts.verifyServed) set.push([SERVED_VERIFIER_HEADER, served ?? ""]);
    this.#output.send(responseHeaders(set));
    if (endOfStream) this.#completed();
  }

  #onResponseBody({ body = NO_BYTES, endOfStream = false }: HttpBody): void {
    if (this.#response === undefined) throw new ProtocolViolation("a response body out of turn");
    const flight = this.#routed?.flight;
    if (flight !== undefined && body.length > 0) {
      this.#parts.live.responseStarted(flight);
      flight.responseBytes += body.length;
    }
    for (const chunk of this.#response.body(body, endOfStream)) this.#output.send(chunk);
    if (endOfStream) this.#completed();
  }

  #onResponseTrailers(): void {
    if (this.#response === undefined) throw new ProtocolViolation("response trailers out of turn");
    for (const chunk of this.#response.beforeTrailers()) this.#output.send(chunk);
    this.#output.send({ responseTrailers: {} });
    this.#completed();
  }

  #incoming() {
    const headers = this.#headers!;
    const id = headers.get("x-request-id") || randomUUID();
    return { id, headers, subset: this.#subset, receivedAtUs: this.#receivedAtUs };
  }

  #end(end: "completed" | "aborted"): void {
    const flight = this.#routed?.flight;
    if (flight !== undefined && flight.end === undefined) {
      const usage = this.#response?.usage();
      if (usage !== undefined) flight.usage = usage;
      this.#parts.live.responseEnded(flight, end === "completed" && this.#status >= 400 ? "failed" : end);
    }
    this.#trace?.ended(flight, this.#status);
    this.#trace = undefined;
  }

  #failed(error: unknown): void {
    if (error instanceof ProtocolViolation) {
      this.#over = true;
      this.#body.clear();
      this.#end("aborted");
      this.#output.fail(error.message);
      return;
    }
    if (!(error instanceof RequestError)) this.#parts.unexpected(error);
    this.#refuse(error instanceof RequestError ? error : new RequestError(500, "the endpoint picker failed"));
  }

  #refuse(error: RequestError): void {
    if (this.#routed === undefined && !(error instanceof RouterRefusal)) this.#parts.badRequest?.(error.status);
    this.#status = error.status;
    this.#output.send(refused(error));
    this.#end("aborted");
    this.#finish();
  }

  /** The stream ends with the last message: a gateway that had to reset an open one would cost both sides more. */
  #completed(): void {
    this.#end("completed");
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#body.clear();
    this.#output.end();
  }
}
