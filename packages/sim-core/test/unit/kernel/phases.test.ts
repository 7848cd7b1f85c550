import { describe, expect, it } from "vitest";
import { eventKey, keyPhase, keyTimeUs, Phase } from "../../../src/kernel/phases.ts";

/** What must come before what at one microsecond, written out by hand: a change of the table must change it here too. */
const ORDER = ["stepEnd", "transferEnd", "scrape", "kvEvents", "leg", "arrival", "stepStart"] as const;

const PAIRS = ORDER.flatMap((before, at) => ORDER.slice(at + 1).map((after) => [before, after] as const));

describe("phases", () => {
  it("are those that this table orders", () => {
    expect(Object.keys(Phase).sort()).toEqual([...ORDER].sort());
  });

  it.each(PAIRS)("%s comes before %s of the same microsecond", (before, after) => {
    expect(eventKey(1_000, Phase[before])).toBeLessThan(eventKey(1_000, Phase[after]));
  });

  it.each(PAIRS)("%s comes after %s of the microsecond before", (later, earlier) => {
    expect(eventKey(1_000, Phase[later])).toBeGreaterThan(eventKey(999, Phase[earlier]));
  });

  it("are read back from a key, exactly up to 35 years", () => {
    for (const timeUs of [0, 1, 999_999, 2 ** 50 - 1]) {
      for (const phase of Object.values(Phase)) {
        const key = eventKey(timeUs, phase);
        expect([keyTimeUs(key), keyPhase(key)]).toEqual([timeUs, phase]);
      }
    }
  });

  it("give no key to what never happens", () => {
    expect(eventKey(Infinity, Phase.arrival)).toBe(Infinity);
  });
});
