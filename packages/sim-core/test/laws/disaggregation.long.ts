import { describe, it } from "vitest";
import { randomDisaggregatedFleet } from "../support/random-disaggregated-fleet.ts";
import { expectSameOnBothPaths } from "../support/same-on-both-paths.ts";

describe("a fleet whose pods prefill for one another", () => {
  it("is the same of fast and of plain engines, on 10,000 random scenarios", () => {
    expectSameOnBothPaths(randomDisaggregatedFleet, { numRuns: 10_000, endOnFailure: process.env.CI !== undefined });
  });
});
