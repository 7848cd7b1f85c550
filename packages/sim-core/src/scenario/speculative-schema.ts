import * as z from "zod";
import { type Speculation, tokensPerStep } from "../engine/step-time/speculative.ts";

/** Speculative decoding: exactly one of the two ways to say how many drafts are accepted. */
export const speculativeSchema = z
  .strictObject({
    method: z
      .enum(["mtp", "eagle", "ngram"])
      .meta({ description: "Who drafts: the model's own extra layer, a dense layer beside it, or the prompt" }),
    draftTokens: z.int().min(1).meta({ description: "Tokens drafted a step" }),
    acceptanceRate: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .meta({ description: "Probability that a draft is accepted when those before it were" }),
    acceptanceLength: z
      .number()
      .min(1)
      .optional()
      .meta({ description: "Tokens a step on average: accepted drafts and one more, as vLLM logs it" }),
  })
  .refine((given) => (given.acceptanceRate === undefined) !== (given.acceptanceLength === undefined), {
    error: "needs exactly one of acceptanceRate, acceptanceLength",
  })
  .refine((given) => (given.acceptanceLength ?? 1) <= given.draftTokens + 1, {
    error: "acceptanceLength is above draftTokens + 1",
  })
  .meta({ description: "Speculative decoding" });

/** What the step time needs of it. */
export function speculationOf(given: z.infer<typeof speculativeSchema>): Speculation {
  const { method, draftTokens, acceptanceRate = 0, acceptanceLength } = given;
  return { method, draftTokens, tokensPerStep: acceptanceLength ?? tokensPerStep(acceptanceRate, draftTokens) };
}
