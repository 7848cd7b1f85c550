import * as z from "zod";
import { defineDecider } from "../framework/plugin.ts";

/** Every request prefills on an endpoint of its own. Source: llm-d-router `profilehandler/disagg`. */
export const alwaysDisaggPdDecider = defineDecider({
  type: "always-disagg-pd-decider",
  summary: "Has every request's prompt computed by a prefill endpoint.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  create: () => ({ disaggregate: () => true }),
});
