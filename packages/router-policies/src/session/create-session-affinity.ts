import * as z from "zod";
import { PolicyError } from "../errors.ts";
import { EncodedEndpointHeader } from "./encoded-endpoint-header.ts";
import type { SessionAffinity } from "./session-affinity.ts";
import { SessionBindings } from "./session-bindings.ts";

const seconds = (defaultSeconds: number) => z.number().positive().default(defaultSeconds);

/** Parameters of the scorer and of the filter. */
export const sessionAffinityParameters = z.strictObject({
  strategy: z
    .enum(["encoded_endpoint_header", "session_id"])
    .default("encoded_endpoint_header")
    .describe("whether the client brings the endpoint back, or a session's id"),
  encodedEndpointHeaderConfig: z
    .strictObject({ header: z.string().default("x-session-token").describe("request and response header") })
    .prefault({}),
  sessionIdConfig: z
    .strictObject({
      sources: z
        .array(
          z.strictObject({
            header: z.string().optional(),
            attribute: z.string().optional().describe("not supported: give header"),
            producer: z.string().optional(),
          }),
        )
        .default([{ header: "x-session-id" }])
        .describe("the first that has an id counts"),
      evictionTtlSeconds: seconds(300).describe("how long a session is remembered unused"),
      evictionSweepSeconds: seconds(10).describe("how often sessions are looked through for those"),
    })
    .prefault({}),
  profileName: z.string().optional().describe("profile whose choice binds the session; the primary one by default"),
});
export type SessionAffinityParameters = z.output<typeof sessionAffinityParameters>;

/** @throws PolicyError for sources that are not supported */
export function createSessionAffinity(given: SessionAffinityParameters): SessionAffinity {
  if (given.strategy === "encoded_endpoint_header") {
    return new EncodedEndpointHeader(given.encodedEndpointHeaderConfig.header, given.profileName);
  }
  const { sources, evictionTtlSeconds } = given.sessionIdConfig;
  const headers = sources.map(({ header, attribute }) => {
    if (!header || attribute)
      throw new PolicyError("sessionIdConfig.sources: attributes are not supported yet (use header)");
    return header.trim().toLowerCase();
  });
  return new SessionBindings(headers, evictionTtlSeconds * 1e6, given.profileName);
}
