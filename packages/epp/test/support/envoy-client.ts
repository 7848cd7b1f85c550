import { join } from "node:path";
import {
  type ClientDuplexStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import {
  answered,
  bytesOf,
  cut,
  destinationOf,
  type GatewayRequest,
  type GatewayResponse,
  headerMap,
  headersOf,
  type ProtoRequest,
  type ProtoResponse,
  type Responded,
  type Routing,
  subsetMetadata,
} from "./gateway-messages.ts";
import { toStruct } from "./struct-value.ts";

const SERVED_KEY = "x-gateway-destination-endpoint-served";
const ANSWER_WITHIN_MS = 15_000;
const DEFAULT_RESPONSE = '{"id":"x","object":"text_completion","choices":[]}';

type Stream = ClientDuplexStream<ProtoRequest, ProtoResponse>;

/** Plays Envoy's part towards one Endpoint Picker. */
export class EnvoyClient {
  readonly #client: InstanceType<ServiceClientConstructor>;

  /** @param address `host:port` of the ext_proc server, without TLS */
  constructor(address: string) {
    const definition = loadSync(join(import.meta.dirname, "envoy.proto"), {
      keepCase: false,
      longs: Number,
      oneofs: false,
      defaults: false,
    });
    const loaded = loadPackageDefinition(definition) as unknown as {
      envoy: { service: { ext_proc: { v3: GrpcObject } } };
    };
    const Service = loaded.envoy.service.ext_proc.v3.ExternalProcessor as ServiceClientConstructor;
    this.#client = new Service(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
  }

  /** A stream for one HTTP request. */
  open(): GatewayStream {
    return new GatewayStream((this.#client as unknown as { Process(): Stream }).Process());
  }

  /** Sends a whole request and waits for the whole answer to it; the stream stays open for the response. */
  async route(request: GatewayRequest): Promise<{ routing: Routing; stream: GatewayStream }> {
    const stream = this.open();
    stream.sendRequest(request);
    return { routing: await stream.routing(request.body === undefined), stream };
  }

  close(): void {
    this.#client.close();
  }
}

type Ending = { readonly code: number; readonly details: string } | "clean";

/** One ext_proc stream, from the gateway's side. */
export class GatewayStream {
  readonly #stream: Stream;
  readonly #received: ProtoResponse[] = [];
  #ending: Ending | undefined;
  #wake: () => void = () => {};
  #begun = false;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.on("data", (message: ProtoResponse) => {
      this.#received.push(message);
      this.#wake();
    });
    const ended = (ending: Ending): void => {
      this.#ending ??= ending;
      this.#wake();
    };
    stream.on("error", (error: ServiceError) => ended({ code: error.code, details: error.details }));
    stream.on("end", () => ended("clean"));
  }

  send(message: ProtoRequest): void {
    this.#stream.write(message);
  }

  /** The next message; undefined at the stream's end. @throws Error when neither comes in time */
  async next(withinMs = ANSWER_WITHIN_MS): Promise<ProtoResponse | undefined> {
    const deadline = performance.now() + withinMs;
    while (this.#received.length === 0) {
      if (this.#ending !== undefined) return undefined;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`the Endpoint Picker did not answer within ${withinMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#received.shift();
  }

  sendRequest(request: GatewayRequest): void {
    const headers = {
      ":method": "POST",
      ":path": request.path ?? "/v1/completions",
      ":authority": "gateway",
      "content-type": "application/json",
      ...request.headers,
    };
    const metadata = request.subset === undefined ? {} : subsetMetadata(request.subset);
    const endOfStream = request.body === undefined;
    this.send({ requestHeaders: { headers: headerMap(headers), endOfStream }, ...metadata });
    if (request.body === undefined) return;
    const pieces = cut(bytesOf(request.body), request.chunkBytes ?? []);
    for (const [index, body] of pieces.entries()) {
      this.send({ requestBody: { body, endOfStream: index === pieces.length - 1 }, ...metadata });
    }
  }

  /** Reads the answer to the request half. @param headersOnly nothing is said of a body */
  async routing(headersOnly = false): Promise<Routing> {
    const chunks: Buffer[] = [];
    const found = { setHeaders: {} as Record<string, string> };
    for (;;) {
      const message = await this.next();
      const soFar = { ...found, body: Buffer.concat(chunks), chunkBytes: chunks.map(({ length }) => length) };
      if (message === undefined) return { ...soFar, ...this.#end() };
      const { immediateResponse: immediate, requestHeaders, requestBody, dynamicMetadata } = message;
      if (immediate !== undefined) return { ...soFar, immediate: answered(immediate), ended: false };
      if (requestHeaders !== undefined) {
        Object.assign(found, destinationOf(requestHeaders, dynamicMetadata));
        if (headersOnly) return { ...soFar, ...found, ended: false };
      }
      const streamed = requestBody?.response?.bodyMutation?.streamedResponse;
      if (streamed === undefined) continue;
      chunks.push(streamed.body ?? Buffer.alloc(0));
      if (streamed.endOfStream !== true) continue;
      return { ...found, body: Buffer.concat(chunks), chunkBytes: chunks.map(({ length }) => length), ended: false };
    }
  }

  /** Tells of a streamed response and its first event, and reads what is said to those. */
  async beginResponse(): Promise<void> {
    // A response has headers once.
    if (this.#begun) return;
    this.#begun = true;
    const headers = headerMap({ ":status": "200", "content-type": "text/event-stream" });
    this.send({ responseHeaders: { headers, endOfStream: false } });
    this.send({ responseBody: { body: Buffer.from('data: {"choices":[{"text":"a"}]}\n\n'), endOfStream: false } });
    while ((await this.next())?.responseBody === undefined);
  }

  /** Tells of the model server's response, reads what is to be sent on, and waits for the stream's end. */
  async respond(response: GatewayResponse = {}): Promise<Responded> {
    if (this.#begun) return this.#endResponse();
    const { status = 200, contentType = "application/json", chunks = [DEFAULT_RESPONSE], served } = response;
    const metadata =
      served === undefined
        ? {}
        : { metadataContext: { filterMetadata: { "envoy.lb": toStruct({ [SERVED_KEY]: served }) } } };
    const headers = headerMap({ ":status": String(status), "content-type": contentType });
    this.send({ responseHeaders: { headers, endOfStream: chunks.length === 0 }, ...metadata });
    for (const [index, chunk] of chunks.entries()) {
      this.send({ responseBody: { body: Buffer.from(chunk), endOfStream: index === chunks.length - 1 } });
    }
    return this.#readResponse(chunks.length > 0);
  }

  #endResponse(): Promise<Responded> {
    this.send({ responseBody: { body: Buffer.from("data: [DONE]\n\n"), endOfStream: true } });
    return this.#readResponse(true);
  }

  async #readResponse(withBody: boolean): Promise<Responded> {
    let setHeaders: Record<string, string> = {};
    const pieces: Buffer[] = [];
    for (;;) {
      const message = await this.next();
      if (message?.responseHeaders) setHeaders = headersOf(message.responseHeaders.response?.headerMutation);
      const streamed = message?.responseBody?.response?.bodyMutation?.streamedResponse;
      if (streamed?.body !== undefined) pieces.push(streamed.body);
      if (message !== undefined && streamed?.endOfStream !== true && withBody) continue;
      const { failed } = this.#end();
      this.finish();
      await this.#over();
      return { setHeaders, body: Buffer.concat(pieces), ...(failed === undefined ? {} : { failed }) };
    }
  }

  /** The gateway has nothing more to say. */
  finish(): void {
    this.#stream.end();
  }

  /** The client went away. */
  abort(): void {
    this.#stream.cancel();
  }

  async #over(): Promise<void> {
    while ((await this.next()) !== undefined);
  }

  #end(): { failed?: { code: number; details: string }; ended: boolean } {
    if (this.#ending === undefined) return { ended: false };
    return this.#ending === "clean" ? { ended: true } : { failed: this.#ending, ended: true };
  }
}
