import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type FakeGauges, FakeMetricsPage, type MetricsPageSize } from "./fake-metrics-page.ts";

export interface FakeVllmOptions {
  /** Told in the header `x-inference-pod` of every answer. */
  readonly name: string;
  readonly host?: string;
  /** 0 = any free port. */
  readonly port?: number;
  readonly model?: string;
  /** Pause before each token of an answer. */
  readonly msPerToken?: number;
  /** Tokens of an answer to a request that names no maximum. */
  readonly outputTokens?: number;
  readonly metricsPage?: MetricsPageSize;
  /** Gauges at the start; `running` follows the requests in work where it is not given. */
  readonly gauges?: Partial<FakeGauges>;
  /** Answers with the same bytes whatever the body says, without looking into it: for load. */
  readonly constant?: boolean;
}

/** A server that looks like vLLM on the wire and computes nothing. */
export interface FakeVllm {
  readonly name: string;
  /** `ip:port`. */
  readonly address: string;
  readonly port: number;
  /** Requests answered or being answered so far; metrics pages not counted. */
  readonly requests: number;
  readonly inFlight: number;
  /** Requests whose client went away before the answer was whole. */
  readonly aborted: number;
  /** Bytes of the newest request's body. */
  readonly lastBody: Buffer;
  setGauges(gauges: Partial<FakeGauges>): void;
  stop(): Promise<void>;
}

interface Body {
  readonly model?: string;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly prompt?: unknown;
  readonly messages?: unknown;
}

interface Answer {
  readonly chat: boolean;
  readonly model: string;
  readonly outputTokens: number;
  readonly usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
}

const DEFAULT_GAUGES: FakeGauges = {
  waiting: 0,
  running: 0,
  kvUsageFraction: 0,
  blockSizeTokens: 16,
  numGpuBlocks: 8192,
};
const CONSTANT_ANSWER = Buffer.from(
  JSON.stringify({
    id: "cmpl-0",
    object: "text_completion",
    created: 0,
    model: "fake-model",
    choices: [{ index: 0, text: " token", finish_reason: "length" }],
    usage: { prompt_tokens: 1000, completion_tokens: 1, total_tokens: 1001 },
  }),
);

/** Starts a fake vLLM server: `/v1/completions`, `/v1/chat/completions`, `/v1/models`, `/health`, `/metrics`. */
export async function startFakeVllm(options: FakeVllmOptions): Promise<FakeVllm> {
  const server = new FakeVllmServer(options);
  await server.listen(options.host ?? "127.0.0.1", options.port ?? 0);
  return server;
}

class FakeVllmServer implements FakeVllm {
  readonly name: string;
  requests = 0;
  inFlight = 0;
  aborted = 0;
  lastBody: Buffer = Buffer.alloc(0);
  readonly #options: FakeVllmOptions;
  readonly #model: string;
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();
  readonly #page: FakeMetricsPage;
  readonly #gauges: FakeGauges;
  #runningIsGiven: boolean;

