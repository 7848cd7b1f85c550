import type { PromptPart } from "../parsers/parser.ts";
import type { HashMemory } from "./hash-memory.ts";
import { imageSize, inlineImageSize } from "./image-size.ts";

/** Bytes that count as one token (llm-d-router, `dataproducer/tokenizer`, estimate backend). */
export const BYTES_PER_TOKEN = 4;

/** How many tokens stand for what is no text. */
export interface EstimateOptions {
  /** Pixels per token. */
  readonly imageFactor: number;
  /** Tokens of every image; wins over its size. */
  readonly staticImageTokens?: number;
  /** Size of an image that does not say. */
  readonly defaultImage: { readonly width: number; readonly height: number };
  readonly videoFramesPerSecond: number;
  readonly videoSeconds: number;
  readonly videoFrame: { readonly width: number; readonly height: number };
}

export const DEFAULT_ESTIMATE: EstimateOptions = {
  imageFactor: 1024,
  defaultImage: { width: 640, height: 360 },
  videoFramesPerSecond: 2,
  videoSeconds: 10,
  videoFrame: { width: 640, height: 360 },
};
/** Of one picture at most: 4096 tokens a side. */
const MAX_PLACEHOLDERS = 1 << 24;

/** What a prompt is estimated at. */
export interface Estimate {
  readonly tokens: number;
  /** By part the tokens that stand for it; 0 for text. */
  readonly placeholders: readonly number[];
}

/** Looks at every part once: to find the size of a picture, it is decoded. */
export function estimateOf(parts: readonly PromptPart[], options: EstimateOptions): Estimate {
  const placeholders: number[] = [];
  let bytes = 0;
  for (const part of parts) {
    const tokens = part.kind === "text" ? 0 : placeholderTokens(part, options);
    if (part.kind === "text") bytes += Buffer.byteLength(part.text);
    else bytes = padded(bytes) + BYTES_PER_TOKEN * tokens;
    placeholders.push(tokens);
  }
  return { tokens: Math.ceil(bytes / BYTES_PER_TOKEN), placeholders };
}

/** Writes the tokens' bytes, the last token filled up with zeros, into the memory's room; gives their number. */
export function writeEstimate(
  parts: readonly PromptPart[],
  { tokens, placeholders }: Estimate,
  memory: HashMemory,
): number {
  const codes = parts.map((part) => (part.kind === "text" ? 0 : placeholderCode(part, memory)));
  const length = BYTES_PER_TOKEN * tokens;
  const room = memory.room(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (part.kind === "text") {
      at += room.write(part.text, at, "utf8");
      continue;
    }
    const from = padded(at);
    room.fill(0, at, from);
    at = from + BYTES_PER_TOKEN * placeholders[i]!;
    for (let word = from; word < at; word += BYTES_PER_TOKEN) room.writeInt32LE(codes[i]!, word);
  }
  room.fill(0, at, length);
  return length;
}

type Placeholder = Exclude<PromptPart, { kind: "text" }>;

/** The token that stands for a part: half of its content's hash. */
function placeholderCode(part: Placeholder, memory: HashMemory): number {
  memory.hashText(part.kind === "audio" ? part.content : part.url);
  return memory.lo;
}

function placeholderTokens(part: Placeholder, options: EstimateOptions): number {
  if (part.kind === "audio") return Math.max(1, Math.ceil(part.bytes / BYTES_PER_TOKEN));
  if (part.kind === "video") {
    const { videoFramesPerSecond, videoSeconds, videoFrame, imageFactor } = options;
    return Math.max(1, Math.floor(videoFramesPerSecond * videoSeconds)) * frameTokens(videoFrame, imageFactor);
  }
  if (options.staticImageTokens !== undefined) return options.staticImageTokens;
  const size = part.inline === true ? inlineImageSize(part.url) : imageSize(part.url);
  return frameTokens(size ?? options.defaultImage, options.imageFactor);
}

function frameTokens({ width, height }: { width: number; height: number }, pixelsPerToken: number): number {
  return Math.min(MAX_PLACEHOLDERS, Math.max(1, Math.floor((width * height) / pixelsPerToken)));
}

function padded(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN) * BYTES_PER_TOKEN;
}
