import type { Usage } from "../host/flight.ts";

/**
 * The prompt of a request, as the token producers of llm-d see it: text to estimate from, what a renderer needs, or ids
 * that the client sent. Content: never logged, never recorded.
 */
export interface PromptSource {
  /** One entry per prompt: UTF-8 text that estimated tokens are cut from, or token ids. */
  readonly prompts: readonly (PromptPart[] | Uint32Array)[];
  /** The API of the body, for the renderer's path; undefined where it cannot be rendered. */
  readonly renderable?: "completions" | "chat";
  /** What to render in place of the body, where that is of another API. */
  readonly rendered?: Readonly<Record<string, unknown>>;
}

/** A piece of a prompt: text, or something that stands for a number of tokens of its own. */
export type PromptPart =
  | { readonly kind: "text"; readonly text: string }
  /** An inline one has the base64 of its data in place of a URL. */
  | { readonly kind: "image"; readonly url: string; readonly inline?: true }
  /** `content` is what stands for the sound in the prompt: its encoded data and format, or its URL. */
  | { readonly kind: "audio"; readonly bytes: number; readonly content: string }
  | { readonly kind: "video"; readonly url: string };

/** A request body, parsed. */
export interface ParsedRequest {
  /** Empty where the body names none. */
  readonly model: string;
  /** A body without a model is refused unless a header names one (400, `model not found in request body`). */
  readonly modelRequired: boolean;
  readonly stream: boolean;
  readonly maxOutputTokens?: number;
  readonly cacheSalt?: string;
  readonly prompt: PromptSource | undefined;
  /** The response is not to be looked at: the stream ends once the request is routed. */
  readonly skipResponse: boolean;
  /** The parsed JSON; undefined for bodies that are passed through. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** Reads the bodies of one API. */
export interface Parser {
  /** llm-d's type name. */
  readonly type: string;
  /** Path suffixes that it claims, without a query or a last slash; empty = the fallback. */
  readonly pathSuffixes: readonly string[];
  /** @throws RequestError 400 for a body that the API does not allow */
  parse(body: Uint8Array, path: string): ParsedRequest;
  /** Usage of a whole JSON response; undefined where it has none. */
  usageOfResponse(body: Uint8Array): Usage | undefined;
  /** Usage in the data of one server-sent event (the text after `data: `); undefined where it has none. */
  usageOfEvent(data: string, before: Usage | undefined): Usage | undefined;
}
