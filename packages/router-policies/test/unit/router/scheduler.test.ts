import type { Endpoint, ProfileHandler } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { maxScorePicker } from "../../../src/pickers/max-score-picker.ts";
import { ProfileRecorder } from "../../../src/router/explain.ts";
import { CompiledProfile } from "../../../src/router/profile.ts";
import { Scheduler } from "../../../src/router/scheduler.ts";
import { context, endpoint, request } from "../../support/routing.ts";

const picker = maxScorePicker.create({ maxNumOfEndpoints: 1 }, context());
const ENDPOINTS = [endpoint(0), endpoint(1), endpoint(2)];

/** A profile that only keeps one slot; the picker is shared by all. */
const keeping = (name: string, slot: number): CompiledProfile =>
  new CompiledProfile(
    {
      name,
      filters: [{ name: "only", filter: { filter: (_, endpoints) => endpoints.filter((e) => e.slot === slot) } }],
      scorers: [],
      picker,
      pickerName: "max-score-picker",
    },
    { throwOutOfRange: false, normalise: false },
  );
const run = (handler: ProfileHandler, profiles: CompiledProfile[]) =>
  new Scheduler(handler, profiles).run(request(), ENDPOINTS as readonly Endpoint[], 0, null);
/** Runs the profiles one after another. */
const inTurn = (primary: string): ProfileHandler => ({
  pick: (_, profiles, results) => profiles.slice(results.size, results.size + 1),
  primary: (results) => (results.get(primary) ? primary : undefined),
});

describe("CompiledProfile", () => {
  const scoring = (...given: number[]) => {
    const scorer = { score: (_: unknown, __: unknown, scores: Float64Array) => scores.set(given) };
    return (throwOutOfRange: boolean) =>
      new CompiledProfile(
        { name: "p", filters: [], scorers: [{ name: "s", scorer, weight: 2 }], picker, pickerName: "max" },
        { throwOutOfRange, normalise: false },
      );
  };
  const totals = (profile: CompiledProfile): unknown => {
    const recorder = new ProfileRecorder();
    profile.run(request(), ENDPOINTS, 0, recorder);
    return recorder.record("p", true, "max").totals;
  };

  it("clamps scores to [0, 1] and lets NaN through", () => {
    expect(totals(scoring(-3, 0.25, 7)(false))).toEqual({ e0: 0, e1: 0.5, e2: 2 });
    expect(totals(scoring(Number.NaN, 1, 0)(false))).toEqual({ e0: Number.NaN, e1: 2, e2: 0 });
  });
  it("throws instead where asked", () => {
    expect(() => totals(scoring(0, 1.5, 0)(true))).toThrow('scorer "s" gave 1.5 for e1, expected 0 to 1');
    expect(() => totals(scoring(0, 1, -0.1)(true))).toThrow("gave -0.1 for e2");
    expect(totals(scoring(0, 1, 0.5)(true))).toEqual({ e0: 0, e1: 2, e2: 1 });
  });
});

describe("Scheduler", () => {
  it("asks the handler until it names no more, and keeps each profile's choice", () => {
    const schedule = run(inTurn("decode"), [keeping("prefill", 2), keeping("decode", 1)]);
    expect(schedule.primary).toEqual({ profile: "decode", targets: [ENDPOINTS[1]] });
    expect(schedule.profiles.map(({ profile, targets }) => [profile, targets[0]!.slot])).toEqual([
      ["prefill", 2],
      ["decode", 1],
    ]);
  });
  it("leaves out a failed profile, and fails with the primary one", () => {
    const other = run(inTurn("decode"), [keeping("prefill", 9), keeping("decode", 1)]);
    expect(other.profiles.map(({ profile }) => profile)).toEqual(["decode"]);
    expect(run(inTurn("decode"), [keeping("prefill", 1), keeping("decode", 9)])).toMatchObject({
      primary: null,
      emptied: true,
    });
  });
  it("serves nothing when no profile runs", () => {
    const none: ProfileHandler = { pick: () => [], primary: () => "decode" };
    expect(run(none, [keeping("decode", 1)])).toMatchObject({ primary: null, emptied: false });
  });
  it("refuses a handler that asks twice or for what is not there", () => {
    const asks = (name: string): ProfileHandler => ({ pick: () => [name], primary: () => name });
    expect(() => run(asks("decode"), [keeping("decode", 1)])).toThrow('asked for "decode"');
    expect(() => run(asks("else"), [keeping("decode", 1)])).toThrow('asked for "else"');
  });
});
