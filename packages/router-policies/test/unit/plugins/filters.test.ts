import type { Endpoint } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { byLabel } from "../../../src/filters/by-label.ts";
import { decodeFilter } from "../../../src/filters/decode-filter.ts";
import { encodeFilter } from "../../../src/filters/encode-filter.ts";
import { headerBasedTestingFilter } from "../../../src/filters/header-based-testing-filter.ts";
import { labelSelectorFilter } from "../../../src/filters/label-selector-filter.ts";
import { prefillFilter } from "../../../src/filters/prefill-filter.ts";
import { utilizationDetector } from "../../../src/filters/utilization-detector.ts";
import { context, draws, endpoint, request, unscraped } from "../../support/routing.ts";

interface Filters {
  filter(r: ReturnType<typeof request>, e: readonly Endpoint[], nowUs: number): readonly Endpoint[];
}
const kept = (filter: Filters, endpoints: readonly Endpoint[], headers = {}, nowUs = 0): number[] =>
  filter.filter(request({ headers }), endpoints, nowUs).map(({ slot }) => slot);

const ROLES = [
  ...["decode", "prefill", "prefill-decode", "both", "encode", "encode-prefill"],
  ...["encode-prefill-decode", "else"],
];
const withRoles = [...ROLES.map((role, slot) => endpoint(slot, {}, { "llm-d.ai/role": role })), endpoint(ROLES.length)];

describe("role filters", () => {
  const roles = (filter: Filters) => kept(filter, withRoles).map((slot) => ROLES[slot] ?? "none");
  it("decode keeps decoding roles and none", () => {
    const expected = ["decode", "prefill-decode", "both", "encode-prefill-decode", "none"];
    expect(roles(decodeFilter.create({}, context()))).toEqual(expected);
  });
  it("prefill keeps prefilling roles", () => {
    const expected = ["prefill", "prefill-decode", "both", "encode-prefill", "encode-prefill-decode"];
    expect(roles(prefillFilter.create({}, context()))).toEqual(expected);
  });
  it("encode keeps encoding roles", () => {
    expect(roles(encodeFilter.create({}, context()))).toEqual(["encode", "encode-prefill", "encode-prefill-decode"]);
  });
  it("gives the given list itself when it drops nothing", () => {
    const endpoints = [endpoint(0), endpoint(1)];
    expect(decodeFilter.create({}, context()).filter(request(), endpoints, 0)).toBe(endpoints);
  });
  it("may stand behind itself", () => {
    const filter = prefillFilter.create({}, context());
    const once = filter.filter(request(), withRoles, 0);
    expect(kept(filter, once)).toEqual([1, 2, 3, 5, 6]);
  });
});

describe("label-selector-filter", () => {
  const endpoints = [
    endpoint(0, {}, { gpu: "h100", zone: "a" }),
    endpoint(1, {}, { gpu: "l4", zone: "a" }),
    endpoint(2, {}, { zone: "b" }),
  ];
  const select = (parameters: Record<string, unknown>) =>
    kept(labelSelectorFilter.create(labelSelectorFilter.parameters.parse(parameters), context()), endpoints);
  const where = (key: string, operator: string, values?: string[]) =>
    select({ matchExpressions: [{ key, operator, values }] });

  it("keeps exact labels", () => {
    expect(select({ matchLabels: { gpu: "l4" } })).toEqual([1]);
    expect(select({ matchLabels: { gpu: "h100", zone: "b" } })).toEqual([]);
  });
  it("knows the four operators; NotIn keeps a missing label", () => {
    expect(where("gpu", "In", ["h100", "l4"])).toEqual([0, 1]);
    expect(where("gpu", "NotIn", ["h100"])).toEqual([1, 2]);
    expect(where("gpu", "Exists")).toEqual([0, 1]);
    expect(where("gpu", "DoesNotExist")).toEqual([2]);
  });
  it("keeps all when empty", () => {
    expect(select({})).toEqual([0, 1, 2]);
  });
  it("refuses values where there must be none, and none where there must be some", () => {
    expect(() => where("gpu", "Exists", ["x"])).toThrow(/take none/);
    expect(() => where("gpu", "In", [])).toThrow(/need/);
  });
});

describe("by-label", () => {
  const endpoints = [endpoint(0, {}, { gpu: "h100" }), endpoint(1, {}, { gpu: "l4" }), endpoint(2)];
  it("keeps valid values, and a missing label only when allowed", () => {
    const parameters = { label: "gpu", validValues: ["h100"], allowsNoLabel: false };
    expect(kept(byLabel.create(parameters, context()), endpoints)).toEqual([0]);
    expect(kept(byLabel.create({ ...parameters, allowsNoLabel: true }, context()), endpoints)).toEqual([0, 2]);
  });
});

describe("header-based-testing-filter", () => {
  const filter = headerBasedTestingFilter.create({}, context());
  const v6 = { ...endpoint(7), address: "[fd00::1]:8000" };
  const endpoints = [endpoint(0), endpoint(1), { ...endpoint(2), address: "10.0.0.1:8001" }, v6];
  const by = (value: string) => kept(filter, endpoints, { "test-epp-endpoint-selection": value });

  it("keeps what the header lists, in its order, one per IP", () => {
    expect(by("10.0.0.1, 10.0.0.0")).toEqual([1, 0]);
    expect(by("10.0.0.1:8001,10.0.0.1")).toEqual([2]);
    expect(by("[fd00::1]:8000")).toEqual([7]);
    expect(by("[fd00::1]:9000")).toEqual([]);
  });
  it("keeps nothing without the header", () => {
    expect(kept(filter, endpoints)).toEqual([]);
  });
});

describe("utilization-detector", () => {
  const parameters = utilizationDetector.parameters.parse({});
  const detector = utilizationDetector.create(parameters, context());
  const loaded = (slot: number, waitingQueueSize: number, kvCacheUsageFraction: number, updatedAtUs = 0) =>
    endpoint(slot, { waitingQueueSize, kvCacheUsageFraction, updatedAtUs });

  it("averages max(queue / 5, usage / 0.8) without a limit", () => {
    // max(10/5, 0.4/0.8) = 2; max(0, 0.4/0.8) = 0.5.
    expect(detector.saturation!([loaded(0, 10, 0.4), loaded(1, 0, 0.4)], 0)).toBe(1.25);
  });
  it("counts stale, unscraped and no endpoints as 1", () => {
    expect(detector.saturation!([], 0)).toBe(1);
    expect(detector.saturation!([unscraped(0), loaded(1, 0, 0)], 0)).toBe(0.5);
    expect(detector.saturation!([loaded(0, 0, 0)], 200_000)).toBe(0);
    expect(detector.saturation!([loaded(0, 0, 0)], 200_001)).toBe(1);
  });
  it("strictly takes the server's staleness of 2 s", () => {
    const strict = utilizationDetector.create(parameters, context(draws(0), true));
    expect(strict.saturation!([loaded(0, 0, 0)], 2_000_000)).toBe(0);
    expect(strict.saturation!([loaded(0, 0, 0)], 2_000_001)).toBe(1);
  });
  it("as a filter keeps endpoints below both thresholds, all when there are none", () => {
    const endpoints = [loaded(0, 4, 0.79), loaded(1, 5, 0), loaded(2, 0, 0.8), unscraped(3)];
    expect(kept(detector, endpoints)).toEqual([0]);
    expect(kept(detector, endpoints.slice(1))).toEqual([1, 2, 3]);
    const roomy = utilizationDetector.create({ ...parameters, headroom: 0.25 }, context());
    expect(kept(roomy, endpoints)).toEqual([0, 1, 2]);
  });
});
