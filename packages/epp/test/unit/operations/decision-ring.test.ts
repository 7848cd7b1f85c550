import { describe, expect, test } from "vitest";
import { DecisionRing } from "../../../src/operations/decision-ring.ts";
import { flight, record, refusal } from "./flights.ts";

describe("which decisions are explained", () => {
  test("ten a second at most, by time", () => {
    const ring = new DecisionRing();
    const asked = Array.from({ length: 3000 }, (_, index) => ring.wantsExplanation(index * 1000));
    expect(asked.filter(Boolean)).toHaveLength(30);
    expect(asked[0]).toBe(true);
  });

  test("one more when it is asked for", () => {
    const ring = new DecisionRing();
    expect([ring.wantsExplanation(0), ring.wantsExplanation(1)]).toEqual([true, false]);
    ring.explainNext();
    expect([ring.wantsExplanation(2), ring.wantsExplanation(3)]).toEqual([true, false]);
  });
});

describe("what is kept", () => {
  test("the last ones, newest first, and only those with a record", () => {
    const ring = new DecisionRing(3);
    for (const id of ["a", "b", "c", "d"]) ring.dispatched(flight({ id }, { record: record(id) }));
    ring.dispatched(flight({ id: "unexplained" }));
    expect(ring.decisions().map(({ request }) => request.id)).toEqual(["d", "c", "b"]);
    expect(ring.decisionOf("a")).toBeUndefined();
    expect(ring.decisionOf("c")?.record.requestId).toBe("c");
  });

  test("what came of it, also when others came between", () => {
    const ring = new DecisionRing(2);
    const first = flight({ id: "a" }, { record: record("a") });
    ring.dispatched(first);
    ring.dispatched(flight({ id: "b" }, { record: record("b") }));
    const end = { endedAtUs: 2_000_000, responseStartedAtUs: 1_250_000, end: "completed", status: 200 } as const;
    ring.responseEnded({ ...first, ...end });
    expect(ring.decisionOf("a")?.response).toMatchObject({ end: "completed", ttftSeconds: 0.25, durationSeconds: 1 });
    expect(ring.decisionOf("b")?.response).toBeUndefined();
  });

  test("an end that comes after the decision was pushed out changes nothing", () => {
    const ring = new DecisionRing(1);
    const first = flight({ id: "a" }, { record: record("a") });
    ring.dispatched(first);
    ring.dispatched(flight({ id: "b" }, { record: record("b") }));
    ring.responseEnded({ ...first, endedAtUs: 2_000_000, end: "completed" });
    expect(ring.decisions()).toHaveLength(1);
    expect(ring.decisionOf("b")?.response).toBeUndefined();
  });

  test("refusals, and nothing that holds on to the request", () => {
    const ring = new DecisionRing();
    ring.refused(refusal({ id: "a" }, { record: record("a", { outcome: "rejected" }) }));
    const kept = ring.decisionOf("a")!;
    expect(kept.refusal).toEqual({ status: 429, message: "no endpoints available" });
    expect(Object.values(kept.request).some((value) => typeof value === "function" || typeof value === "object")).toBe(
      false,
    );
  });
});
