import * as z from "zod";
import { keepWhere } from "../filters/keep.ts";
import type { TokensData } from "../framework/data.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineScorer } from "../framework/plugin.ts";
import { TOKEN_PRODUCER } from "../producers/token-producer.ts";

const DEFAULT_LABEL = "llm-d.ai/context-length-range";
/** Scores of endpoints whose range has the request's length lie above it, all others at or below. */
const OUT_OF_RANGE_SCORE = 0.3;
const UNLABELLED_SCORE = 0.5;
const RANGE = /^\s*(\+?\d+)\s*-\s*(\+?\d+)\s*$/;

const parameters = z.strictObject({
  label: z.string().min(1).default(DEFAULT_LABEL).describe('label with the range of lengths, "min-max" in tokens'),
  enableFiltering: z.boolean().default(false).describe("also drop endpoints whose range lacks the request's length"),
});

interface LengthRange {
  readonly minTokens: number;
  readonly maxTokens: number;
}

/** The range of a label's text. */
function lengthRange(text: string | undefined): LengthRange | "unlabelled" | "unreadable" {
  if (text === undefined) return "unlabelled";
  const [, min, max] = RANGE.exec(text) ?? [];
  const range = { minTokens: Number(min), maxTokens: Number(max) };
  return range.minTokens <= range.maxTokens ? range : "unreadable";
}

const isIn = (tokens: number, { minTokens, maxTokens }: LengthRange): boolean =>
  tokens >= minTokens && tokens <= maxTokens;

/**
 * In range: 0.3 + 0.7 · (0.7 / (1 + width / 10000) + 0.3 · (max − length) / width), 1 for a width of 0. Out of range:
 * 0.3 / (1 + distance / 1000).
 */
function rangeScore(tokens: number, range: LengthRange): number {
  const { minTokens, maxTokens } = range;
  if (!isIn(tokens, range)) {
    const distance = tokens > maxTokens ? tokens - maxTokens : minTokens - tokens;
    return OUT_OF_RANGE_SCORE / (1 + distance / 1000);
  }
  const width = maxTokens - minTokens;
  if (width === 0) return 1;
  const fit = 0.7 * (1 / (1 + width / 10000)) + 0.3 * ((maxTokens - tokens) / width);
  return OUT_OF_RANGE_SCORE + fit * (1 - OUT_OF_RANGE_SCORE);
}

/** Prefers endpoints labelled for prompts of the request's length. Source: llm-d-router `scorer/contextlengthaware`. */
export const contextLengthAware = defineScorer<z.output<typeof parameters>>({
  type: "context-length-aware",
  aliases: ["context-length-aware-scorer"],
  summary: "Prefers endpoints whose label gives a range of prompt lengths that fits the request; can filter by it too.",
  parameters,
  requires: () => [{ kind: "tokens", producer: TOKEN_PRODUCER }],
  create({ label, enableFiltering }, context) {
    const tokens = context.data("tokens", TOKEN_PRODUCER);
    const scratch: Endpoint[] = [];
    // Labels do not change while an endpoint is there.
    const ranges = new WeakMap<Endpoint, ReturnType<typeof lengthRange>>();
    const rangeOf = (endpoint: Endpoint): ReturnType<typeof lengthRange> => {
      const known = ranges.get(endpoint);
      if (known !== undefined) return known;
      const range = lengthRange(endpoint.labels[label]);
      ranges.set(endpoint, range);
      return range;
    };
    const keeps = (endpoint: Endpoint): boolean => {
      const range = rangeOf(endpoint);
      return typeof range === "string" ? range === "unlabelled" : isIn(lengthOf(tokens), range);
    };
    return {
      score(_request, endpoints, scores) {
        for (let i = 0; i < endpoints.length; i++) {
          const range = rangeOf(endpoints[i]!);
          if (typeof range === "string") scores[i] = range === "unlabelled" ? UNLABELLED_SCORE : 0;
          else scores[i] = rangeScore(lengthOf(tokens), range);
        }
      },
      facts: ({ labels }) => labels[label] ?? "no range",
      ...(enableFiltering ? { filter: (_request, endpoints) => keepWhere(endpoints, scratch, keeps) } : {}),
    };
  },
});

const lengthOf = ({ available, promptTokens }: TokensData): number => (available ? promptTokens : 0);