  constructor(options: FakeVllmOptions) {
    this.name = options.name;
    this.#options = options;
    this.#model = options.model ?? "fake-model";
    this.#page = new FakeMetricsPage(this.#model, options.metricsPage ?? "short");
    this.#gauges = { ...DEFAULT_GAUGES, ...options.gauges };
    this.#runningIsGiven = options.gauges?.running !== undefined;
    this.#http = createServer((request, response) => this.#serve(request, response));
    // A gateway keeps its connections; one that is closed while a request is on its way to it looks like a failure.
    this.#http.keepAliveTimeout = 600_000;
    this.#http.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get address(): string {
    const { address, port } = this.#http.address() as AddressInfo;
    return `${address}:${port}`;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen(port, host, 1024, resolve);
    });
  }

  setGauges(gauges: Partial<FakeGauges>): void {
    if (gauges.running !== undefined) this.#runningIsGiven = true;
    Object.assign(this.#gauges, gauges);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("x-inference-pod", this.name);
    const path = request.url?.split("?")[0];
    if (path === "/metrics") this.#metrics(response);
    else if (path === "/v1/models") this.#json(response, 200, { object: "list", data: [this.#modelRow()] });
    else if (path === "/health") response.end();
    else if (request.method === "POST") this.#generate(request, response, path ?? "");
    else this.#json(response, 404, { error: { message: "not found", type: "NotFoundError", code: 404 } });
  }

  #metrics(response: ServerResponse): void {
    if (!this.#runningIsGiven) this.#gauges.running = this.inFlight;
    const page = this.#page.page(this.#gauges);
    response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.setHeader("content-length", page.length);
    response.end(page);
  }

  #generate(request: IncomingMessage, response: ServerResponse, path: string): void {
    this.requests++;
    this.inFlight++;
    response.on("close", () => {
      this.inFlight--;
      if (!response.writableFinished) this.aborted++;
    });
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      this.lastBody = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const wanted = request.headers["x-fake-status"];
      if (wanted !== undefined) {
        this.#json(response, Number(wanted), { error: { message: "as asked", type: "Fake", code: Number(wanted) } });
      } else if (this.#options.constant === true) {
        this.#send(response, 200, CONSTANT_ANSWER);
      } else {
        void this.#answer(response, path, request.headers["x-fake-trailers"] !== undefined);
      }
    });
  }

  async #answer(response: ServerResponse, path: string, withTrailers: boolean): Promise<void> {
    let body: Body;
    try {
      body = JSON.parse(this.lastBody.toString()) as Body;
    } catch {
      this.#json(response, 400, { error: { message: "the body is not JSON", type: "BadRequestError", code: 400 } });
      return;
    }
    const chat = path.endsWith("/chat/completions");
    const outputTokens = body.max_completion_tokens ?? body.max_tokens ?? this.#options.outputTokens ?? 16;
    const promptTokens = Math.ceil(JSON.stringify((chat ? body.messages : body.prompt) ?? "").length / 4);
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: outputTokens,
      total_tokens: promptTokens + outputTokens,
    };
    const answer: Answer = { chat, model: body.model ?? this.#model, outputTokens, usage };
    if (withTrailers) response.setHeader("trailer", "x-fake-trailer");
    if (body.stream === true) await this.#stream(response, answer, body.stream_options?.include_usage === true);
    else await this.#whole(response, answer, withTrailers);
    if (response.destroyed) return;
    if (withTrailers) response.addTrailers({ "x-fake-trailer": "last" });
    response.end();
  }

  async #whole(response: ServerResponse, answer: Answer, chunked: boolean): Promise<void> {
    await this.#pause(answer.outputTokens);
    const text = " token".repeat(answer.outputTokens);
    const choice = answer.chat
      ? { index: 0, message: { role: "assistant", content: text }, finish_reason: "length" }
      : { index: 0, text, finish_reason: "length" };
    const body = Buffer.from(JSON.stringify({ ...head(answer, ""), choices: [choice], usage: answer.usage }));
    response.setHeader("content-type", "application/json");
    if (!chunked) response.setHeader("content-length", body.length);
    response.write(body);
  }

  async #stream(response: ServerResponse, answer: Answer, withUsage: boolean): Promise<void> {
    response.setHeader("content-type", "text/event-stream; charset=utf-8");
    const event = (value: object): boolean => response.write(`data: ${JSON.stringify(value)}\n\n`);
    for (let token = 0; token < answer.outputTokens; token++) {
      await this.#pause(1);
      if (response.destroyed) return;
      const reason = token === answer.outputTokens - 1 ? "length" : null;
      const choice = answer.chat
        ? { index: 0, delta: { role: "assistant", content: " token" }, finish_reason: reason }
        : { index: 0, text: " token", finish_reason: reason };
      event({ ...head(answer, ".chunk"), choices: [choice] });
    }
    if (withUsage) event({ ...head(answer, ".chunk"), choices: [], usage: answer.usage });
    response.write("data: [DONE]\n\n");
  }

  #pause(tokens: number): Promise<void> | undefined {
    const ms = (this.#options.msPerToken ?? 0) * tokens;
    return ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms));
  }

  #modelRow(): object {
    return { id: this.#model, object: "model", created: 0, owned_by: "vllm", max_model_len: 131072 };
  }

  #json(response: ServerResponse, status: number, value: object): void {
    this.#send(response, status, Buffer.from(JSON.stringify(value)));
  }

  #send(response: ServerResponse, status: number, body: Buffer): void {
    response.statusCode = status;
    response.setHeader("content-type", "application/json");
    response.setHeader("content-length", body.length);
    response.end(body);
  }
}

function head({ chat, model }: Answer, suffix: string): object {
  const object = chat ? `chat.completion${suffix}` : "text_completion";
  return { id: chat ? "chatcmpl-0" : "cmpl-0", object, created: 0, model };
}
