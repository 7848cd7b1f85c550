import * as z from "zod";
import { defineProfileHandler } from "../framework/plugin.ts";

const NO_MORE: readonly string[] = [];

/** Runs the only profile once. Source: llm-d-router `profilehandler/single`. */
export const singleProfileHandler = defineProfileHandler({
  type: "single-profile-handler",
  summary: "Runs the only profile and answers with its choice.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  create: () => ({
    onlyProfile: true,
    pick: (_request, profiles, results) => (results.size === 0 ? profiles : NO_MORE),
    primary: (results) => {
      for (const [profile, result] of results) return result === null ? undefined : profile;
      return undefined;
    },
  }),
});
