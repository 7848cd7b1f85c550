import type { BlockKeys } from "@windtunnel/router-policies";
import type { ParsedRequest } from "../parsers/parser.ts";

/** The tokens of a request's prompts, and the keys of their blocks. */
export interface PromptTokens {
  /** Summed over prompts; 0 when the body has no tokens. */
  readonly promptTokens: number;
  readonly promptCount: number;
  /** As `InferenceRequest.promptKeys`. */
  keys(blockSizeTokens: number, withPartialBlock: boolean, prompt?: number): BlockKeys;
}

/** Turns a parsed body into tokens, as the configuration's token producer says. */
export interface Tokenizer {
  /** At once where no I/O is needed; a promise that never rejects otherwise (no tokens when it failed). */
  tokens(parsed: ParsedRequest, targetModel: string, body: Uint8Array): PromptTokens | Promise<PromptTokens>;
  /** Resolves when it can tokenize; rejects where it never will (a file that cannot be read). */
  ready?(): Promise<void>;
  /** Requests that got no tokens because tokenizing failed. */
  readonly failures?: number;
  stop?(): void;
}
