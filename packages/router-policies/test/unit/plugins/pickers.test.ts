import type { DataKinds, Endpoint, PluginContext } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { log } from "../../../src/framework/log.ts";
import { leastConnectionsPicker } from "../../../src/pickers/least-connections-picker.ts";
import { maxScorePicker } from "../../../src/pickers/max-score-picker.ts";
import { powerOfTwoChoicesPicker } from "../../../src/pickers/power-of-two-choices-picker.ts";
import { randomPicker } from "../../../src/pickers/random-picker.ts";
import { roundRobinPicker } from "../../../src/pickers/round-robin-picker.ts";
import { weightedRandomPicker } from "../../../src/pickers/weighted-random-picker.ts";
import { context, draws, endpoint, request, seeded } from "../../support/routing.ts";

interface Picks {
  pick(r: ReturnType<typeof request>, e: readonly Endpoint[], t: Float64Array, nowUs: number): readonly Endpoint[];
}
const pickSlots = (picker: Picks, totals: readonly number[]): number[] => {
  const endpoints = totals.map((_, slot) => endpoint(slot));
  return picker.pick(request(), endpoints, Float64Array.from(totals), 0).map(({ slot }) => slot);
};
const shares = (picker: Picks, totals: readonly number[], times = 20_000): number[] => {
  const counts = totals.map(() => 0);
  for (let i = 0; i < times; i++) counts[pickSlots(picker, totals)[0]!]!++;
  return counts.map((count) => count / times);
};

describe("max-score-picker", () => {
  const create = (maxNumOfEndpoints: number, random = seeded(1)) =>
    maxScorePicker.create({ maxNumOfEndpoints }, context(random));

  it("picks the greatest total without drawing", () => {
    const never = {
      next: () => {
        throw new Error("drew");
      },
    };
    expect(pickSlots(create(1, never), [0.5, 2, 1, -3])).toEqual([1]);
    expect(pickSlots(create(1, never), [-5, -2])).toEqual([1]);
  });
  it("draws once among exact ties: 0.34 of three is the second", () => {
    expect(pickSlots(create(1, draws(0.34)), [2, 1, 2, 0, 2])).toEqual([2]);
    expect(pickSlots(create(1, draws(0.99)), [2, 1, 2, 0, 2])).toEqual([4]);
    expect(pickSlots(create(1, draws(0)), [2, 1, 2, 0, 2])).toEqual([0]);
  });
  it("is uniform among ties", () => {
    for (const share of shares(create(1), [1, 1, 1, 1])) expect(share).toBeCloseTo(0.25, 1);
  });
  it("gives several, best first, and all when asked for more; 0 and less mean 1", () => {
    expect(pickSlots(create(2), [0.5, 2, 1])).toEqual([1, 2]);
    expect(pickSlots(create(9), [0.5, 2, 1])).toEqual([1, 2, 0]);
    expect(pickSlots(create(0), [0.5, 2, 1])).toEqual([1]);
    expect(pickSlots(create(-4), [0.5, 2, 1])).toEqual([1]);
  });
  it("lets NaN equal everything: it keeps its place after the shuffle", () => {
    // Two candidates: the shuffle swaps when floor(2u) is 0; the sort never moves a NaN.
    expect(pickSlots(create(1, draws(0.9)), [Number.NaN, 5])).toEqual([0]);
    expect(pickSlots(create(1, draws(0.1)), [Number.NaN, 5])).toEqual([1]);
  });
});

describe("random-picker", () => {
  it("takes the drawn place, whatever the totals", () => {
    expect(pickSlots(randomPicker.create({ maxNumOfEndpoints: 1 }, context(draws(0.5))), [9, 0, 0, 0])).toEqual([2]);
  });
  it("gives different endpoints when asked for several", () => {
    const picked = pickSlots(randomPicker.create({ maxNumOfEndpoints: 3 }, context(seeded(3))), [0, 0, 0, 0]);
    expect(new Set(picked).size).toBe(3);
  });
});

