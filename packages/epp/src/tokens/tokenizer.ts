import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import type { Log } from "../host/log.ts";
import { estimateOptions } from "./estimate-options.ts";
import { preciseKeysConfigs } from "./precise-keys.ts";
import type { Tokenizer } from "./prompt-tokens.ts";
import { TokenMaker } from "./request-tokens.ts";

export interface TokenizerOptions {
  readonly log: Log;
  /** A `tokenizer.json` to count with instead of the configured way. */
  readonly tokenizerFile?: string | undefined;
}

const TYPES: readonly string[] = ["token-producer", "tokenizer"];

/** The tokenizer of a configuration's token producer; an estimate without one. */
export function tokenizerFor(config: EndpointPickerConfig, _options: TokenizerOptions): Tokenizer {
  const parameters = config.plugins.find(({ type }) => TYPES.includes(type))?.parameters ?? {};
  const maker = new TokenMaker(estimateOptions(parameters.estimate), preciseKeysConfigs(config));
  return estimateTokenizer(maker);
}

function estimateTokenizer(maker: TokenMaker): Tokenizer {
  return {
    tokens: (parsed, model) => maker.tokens(parsed.prompt?.prompts ?? [], { model, cacheSalt: parsed.cacheSalt ?? "" }),
  };
}
