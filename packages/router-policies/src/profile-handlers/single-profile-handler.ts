import * as z from "zod";
import { defineProfileHandler } from "../framework/plugin.ts";
import { NO_MORE, onlyProfileOf } from "./only-profile.ts";

/** Runs the only profile once. Source: llm-d-router `profilehandler/single`. */
export const singleProfileHandler = defineProfileHandler({
  type: "single-profile-handler",
  summary: "Runs the only profile and answers with its choice.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  create: () => ({
    onlyProfile: true,
    pick: (_request, profiles, results) => (results.size === 0 ? profiles : NO_MORE),
    primary: onlyProfileOf,
  }),
});
