import * as z from "zod";
import { PolicyError, quoted } from "../errors.ts";
import type { DataKey } from "../framework/data.ts";
import type { PluginContext } from "../framework/plugin.ts";
import { EncodedEndpointHeader } from "./encoded-endpoint-header.ts";
import type { SessionAffinity } from "./session-affinity.ts";
import { SessionBindings, type SessionSource } from "./session-bindings.ts";

/** Upstream's name of what a `session-id-producer` gives (llm-d-router, `datalayer/attribute/session`). */
const SESSION_ATTRIBUTE = "SessionIDDataKey";

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
            attribute: z.string().optional().describe(`${SESSION_ATTRIBUTE}, in place of a header`),
            producer: z.string().optional().describe("session-id-producer that gives the attribute, by name"),
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

/** Where the sources that are no headers come from. */
export function sessionKeys({ strategy, sessionIdConfig }: SessionAffinityParameters): readonly DataKey[] {
  if (strategy !== "session_id") return [];
  return sessionIdConfig.sources.flatMap(({ attribute, producer = "" }): DataKey[] =>
    attribute === SESSION_ATTRIBUTE ? [{ kind: "session", producer, optional: true }] : [],
  );
}

/** @throws PolicyError for sources that are not supported */
export function createSessionAffinity(given: SessionAffinityParameters, { data }: PluginContext): SessionAffinity {
  if (given.strategy === "encoded_endpoint_header") {
    return new EncodedEndpointHeader(given.encodedEndpointHeaderConfig.header, given.profileName);
  }
  const { sources, evictionTtlSeconds } = given.sessionIdConfig;
  const read = sources.map(({ header, attribute, producer = "" }): SessionSource => {
    if (!header === !attribute) {
      throw new PolicyError("sessionIdConfig.sources: expected exactly one of header and attribute in each");
    }
    if (header) {
      const name = header.trim().toLowerCase();
      return (request) => request.header(name)?.trim();
    }
    if (attribute !== SESSION_ATTRIBUTE) {
      const allowed = `(use ${SESSION_ATTRIBUTE} of a session-id-producer, or header)`;
      throw new PolicyError(
        `sessionIdConfig.sources: attributes are not supported yet: ${quoted(attribute)} ${allowed}`,
      );
    }
    const session = data("session", producer);
    return () => session.id;
  });
  return new SessionBindings(read, evictionTtlSeconds * 1e6, given.profileName);
}
