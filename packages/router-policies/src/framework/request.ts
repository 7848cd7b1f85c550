import type { BlockKeys } from "./block-keys.ts";

/**
 * What a router may know of a request when it arrives. There is no output length here, on purpose: no policy can read
 * the future.
 */
export interface InferenceRequest {
  /** The request's id: `x-request-id` in production, the row number in a simulation. */
  readonly id: string | number;
  /** The model after rewrites. */
  readonly targetModel: string;
  /** Prompt length as the token producer sees it, summed over prompts; 0 when the body has no tokens. */
  readonly promptTokens: number;
  /** Number of prompts in the body; nearly always 1. */
  readonly promptCount: number;
  /** The client's `max_tokens`, if it sent one. */
  readonly maxOutputTokens?: number;
  /** Priority of the request's InferenceObjective; 0 without one, negative = sheddable. */
  readonly priority: number;
  /** Flow key for fairness; `default-flow` without one. */
  readonly fairnessId: string;
  /** Addresses (`ip:port` or `ip`) that the gateway's subset hint allows; absent = all. */
  readonly subset?: readonly string[];
  /** The client wants an answer only from an endpoint that has some of the prompt cached (`Prefer: if-available`). */
  readonly onlyIfCached?: boolean;
  /** The tokenised prompt has images, audio or video. */
  readonly hasMultimodal?: boolean;
  /** A request header by lower-case name. */
  header(name: string): string | undefined;
  /** A cookie by name; absent where a host has none. */
  cookie?(name: string): string | undefined;
  /**
   * Keys of one prompt's blocks of `blockSizeTokens` tokens.
   *
   * @param prompt which prompt, 0-based
   * @param withPartialBlock whether a last, partly filled block has a key too (the approximate index counts it, the
   *   precise one does not)
   */
  promptKeys(blockSizeTokens: number, withPartialBlock: boolean, prompt?: number): BlockKeys;
}
