import { randomUUID } from "node:crypto";
import type { Clock } from "../host/clock.ts";
import type { Flight } from "../host/flight.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest, ProcessingResponse } from "../wire/ext-proc.ts";
import { bodyChunks, refused, responseHeaders, routed } from "./answers.ts";
import { SEEN_HEADER } from "./control-headers.ts";
import type { Director, Routed, RoutedBody } from "./director.ts";
import { restoreModel } from "./model-rewrite.ts";
import { RequestError } from "./request-error.ts";
import { RequestHeaders } from "./request-headers.ts";
import { servedEndpoint, subsetHint } from "./subset-hint.ts";
import { UsageReader } from "./usage-reader.ts";

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
 * Two things differ from upstream by choice: only headers that change are sent back, as setting a header to its own value
 * does nothing; and a body that trailers end is answered, where upstream waits for ever.
 */
export class Exchange {
  readonly #parts: ExchangeParts;
  readonly #output: ExchangeOutput;
  readonly #receivedAtUs: number;
  #headers: RequestHeaders | undefined;
  #subset: readonly string[] | undefined;
  #chunks: Uint8Array[] = [];
  #bodyBytes = 0;
  #trace: RequestTrace | undefined;
  #routed: Routed | undefined;
  #deciding = false;
  /** Messages that came while the tokens were awaited. */
  readonly #waiting: ProcessingRequest[] = [];
  #usage: UsageReader | undefined;
  /** A rewritten model has to be put back into a body that is not a stream: it waits for its end. */
  #held: Uint8Array[] | undefined;
  #status = 0;
  #over = false;

  constructor(parts: ExchangeParts, output: ExchangeOutput) {
    this.#parts = parts;
    this.#output = output;
    this.#receivedAtUs = parts.clock.nowUs();
  }

  message(message: ProcessingRequest): void {
    if (this.#over) return;
    if (this.#deciding) {
      this.#waiting.push(message);
      return;
    }
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
    this.#chunks = [];
    this.#waiting.length = 0;
  }

  #dispatch(message: ProcessingRequest): void {
    if (message.requestHeaders) this.#onRequestHeaders(message, message.requestHeaders);
    else if (message.requestBody) this.#onRequestBody(message, message.requestBody);
    else if (message.requestTrailers) this.#onRequestTrailers(message);
    else if (message.responseHeaders) this.#onResponseHeaders(message, message.responseHeaders);
    else if (message.responseBody) this.#onResponseBody(message.responseBody);
    else if (message.responseTrailers) this.#onResponseTrailers(message.responseTrailers);
  }

  #onRequestHeaders(message: ProcessingRequest, { headers, endOfStream }: HttpHeaders): void {
    if (this.#headers !== undefined) throw new ProtocolViolation("request headers came twice");
    this.#headers = new RequestHeaders(headers);
    this.#subset = subsetHint(message);
    this.#trace = this.#parts.trace?.(this.#headers);
    if (!endOfStream) return;
    this.#routed = this.#parts.director.directWithoutBody(this.#incoming());
    this.#announce(undefined);
  }

  #onRequestBody(message: ProcessingRequest, { body = NO_BYTES, endOfStream }: HttpBody): void {
    if (this.#headers === undefined || this.#routed !== undefined)
      throw new ProtocolViolation("a request body out of turn");
    this.#subset = subsetHint(message) ?? this.#subset;
    this.#bodyBytes += body.length;
    if (this.#bodyBytes > this.#parts.maxBodyBytes) {
      throw new RequestError(413, `request body is larger than ${this.#parts.maxBodyBytes} bytes`);
    }
    if (body.length > 0) this.#chunks.push(body);
    if (endOfStream) this.#direct(undefined);
  }

