import { durationUs, type EndpointPickerConfig } from "@windtunnel/router-policies";
import type { Log } from "../host/log.ts";
import { estimateOptions } from "./estimate-options.ts";
import { preciseKeysConfig, preciseProducers } from "./precise-keys.ts";
import type { Tokenizer } from "./prompt-tokens.ts";
import { Renderer } from "./renderer.ts";
import { TokenMaker } from "./request-tokens.ts";
import { TokenizerFile } from "./tokenizer-file.ts";

export interface TokenizerOptions {
  readonly log: Log;
  /** A model's `tokenizer.json`, which wins over what the configuration says. */
  readonly tokenizerFile?: string | undefined;
}

/** Parameters of a token producer, with defaults. */
interface Parameters {
  readonly modelName?: string;
  readonly vllm?: { readonly url?: string; readonly timeout?: string; readonly mmTimeout?: string };
  readonly estimate?: unknown;
}

const TYPES: readonly string[] = ["token-producer", "tokenizer"];
const DEFAULT_URL = "http://localhost:8000";
const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_MULTIMODAL_TIMEOUT_MS = 30_000;

/** The tokenizer of a configuration's token producer; an estimate without one. */
export function tokenizerFor(config: EndpointPickerConfig, options: TokenizerOptions): Tokenizer {
  const parameters: Parameters = config.plugins.find(({ type }) => TYPES.includes(type))?.parameters ?? {};
  const maker = new TokenMaker(estimateOptions(parameters.estimate), preciseProducers(config).map(preciseKeysConfig));
  if (options.tokenizerFile) return new TokenizerFile(maker, options.tokenizerFile);
  const { modelName, vllm } = parameters;
  if (!modelName) return estimateTokenizer(maker);
  return new Renderer(maker, {
    url: vllm?.url ?? DEFAULT_URL,
    modelName,
    timeoutMs: durationMs(vllm?.timeout) ?? DEFAULT_TIMEOUT_MS,
    multimodalTimeoutMs: durationMs(vllm?.mmTimeout) ?? DEFAULT_MULTIMODAL_TIMEOUT_MS,
    log: options.log,
  });
}

function estimateTokenizer(maker: TokenMaker): Tokenizer {
  return {
    tokens: (parsed, model) => maker.tokens(parsed.prompt?.prompts ?? [], { model, cacheSalt: parsed.cacheSalt ?? "" }),
  };
}

/** A duration of the configuration, whose reader has checked it; undefined where it is none or zero. */
function durationMs(text: string | undefined): number | undefined {
  const us = text === undefined ? undefined : durationUs(text);
  return us === undefined || us <= 0 ? undefined : us / 1000;
}