describe("weighted-random-picker", () => {
  const create = (random = seeded(5), maxNumOfEndpoints = 1) =>
    weightedRandomPicker.create({ maxNumOfEndpoints }, context(random));

  it("takes the greatest key U^(1/score)", () => {
    // 0.25^(1/2) = 0.5 beats 0.4^(1/1) = 0.4; 0.2^(1/2) = 0.447 beats it too, 0.15^(1/2) = 0.387 does not.
    expect(pickSlots(create(draws(0.25, 0.4)), [2, 1])).toEqual([0]);
    expect(pickSlots(create(draws(0.2, 0.4)), [2, 1])).toEqual([0]);
    expect(pickSlots(create(draws(0.15, 0.4)), [2, 1])).toEqual([1]);
  });
  it("takes 1e-10 for a draw of 0", () => {
    // 1e-10^(1/10) = 0.1 beats 0.05.
    expect(pickSlots(create(draws(0, 0.05)), [10, 1])).toEqual([0]);
  });
  it("picks in proportion to the scores, never one of 0 or less", () => {
    const [first, second, none, negative] = shares(create(), [3, 1, 0, -2]);
    expect(first).toBeCloseTo(0.75, 1);
    expect(second).toBeCloseTo(0.25, 1);
    expect([none, negative]).toEqual([0, 0]);
  });
  it("picks at random when no score is above 0", () => {
    for (const share of shares(create(), [0, -1, 0])) expect(share).toBeCloseTo(1 / 3, 1);
  });
  it("orders several by key", () => {
    expect(pickSlots(create(draws(0.2, 0.9, 0.5), 3), [1, 1, 1])).toEqual([1, 2, 0]);
  });
});

describe("round-robin-picker", () => {
  it("takes the endpoints in turn and starts over when they get fewer", () => {
    const picker = roundRobinPicker.create({}, context());
    const turns = [3, 3, 3, 3, 3, 2, 2].map((n) => pickSlots(picker, new Array(n).fill(0))[0]);
    expect(turns).toEqual([0, 1, 2, 0, 1, 0, 1]);
  });
});

/** A context whose producer has these requests in flight. */
function inFlight(requests: number[], random = draws(0)): PluginContext {
  const load: DataKinds["in-flight-load"] = { requests: Int32Array.from(requests), tokens: new Float64Array(9) };
  return { ...context(random), data: (() => load) as unknown as PluginContext["data"] };
}
const parameters = { inFlightLoadProducerName: "inflight-load-producer" };

describe("least-connections-picker", () => {
  it("takes the fewest in flight, ties by one draw", () => {
    expect(pickSlots(leastConnectionsPicker.create(parameters, inFlight([4, 2, 3])), [9, 0, 0])).toEqual([1]);
    const tied = leastConnectionsPicker.create(parameters, inFlight([1, 5, 1, 1], draws(0.5)));
    expect(pickSlots(tied, [0, 0, 0, 0])).toEqual([2]);
    expect(
      tied.tied!(
        [0, 1, 2, 3].map((slot) => endpoint(slot)),
        new Float64Array(4),
      ).map(({ name }) => name),
    ).toEqual(["e0", "e2", "e3"]);
  });
});

describe("power-of-two-choices-picker", () => {
  const pick = (requests: number[], ...numbers: number[]) =>
    pickSlots(powerOfTwoChoicesPicker.create(parameters, inFlight(requests, draws(...numbers))), requests);

  it("takes the less loaded of two different draws", () => {
    // Of 4: 0.5 draws place 2; 0.7 of the other 3 is place 2, moved to 3.
    expect(pick([0, 0, 5, 4], 0.5, 0.7)).toEqual([3]);
    expect(pick([0, 0, 3, 4], 0.5, 0.7)).toEqual([2]);
    expect(pick([9, 0, 3, 4], 0.5, 0.1)).toEqual([2]);
  });
  it("takes the first drawn on a tie, and the only one of one", () => {
    expect(pick([1, 1, 1, 1], 0.5, 0.7)).toEqual([2]);
    expect(pick([7], 0.5)).toEqual([0]);
  });
});

describe("log", () => {
  it("agrees with the platform to a unit in the last place", () => {
    for (const x of [1e-10, 0.001, 0.1, 0.5, Math.SQRT1_2, 0.999999, 1, 1.5, 2, 10, 12345.678]) {
      expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(Math.abs(Math.log(x)) * 2.3e-16);
    }
  });
});