  #onRequestTrailers(message: ProcessingRequest): void {
    if (this.#headers === undefined) throw new ProtocolViolation("request trailers out of turn");
    if (this.#routed === undefined) this.#direct(message);
    else this.#output.send({ requestTrailers: {} });
  }

  /** The whole request is there. @param trailers the message that ended it, when it was not the last of the body */
  #direct(trailers: ProcessingRequest | undefined): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#bodyBytes);
    this.#chunks = [];
    const answer = this.#parts.director.direct(this.#incoming(), body, () => this.#over);
    if (!(answer instanceof Promise)) {
      this.#forward(answer, trailers);
      return;
    }
    this.#deciding = true;
    void answer
      .then((later) => {
        this.#deciding = false;
        if (later !== undefined) this.#forward(later, trailers);
        for (const message of this.#waiting.splice(0)) this.message(message);
      })
      .catch((error: unknown) => {
        this.#deciding = false;
        if (!this.#over) this.#failed(error);
      });
  }

  #forward({ routed: answer, body }: RoutedBody, trailers: ProcessingRequest | undefined): void {
    this.#routed = answer;
    this.#announce(body.length);
    for (const chunk of bodyChunks("requestBody", body, trailers === undefined)) this.#output.send(chunk);
    if (trailers !== undefined) this.#output.send({ requestTrailers: {} });
    if (answer.skipResponse) this.#completed();
  }

  #announce(bodyBytes: number | undefined): void {
    const { flight } = this.#routed!;
    const scores = this.#parts.emitScores ? this.#scores(flight) : undefined;
    this.#output.send(
      routed({
        destination: flight.targets.join(","),
        headers: this.#trace?.headers ?? [],
        ...(bodyBytes === undefined ? {} : { bodyBytes }),
        ...(scores === undefined ? {} : { scores }),
      }),
    );
  }

  /** Weighted totals of every endpoint that the primary profile scored. */
  #scores({ record }: Flight): Record<string, number> | undefined {
    const totals = record?.profiles.find(({ primary }) => primary)?.totals;
    if (totals === undefined) return undefined;
    const scores: Record<string, number> = {};
    for (const { name, address } of this.#parts.live.endpoints) {
      const total = totals[name];
      if (total !== undefined) scores[address] = total;
    }
    return scores;
  }

  #onResponseHeaders(message: ProcessingRequest, { headers, endOfStream }: HttpHeaders): void {
    const routedRequest = this.#routed;
    if (routedRequest === undefined) throw new ProtocolViolation("a response to a request that was not routed");
    const { flight, parser } = routedRequest;
    const response = new RequestHeaders(headers);
    const served = servedEndpoint(message);
    if (served !== undefined) flight.served = served;
    this.#status = Number(response.get(":status") ?? response.get("status") ?? 200);
    flight.status = this.#status;
    const isEventStream = response.get("content-type")?.includes("text/event-stream") ?? false;
    if (parser !== undefined) this.#usage = new UsageReader(parser, isEventStream);
    if (isRewritten(flight) && !isEventStream) this.#held = [];
    const set: [string, string][] = [[SEEN_HEADER, "true"]];
    if (this.#parts.verifyServed) set.push([SERVED_VERIFIER_HEADER, served ?? ""]);
    this.#output.send(responseHeaders(set));
    if (endOfStream) this.#completed();
  }

  #onResponseBody({ body = NO_BYTES, endOfStream = false }: HttpBody): void {
    const routedRequest = this.#routed;
    if (routedRequest === undefined) throw new ProtocolViolation("a response to a request that was not routed");
    const { flight } = routedRequest;
    if (body.length > 0) {
      this.#parts.live.responseStarted(flight);
      flight.responseBytes += body.length;
      this.#usage?.chunk(body);
    }
    if (this.#held !== undefined && !endOfStream) {
      // A copy: the bytes are a view into what came.
      if (body.length > 0) this.#held.push(Buffer.from(body));
      return;
    }
    const whole = this.#held === undefined ? body : Buffer.concat([...this.#held, body]);
    this.#held = undefined;
    for (const chunk of bodyChunks("responseBody", this.#restored(whole), endOfStream)) this.#output.send(chunk);
    if (endOfStream) this.#completed();
  }

  #onResponseTrailers(_trailers: HttpTrailers): void {
    if (this.#held !== undefined) {
      const whole = this.#restored(Buffer.concat(this.#held));
      this.#held = undefined;
      for (const chunk of bodyChunks("responseBody", whole, false)) this.#output.send(chunk);
    }
    this.#output.send({ responseTrailers: {} });
    this.#completed();
  }

  #restored(body: Uint8Array): Uint8Array {
    const { flight } = this.#routed!;
    if (!isRewritten(flight) || body.length === 0) return body;
    return restoreModel(body, flight.request.targetModel, flight.request.model);
  }

  #incoming() {
    const headers = this.#headers!;
    const id = headers.get("x-request-id") || randomUUID();
    return { id, headers, subset: this.#subset, receivedAtUs: this.#receivedAtUs };
  }

  #end(end: "completed" | "aborted"): void {
    const flight = this.#routed?.flight;
    if (flight !== undefined && flight.end === undefined) {
      this.#usage?.ended();
      if (this.#usage?.usage !== undefined) flight.usage = this.#usage.usage;
      this.#parts.live.responseEnded(flight, end === "completed" && this.#status >= 400 ? "failed" : end);
    }
    this.#trace?.ended(flight, this.#status);
    this.#trace = undefined;
  }

  #failed(error: unknown): void {
    if (error instanceof ProtocolViolation) {
      this.#over = true;
      this.#end("aborted");
      this.#output.fail(error.message);
      return;
    }
    if (!(error instanceof RequestError)) this.#parts.unexpected(error);
    this.#refuse(error instanceof RequestError ? error : new RequestError(500, "the endpoint picker failed"));
  }

  #refuse(error: RequestError): void {
    if (this.#routed === undefined) this.#parts.badRequest?.(error.status);
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
    this.#output.end();
  }
}

/** Whether the model server answers under another name than the client asked for. */
function isRewritten({ request }: Flight): boolean {
  return request.model !== "" && request.model !== request.targetModel;
}
