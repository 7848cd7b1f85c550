import { describe, it } from "vitest";
import { randomEncodeFleet } from "../support/random-encode-fleet.ts";
import { expectSameOnBothPaths } from "../support/same-on-both-paths.ts";

describe("a fleet whose pods encode for one another", () => {
  it("is the same of fast and of plain engines, on 10,000 random scenarios", () => {
    expectSameOnBothPaths(randomEncodeFleet, { numRuns: 10_000, endOnFailure: process.env.CI !== undefined });
  });
});
