import * as z from "zod";
import { defineProfileHandler } from "../framework/plugin.ts";
import { NO_MORE, onlyProfileOf } from "./only-profile.ts";

const DEFAULT_HEADER = "EPP-Profile";
const DEFAULT_PROFILE = "decode";

const parameters = z.strictObject({
  headerName: z.string().default(DEFAULT_HEADER).describe("header that names the profile"),
  defaultProfile: z.string().default(DEFAULT_PROFILE).describe("profile of requests without the header"),
});

/**
 * Runs the one profile that a header names; a lone profile always. A name that no profile has is refused. Source:
 * llm-d-router `profilehandler/headerprofile`.
 */
export const headerProfileHandler = defineProfileHandler<z.output<typeof parameters>>({
  type: "header-profile-handler",
  summary: "Runs the profile that a request header names.",
  parameters,
  alpha: true,
  create(given) {
    const header = (given.headerName.trim() || DEFAULT_HEADER).toLowerCase();
    const fallback = given.defaultProfile.trim() || DEFAULT_PROFILE;
    return {
      onlyProfile: true,
      pick(request, profiles, results) {
        if (results.size > 0) return NO_MORE;
        if (profiles.length === 1) return profiles;
        const name = request.header(header)?.trim() || fallback;
        return profiles.includes(name) ? [name] : NO_MORE;
      },
      primary: onlyProfileOf,
    };
  },
});
