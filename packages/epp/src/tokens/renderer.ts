import http from "node:http";
import https from "node:https";
import type { Log } from "../host/log.ts";
import { goJson } from "../parsers/go-json.ts";
import { isObject, type Json, jsonOrUndefined } from "../parsers/json-body.ts";
import { tokenIds } from "../parsers/parsed.ts";
import type { ParsedRequest, PromptSource } from "../parsers/parser.ts";
import type { KeyedRun } from "./precise-keys.ts";
import type { PromptTokens, Tokenizer } from "./prompt-tokens.ts";
import type { TokenMaker } from "./request-tokens.ts";

const PATHS = { completions: "/v1/completions/render", chat: "/v1/chat/completions/render" } as const;
const MAX_CONNECTIONS = 64;
/** Requests that wait for a renderer at most; one more gets no tokens. */
const MAX_PENDING = 1024;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const LOG_EVERY_MS = 10_000;

export interface RendererOptions {
  /** Of the renderer (`vllm launch render`). */
  readonly url: string;
  /** Model that the renderer serves: it takes the place of the client's. */
  readonly modelName: string;
  readonly timeoutMs: number;
  /** For prompts with images, audio or video. */
  readonly multimodalTimeoutMs: number;
  readonly log: Log;
}

/** A multimodal item in a prompt's tokens. */
interface Placed {
  readonly hash: string;
  readonly offset: number;
  readonly length: number;
}

/** What a renderer made of one prompt. */
interface Rendered {
  readonly ids: Uint32Array;
  readonly placed: readonly Placed[];
}

/** Has a vLLM renderer tokenize; where it fails, a request has no tokens. */
export class Renderer implements Tokenizer {
  failures = 0;
  readonly #maker: TokenMaker;
  readonly #options: RendererOptions;
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;
  #pending = 0;
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(maker: TokenMaker, options: RendererOptions) {
    this.#maker = maker;
    this.#options = options;
    this.#base = new URL(options.url);
    const secure = this.#base.protocol === "https:";
    const agentOptions = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
    this.#agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
    this.#request = secure ? (https.request as typeof http.request) : http.request;
  }

  tokens(parsed: ParsedRequest, targetModel: string): PromptTokens | Promise<PromptTokens> {
    const request = { model: targetModel, cacheSalt: parsed.cacheSalt ?? "" };
    const { prompt } = parsed;
    if (prompt === undefined) return this.#maker.tokens([], request);
    const given = prompt.prompts.filter((one) => one instanceof Uint32Array);
    if (given.length > 0) return this.#maker.tokens(given, request);
    if (prompt.renderable === undefined) return this.#maker.tokens([], request);
    return this.#render(prompt, parsed.json ?? {}).then(
      (rendered) =>
        this.#maker.tokens(
          rendered.map(({ ids }) => ids),
          { ...request, extras: (index, blockSizeTokens) => extrasOf(rendered[index]!, blockSizeTokens) },
        ),
      (error: unknown) => {
        this.#failed(error);
        return this.#maker.tokens([], request);
      },
    );
  }

  stop(): void {
    this.#agent.destroy();
  }

  async #render(prompt: PromptSource, json: Json): Promise<readonly Rendered[]> {
    if (this.#pending >= MAX_PENDING) throw new Error(`${MAX_PENDING} requests wait for the renderer already`);
    this.#pending++;
    try {
      const body = Buffer.from(goJson({ ...(prompt.rendered ?? json), model: this.#options.modelName }));
      const isText = prompt.prompts.every(
        (one) => one instanceof Uint32Array || one.every(({ kind }) => kind === "text"),
      );
      const { timeoutMs, multimodalTimeoutMs } = this.#options;
      const answer = await this.#post(PATHS[prompt.renderable!], body, isText ? timeoutMs : multimodalTimeoutMs);
      return renderedOf(jsonOrUndefined(answer));
    } finally {
      this.#pending--;
    }
  }

  #post(path: string, body: Buffer, timeoutMs: number): Promise<string> {
    const prefix = this.#base.pathname.replace(/\/$/, "");
    return new Promise((resolve, reject) => {
      const request = this.#request(
        new URL(prefix + path, this.#base),
        {
          method: "POST",
          agent: this.#agent,
          headers: { "content-type": "application/json", "content-length": body.length },
          signal: AbortSignal.timeout(timeoutMs),
        },
        (response) => {
          collected(response).then((text) => {
            if (response.statusCode === 200) resolve(text);
            else reject(new Error(`the renderer answered ${response.statusCode}`));
          }, reject);
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  #failed(error: unknown): void {
    this.failures++;
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) return;
    this.#loggedAtMs = nowMs;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.log.warn({ url: this.#base.origin, reason, failures: this.failures }, "rendering prompts fails");
  }
}

async function collected(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the renderer's answer exceeds ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** One object for a chat, a list of them for prompts. */
function renderedOf(answer: unknown): readonly Rendered[] {
  const items = Array.isArray(answer) ? answer : [answer];
  return items.map((item) => {
    const ids = isObject(item) && Array.isArray(item.token_ids) ? tokenIds(item.token_ids) : undefined;
    if (ids === undefined) throw new Error("the renderer's answer has no token_ids");
    return { ids, placed: placedOf((item as Json).features) };
  });
}

/** vLLM's `features`: hashes and places by modality. */
function placedOf(features: unknown): readonly Placed[] {
  if (!isObject(features) || !isObject(features.mm_hashes) || !isObject(features.mm_placeholders)) return [];
  const placed: Placed[] = [];
  for (const [modality, hashes] of Object.entries(features.mm_hashes)) {
    const places = features.mm_placeholders[modality];
    if (!Array.isArray(hashes) || !Array.isArray(places)) continue;
    for (let i = 0; i < hashes.length; i++) {
      const hash: unknown = hashes[i];
      const place: unknown = places[i];
      if (typeof hash !== "string" || !isObject(place)) continue;
      const { offset, length } = place;
      if (typeof offset === "number" && typeof length === "number") placed.push({ hash, offset, length });
    }
  }
  return placed.sort((a, b) => a.offset - b.offset);
}

/** By block the hashes of the items that reach into it. */
function extrasOf({ ids, placed }: Rendered, blockSizeTokens: number): KeyedRun["extras"] {
  if (placed.length === 0) return undefined;
  const extras: string[][] = Array.from({ length: Math.floor(ids.length / blockSizeTokens) }, () => []);
  for (const { hash, offset, length } of placed) {
    const last = Math.floor((offset + length - 1) / blockSizeTokens);
    for (let block = Math.floor(offset / blockSizeTokens); block <= last; block++) extras[block]?.push(hash);
  }
  return extras;
}
