import type { BlockKeys } from "@windtunnel/router-policies";
import { type ArrivedRequest, DEFAULT_FLOW } from "../host/arrived-request.ts";
import type { ParsedRequest } from "../parsers/parser.ts";
import type { PromptTokens } from "../tokens/prompt-tokens.ts";
import type { RequestHeaders } from "./request-headers.ts";

const NO_KEYS: BlockKeys = { length: 0, hi: new Int32Array(0), lo: new Int32Array(0) };
/** The tokens of a request without a body. */
export const NO_TOKENS: PromptTokens = { promptTokens: 0, promptCount: 0, keys: () => NO_KEYS };

/** A request as the gateway tells of it, apart from its body. */
export interface Incoming {
  readonly id: string;
  readonly headers: RequestHeaders;
  /** Addresses that the gateway allows; undefined = all. */
  readonly subset: readonly string[] | undefined;
  readonly receivedAtUs: number;
}

/** What the director found out about it. */
export interface Found {
  /** Undefined without a body. */
  readonly parsed: ParsedRequest | undefined;
  /** After rewrites. */
  readonly targetModel: string;
  readonly tokens: PromptTokens;
  readonly bodyBytes: number;
  readonly priority: number;
}

/** A request as the router sees it. A class, so that each has the same shape, whatever it carries. */
export class DirectedRequest implements ArrivedRequest {
  readonly id: string;
  readonly path: string;
  readonly model: string;
  readonly targetModel: string;
  readonly streaming: boolean;
  readonly bodyBytes: number;
  readonly promptTokens: number;
  readonly promptCount: number;
  readonly priority: number;
  readonly fairnessId: string;
  readonly receivedAtUs: number;
  readonly maxOutputTokens?: number;
  readonly objective?: string;
  readonly ttftSloMs?: number;
  readonly tpotSloMs?: number;
  readonly subset?: readonly string[];
  readonly onlyIfCached: boolean;
  readonly hasMultimodal: boolean;
  readonly #headers: RequestHeaders;
  #tokens: PromptTokens;

  constructor({ id, headers, subset, receivedAtUs }: Incoming, found: Found) {
    const { parsed, tokens } = found;
    const objective = headers.control("objective");
    const ttftSloMs = headers.controlNumber("ttftSloMs");
    const tpotSloMs = headers.controlNumber("tpotSloMs");
    this.id = id;
    this.path = headers.path;
    this.model = parsed?.model ?? "";
    this.targetModel = found.targetModel;
    this.streaming = parsed?.stream ?? false;
    this.bodyBytes = found.bodyBytes;
    this.promptTokens = tokens.promptTokens;
    this.promptCount = tokens.promptCount;
    this.priority = found.priority;
    this.fairnessId = headers.control("fairnessId") || DEFAULT_FLOW;
    this.receivedAtUs = receivedAtUs;
    if (parsed?.maxOutputTokens !== undefined) this.maxOutputTokens = parsed.maxOutputTokens;
    if (objective !== undefined) this.objective = objective;
    if (ttftSloMs !== undefined) this.ttftSloMs = ttftSloMs;
    if (tpotSloMs !== undefined) this.tpotSloMs = tpotSloMs;
    if (subset !== undefined) this.subset = subset;
    this.onlyIfCached = headers.onlyIfCached;
    this.hasMultimodal = tokens.promptTokens > 0 && hasMoreThanText(parsed);
    this.#headers = headers;
    this.#tokens = tokens;
  }

  header(name: string): string | undefined {
    return this.#headers.get(name);
  }

  cookie(name: string): string | undefined {
    return this.#headers.cookie(name);
  }

  promptKeys(blockSizeTokens: number, withPartialBlock: boolean, prompt = 0): BlockKeys {
    return this.#tokens.keys(blockSizeTokens, withPartialBlock, prompt);
  }

  /** Lets the prompt go: the flight lasts as long as the response, which may be minutes. There are no keys from then on. */
  forgetPrompt(): void {
    this.#tokens = NO_TOKENS;
  }
}

function hasMoreThanText(parsed: ParsedRequest | undefined): boolean {
  const prompts = parsed?.prompt?.prompts ?? [];
  return prompts.some((one) => !(one instanceof Uint32Array) && one.some(({ kind }) => kind !== "text"));
}
