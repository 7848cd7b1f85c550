import fc from "fast-check";
import { describe, it } from "vitest";
import { fastEqualsPlain } from "../support/fast-equals-plain.ts";

describe("the fast engine is the plain engine", () => {
  it("on 20,000 random scenarios", () => {
    fc.assert(fastEqualsPlain, { numRuns: 20_000, endOnFailure: process.env.CI !== undefined });
  });
});
