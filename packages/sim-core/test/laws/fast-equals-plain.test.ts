import fc from "fast-check";
import { describe, it } from "vitest";
import { fastEqualsPlain } from "../support/fast-equals-plain.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 400);

describe("the fast engine is the plain engine", () => {
  it("agrees with it to the microsecond, on every request, gauge, KV event and counter", () => {
    fc.assert(fastEqualsPlain, {
      numRuns,
      interruptAfterTimeLimit: 30_000,
      endOnFailure: process.env.CI !== undefined,
    });
  });
});
