import { describe, expect, it } from "vitest";
import { routingDifference } from "../../oracle/compare.ts";
import type { Routing } from "../../support/gateway-messages.ts";

const ROUTED: Routing = {
  destination: "a",
  destinationInMetadata: "a",
  scores: { a: 2, b: 1 },
  setHeaders: {},
  body: Buffer.alloc(0),
  chunkBytes: [],
  ended: false,
};
const refused = (status: number, body: string): Routing => {
  const { destination, destinationInMetadata, scores, ...rest } = ROUTED;
  return { ...rest, immediate: { status, body, headers: {} } };
};

describe("what the oracle calls a difference", () => {
  it("finds none in equal answers, and none in scores that differ by rounding", () => {
    expect(routingDifference(ROUTED, { ...ROUTED, scores: { a: 2 + 5e-7, b: 1 } })).toBeUndefined();
    expect(routingDifference(refused(503, "x"), refused(503, "x"))).toBeUndefined();
  });

  it("sees another score, another set of endpoints, another destination", () => {
    expect(routingDifference(ROUTED, { ...ROUTED, scores: { a: 2.00001, b: 1 } })).toContain("score of a");
    expect(routingDifference(ROUTED, { ...ROUTED, scores: { a: Number.NaN, b: 1 } })).toContain("score of a");
    expect(routingDifference(ROUTED, { ...ROUTED, scores: { a: 2 } })).toContain("scored endpoints");
    const other = { ...ROUTED, destination: "b", destinationInMetadata: "b" };
    expect(routingDifference(ROUTED, other)).toContain("destination");
  });

  it("allows either of two that are equally good", () => {
    const tied = { ...ROUTED, scores: { a: 2, b: 2 } };
    expect(routingDifference(tied, { ...tied, destination: "b", destinationInMetadata: "b" })).toBeUndefined();
  });

  it("sees a header and metadata that do not agree", () => {
    expect(routingDifference({ ...ROUTED, destinationInMetadata: "b" }, ROUTED)).toContain("in metadata b");
  });

  it("sees another status, another body, and a refusal beside a routing", () => {
    expect(routingDifference(refused(503, "x"), refused(429, "x"))).toContain("503");
    expect(routingDifference(refused(503, "x"), refused(503, "y"))).toContain("y");
    expect(routingDifference(ROUTED, refused(503, "x"))).toContain("ours routed");
    expect(routingDifference({ ...ROUTED, failed: { code: 2, details: "d" } }, ROUTED)).toContain("gRPC 2");
  });
});
