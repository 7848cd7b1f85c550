import type { Dispatched } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { outcome, request, router } from "../../support/routing.ts";

const profiles = (...names: string[]): string =>
  names.map((name) => `- {name: ${name}, plugins: [{pluginRef: ${name}-filter}]}`).join("\n");
const FILTERS = `- {type: label-selector-filter, name: a-filter, parameters: {matchLabels: {stage: a}}}
- {type: label-selector-filter, name: decode-filter, parameters: {matchLabels: {stage: b}}}
`;

describe("data-parallel-profile-handler", () => {
  const text = (parameters = "{}", more = ""): string => `plugins:
- {type: data-parallel-profile-handler, parameters: ${parameters}}
- {type: max-score-picker, parameters: {maxNumOfEndpoints: 2}}
${more}schedulingProfiles:
- {name: default, plugins: []}
`;
  it("sends to the primary port and names the rank", () => {
    const ranks = router(text("{primaryPort: 9000}"), 1);
    const decision = ranks.requestArrived(request(), 0) as Dispatched;
    expect(decision).toMatchObject({
      destination: "10.0.0.0:9000",
      headers: [["x-data-parallel-host-port", "10.0.0.0:8000"]],
      targets: [{ name: "e0" }],
    });
  });
  it("keeps the order of several targets, IPv6 in brackets", () => {
    const ranks = router(text(), 0);
    ranks.addEndpoint({ name: "a", namespace: "n", address: "[fd00::1]:8003", labels: {} });
    ranks.addEndpoint({ name: "b", namespace: "n", address: "10.1.1.1:8001", labels: {} });
    const { destination, headers, targets } = ranks.requestArrived(request(), 0) as Dispatched;
    const expected = targets.map(({ name }) => (name === "a" ? "[fd00::1]:8000" : "10.1.1.1:8000"));
    expect(destination).toBe(expected.join(","));
    expect(headers).toEqual([["x-data-parallel-host-port", targets[0]!.address]]);
  });
  it("serves nobody with several profiles, as upstream", () => {
    const two = router(text("{}", FILTERS) + profiles("a"), 1);
    expect(outcome(two.requestArrived(request(), 0))).toMatch(/^429 failed to find target endpoint/);
  });
  it("knows ports", () => {
    expect(() => router(text("{primaryPort: 65536}"), 1)).toThrow(/"primaryPort" of data-parallel-profile-handler/);
  });
});

describe("header-profile-handler", () => {
  const text = (parameters: string, ...names: string[]): string => `plugins:
- {type: header-profile-handler, parameters: ${parameters}}
${FILTERS}schedulingProfiles:
${profiles(...names)}
`;
  const two = (parameters = "{}") => {
    const built = router(text(parameters, "a", "decode"), 0, { allowExperimentalPlugins: true });
    built.addEndpoint({ name: "one", namespace: "n", address: "10.0.0.1:1", labels: { stage: "a" } });
    built.addEndpoint({ name: "two", namespace: "n", address: "10.0.0.2:1", labels: { stage: "b" } });
    return built;
  };
  const routed = (headers: Record<string, string>, parameters?: string): string =>
    outcome(two(parameters).requestArrived(request({ headers }), 0));

  it("runs the profile that the header names, the default one without", () => {
    expect(routed({ "epp-profile": " a " })).toBe("one");
    expect(routed({ "epp-profile": "  " })).toBe("two");
    expect(routed({})).toBe("two");
    expect(routed({}, "{defaultProfile: a}")).toBe("one");
    expect(routed({ "x-stage": "a" }, "{headerName: X-Stage}")).toBe("one");
  });
  it("refuses a name that no profile has", () => {
    expect(routed({ "epp-profile": "b" })).toMatch(/^429 failed to find target endpoint/);
    expect(routed({}, "{defaultProfile: b}")).toMatch(/^429 failed to find target endpoint/);
  });
  it("always runs a lone profile", () => {
    const one = router(text("{}", "a"), 0, { allowExperimentalPlugins: true });
    one.addEndpoint({ name: "one", namespace: "n", address: "10.0.0.1:1", labels: { stage: "a" } });
    expect(outcome(one.requestArrived(request({ headers: { "epp-profile": "decode" } }), 0))).toBe("one");
  });
  it("is alpha", () => {
    expect(() => router(text("{}", "a"), 0)).toThrow(/"header-profile-handler" is alpha/);
  });
});
