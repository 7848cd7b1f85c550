import * as z from "zod";
import { defineDecider } from "../framework/plugin.ts";

/** Requests with images, audio or video are encoded on endpoints of their own. Source: llm-d-router `profilehandler/disagg`. */
export const alwaysDisaggMultimodalDecider = defineDecider({
  type: "always-disagg-multimodal-decider",
  summary: "Has requests with images, audio or video encoded by encode endpoints.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  create: () => ({ disaggregate: (request) => request.hasMultimodal === true }),
});
