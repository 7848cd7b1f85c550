import type { Dispatched, Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { base64Of, textOfBase64 } from "../../../src/session/base64.ts";
import { config, outcome, request, router } from "../../support/routing.ts";

describe("base64", () => {
  it.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["default/pod-0", "ZGVmYXVsdC9wb2QtMA=="],
    ["ü/é", "w7wvw6k="],
  ])("of %j is %j, and back (RFC 4648, section 10)", (text, encoded) => {
    expect(base64Of(text)).toBe(encoded);
    expect(textOfBase64(encoded)).toBe(text);
  });
  it.each(["Zg", "Zg=", "Z===", "Zm9v!", "Zm9v\n", "/w=="])("%j is none", (text) => {
    expect(textOfBase64(text)).toBeUndefined();
  });
});

const text = (type: string, parameters: string): string => `plugins:
- {type: ${type}, name: session, parameters: ${parameters}}
- type: queue-scorer
schedulingProfiles:
- name: default
  plugins: [{pluginRef: session, weight: 2}, {pluginRef: queue-scorer, weight: 1}]
`;
function fleet(type: string, parameters = "{}", queues: readonly number[] = [0, 1, 2]): Router {
  const built = router(text(type, parameters), queues.length, { allowExperimentalPlugins: true });
  setQueues(built, queues);
  return built;
}
function setQueues(built: Router, queues: readonly number[]): void {
  for (const [i, waitingQueueSize] of queues.entries())
    built.updateMetrics(built.endpoints[i]!, { waitingQueueSize }, 0);
}
const routed = (built: Router, headers: Record<string, string>, nowUs = 0): string =>
  outcome(built.requestArrived(request({ headers }), nowUs));

describe.each(["session-affinity-scorer", "session-affinity-filter"])("%s", (type) => {
  it("goes back to the endpoint that the client's token names, and gives it one", () => {
    const built = fleet(type);
    const first = built.requestArrived(request(), 0) as Dispatched;
    expect(first.targets[0]!.name).toBe("e0");
    expect(first.responseHeaders).toEqual([["x-session-token", base64Of("default/e0")]]);
    expect(routed(built, { "x-session-token": base64Of("default/e2") })).toBe("e2");
    expect(routed(built, { "x-session-token": base64Of("default/gone") })).toBe("e0");
    expect(routed(built, { "x-session-token": "no base64" })).toBe("e0");
  });
  it("reads the header that it is told", () => {
    const built = fleet(type, "{encodedEndpointHeaderConfig: {header: X-Mine}}");
    expect(routed(built, { "x-mine": base64Of("default/e2") })).toBe("e2");
  });
  it("binds a session to the endpoint that served it", () => {
    const built = fleet(type, "{strategy: session_id}");
    expect(routed(built, { "x-session-id": "s" })).toBe("e0");
    setQueues(built, [2, 1, 0]);
    expect(routed(built, { "x-session-id": "s" })).toBe("e0");
    expect(routed(built, { "x-session-id": "other" })).toBe("e2");
    expect(routed(built, {})).toBe("e2");
  });
  it("moves a session whose endpoint is gone", () => {
    const built = fleet(type, "{strategy: session_id}");
    routed(built, { "x-session-id": "s" });
    built.removeEndpoint(built.endpoints[0]!);
    expect(routed(built, { "x-session-id": "s" })).toBe("e1");
    setQueues(built, [9, 0]);
    expect(routed(built, { "x-session-id": "s" })).toBe("e1");
  });
  it("forgets a session after 300 s", () => {
    const built = fleet(type, "{strategy: session_id}");
    routed(built, { "x-session-id": "s" });
    setQueues(built, [2, 1, 0]);
    expect(routed(built, { "x-session-id": "s" }, 300e6)).toBe("e0");
    expect(routed(built, { "x-session-id": "s" }, 600e6 + 1)).toBe("e2");
  });
  it("takes the first source that has an id", () => {
    const built = fleet(type, "{strategy: session_id, sessionIdConfig: {sources: [{header: A}, {header: b}]}}");
    routed(built, { a: " ", b: "s" });
    setQueues(built, [2, 1, 0]);
    expect(routed(built, { a: "s" })).toBe("e0");
    expect(() => fleet(type, "{strategy: session_id, sessionIdConfig: {sources: [{attribute: x}]}}")).toThrow(
      /epp\.yaml:4:10: session: sessionIdConfig\.sources: attributes are not supported yet/,
    );
  });
  it("takes a session's id from a session-id-producer that it names", () => {
    const source = (producer: string) =>
      `{strategy: session_id, sessionIdConfig: {sources: [{attribute: SessionIDDataKey, producer: ${producer}}]}}`;
    const named = (producer: string) => {
      const producers = "- {type: session-id-producer, name: mine, parameters: {cookieName: sid}}\nschedulingProfiles:";
      const body = text(type, source(producer)).replace("schedulingProfiles:", producers);
      const built = router(body, 3, { allowExperimentalPlugins: true });
      setQueues(built, [0, 1, 2]);
      const ask = (sid: string) => outcome(built.requestArrived(request({ cookies: { sid } }), 0));
      const first = ask("s");
      setQueues(built, [2, 1, 0]);
      return { answers: [first, ask("s"), ask("other"), ask("s")], warnings: built.config.warnings };
    };
    expect(named("mine").answers).toEqual(["e0", "e0", "e2", "e0"]);
    expect(named("mine").warnings).toEqual([]);
    // Another name gives no session, as upstream, and is told.
    expect(named("session-id-producer").answers).toEqual(["e0", "e2", "e2", "e2"]);
    expect(named("yours").warnings).toMatchObject([
      { message: '"session" runs without session data: "yours" is not there' },
    ]);
  });
  it("refuses a source of both kinds, and attributes that nobody gives", () => {
    const built = (source: string) => () =>
      fleet(type, `{strategy: session_id, sessionIdConfig: {sources: [${source}]}}`);
    expect(built("{header: a, attribute: SessionIDDataKey}")).toThrow(/exactly one of header and attribute/);
    expect(built("{}")).toThrow(/exactly one of header and attribute/);
    expect(built("{attribute: SessionIdDataKey}")).toThrow(
      /not supported yet: "SessionIdDataKey" \(use SessionIDDataKey/,
    );
  });
  it("is alpha", () => expect(() => config(text(type, "{}"))).toThrow(/is alpha/));
});
