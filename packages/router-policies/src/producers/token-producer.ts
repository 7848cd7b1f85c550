import * as z from "zod";
import type { TokensData } from "../framework/data.ts";
import { defineProducer } from "../framework/plugin.ts";
import { durationUs } from "../framework/units.ts";

/** The name under which tokens are looked for. */
export const TOKEN_PRODUCER = "token-producer";

const goDuration = z.string().refine((text) => durationUs(text) !== undefined, "not a duration such as 5s");

const image = z.strictObject({
  mode: z.enum(["dynamic", "static"]).optional(),
  defaultResolution: z.looseObject({}).optional(),
  dynamic: z.strictObject({ factor: z.number().positive().optional() }).optional(),
  static: z.strictObject({ staticToken: z.int().nonnegative().optional() }).optional(),
});

const parameters = z
  .strictObject({
    modelName: z.string().optional().describe("model of the renderer; alone it selects vllm"),
    vllm: z
      .strictObject({
        url: z.string().default("http://localhost:8000"),
        timeout: goDuration.default("5s"),
        mmTimeout: goDuration.default("30s"),
      })
      .optional()
      .describe("tokens from a vLLM renderer, asked by the host"),
    estimate: z
      .strictObject({ image: image.optional(), video: z.looseObject({}).optional() })
      .optional()
      .describe("four bytes of UTF-8 as one token; the default"),
    udsTokenizerConfig: z.looseObject({ socketFile: z.string().optional() }).optional().describe("deprecated"),
  })
  .superRefine((given, context) => {
    const backends = (["vllm", "estimate", "udsTokenizerConfig"] as const).filter((name) => given[name] !== undefined);
    if (backends.length > 1) {
      context.addIssue({
        code: "custom",
        path: [backends[1]!],
        message: `only one of ${backends.join(", ")} may be set`,
      });
    }
    if (backends[0] === "vllm" && !given.modelName) {
      context.addIssue({ code: "custom", path: ["vllm"], message: "vllm needs modelName" });
    }
    if (backends[0] === "estimate" && given.modelName) {
      context.addIssue({
        code: "custom",
        path: ["estimate"],
        message: "modelName selects vllm: estimate may not be set",
      });
    }
  });
type Parameters = z.output<typeof parameters>;

/**
 * Says how many tokens the prompt has. Tokenizing itself is the host's part: it estimates or asks the renderer before
 * it hands the request over (llm-d-router, `dataproducer/tokenizer`).
 */
export const tokenProducer = defineProducer<Parameters>({
  type: TOKEN_PRODUCER,
  aliases: ["tokenizer"],
  summary: "Gives the prompt's tokens: an estimate of four bytes each, or those of a vLLM renderer",
  parameters,
  produces: ["tokens"],
  create: () => {
    const tokens: TokensData = { available: false, promptTokens: 0 };
    return {
      data: { tokens },
      produce(request) {
        tokens.promptTokens = request.promptTokens;
        tokens.available = request.promptTokens > 0;
      },
    };
  },
});
