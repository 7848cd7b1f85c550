import { describe, it } from "vitest";
import { randomTieredFleet } from "../support/random-tiered-fleet.ts";
import { expectSameOnBothPaths } from "../support/same-on-both-paths.ts";

describe("a fleet with tiers below HBM", () => {
  it("is the same of fast and of plain engines, on 10,000 random scenarios", () => {
    expectSameOnBothPaths(randomTieredFleet, { numRuns: 10_000, endOnFailure: process.env.CI !== undefined });
  });
});
