import { describe, expect, it } from "vitest";
import type { LoraProfile } from "../../../src/engine/lora-profile.ts";
import { LoraSlots } from "../../../src/engine/lora-slots.ts";
import { RequestsInFlight } from "../../../src/engine/requests-in-flight.ts";
import { InvariantError } from "../../../src/errors.ts";
import { driveEngine, profile } from "../../support/drive-engine.ts";
import { constantStep } from "../../support/one-replica.ts";
import { type Row, rows } from "../../support/rows.ts";

const lora = (given: Partial<LoraProfile> = {}): LoraProfile => ({
  ...{ maxLoras: 1, maxCpuLoras: 1, loadUs: 30, fetchUs: 500, slowdown: 1 },
  ...given,
});

/** Four adapters, a request of each in the slot of its number. */
function slots(given: Partial<LoraProfile>) {
  const requests = new RequestsInFlight();
  const loads: [slot: number, us: number, from: string][] = [];
  const skipped: number[] = [];
  for (let row = 0; row < 4; row++) requests.allocate(row, 1, 1);
  const parts = {
    profile: lora(given),
    adapterOf: Int32Array.of(0, 1, 2, 3),
    adapters: 4,
    listener: {
      loaded: (slot: number, us: number, fromStorage: boolean) =>
        loads.push([slot, us, fromStorage ? "storage" : "host"]),
      skipped: (slot: number) => skipped.push(slot),
    },
  };
  return { made: new LoraSlots(parts, requests, constantStep(100)), loads, skipped };
}

describe("LoraSlots", () => {
  it("keeps the most recently used in slots, more in host memory, and fetches the others", () => {
    const { made, loads } = slots({ maxLoras: 2, maxCpuLoras: 3 });
    const use = (slot: number) => {
      made.enter(slot);
      made.leave(slot);
    };
    // All were loaded in their order at the start: 3 and 2 are in slots, 1 in host memory too.
    for (const slot of [3, 2]) made.enter(slot);
    for (const slot of [3, 2]) made.leave(slot);
    expect(loads).toEqual([]);
    use(1); // In place of 3.
    use(2);
    expect(loads).toEqual([[1, 30, "host"]]);
    use(0); // Host memory gives up 3, the slots 1.
    use(1);
    use(3);
    expect(loads.slice(1)).toEqual([
      [0, 530, "storage"],
      [1, 30, "host"],
      [3, 530, "storage"],
    ]);
    expect(made.takeLoadUs()).toBe(30 + 530 + 30 + 530);
    expect(made.takeLoadUs()).toBe(0);
  });

  it("never gives up an adapter that is in the batch", () => {
    const { made, loads } = slots({ maxLoras: 2, maxCpuLoras: 2 });
    made.enter(2);
    // Slots are full with 2 and 3; 2 is older and in use.
    made.enter(0);
    made.leave(0);
    made.leave(2);
    made.enter(2);
    made.enter(0);
    expect(loads).toEqual([[0, 530, "storage"]]);
  });

  it("lets a request join whose adapter is in the batch, or while there is a place", () => {
    const { made } = slots({ maxLoras: 1 });
    expect([0, 1, 2, 3].map((slot) => made.mayJoin(slot))).toEqual([true, true, true, true]);
    made.enter(1);
    expect([0, 1, 2, 3].map((slot) => made.mayJoin(slot))).toEqual([false, true, false, false]);
    expect(() => made.enter(2)).toThrow(InvariantError);
  });
});

// Worked by hand, so both engines are held to what the rules say, and not only to each other.
describe.each(["fast", "plain"] as const)("adapters, %s engine", (path) => {
  const drive = (given: readonly Row[], adapterOf: number[], of: Partial<LoraProfile>, engine = {}) =>
    driveEngine({
      workload: rows(given, { adapterOf: Int32Array.from(adapterOf), adapters: ["a", "b", "c"] }),
      profile: profile(engine),
      stepTime: constantStep(100),
      numGpuBlocks: 1001,
      lora: lora(of),
      path,
    });
  const row = (output: number, atUs = 0) => ({ atUs, prompt: 4, output });

  it("passes over who has no place in the batch, lets others by, and waits for loads", () => {
    // b and c are in host memory, c in the slot.
    const { timeline, counters } = drive([row(2), row(1), row(1), row(1)], [1, 0, 1, -1], { maxCpuLoras: 2 });
    expect(timeline).toEqual([
      ["loaded-adapter", 0, 0, 30],
      ["scheduled", 0, 0, 0],
      ["skipped", 1, 0],
      ["scheduled", 2, 0, 0],
      ["scheduled", 3, 0, 0],
      ["first", 0, 130],
      ["first", 2, 130],
      ["first", 3, 130],
      ["finished", 2, 130],
      ["finished", 3, 130],
      ["finished", 0, 230],
      ["fetched", 1, 230, 530],
      ["scheduled", 1, 230, 0],
      ["first", 1, 860],
      ["finished", 1, 860],
    ]);
    expect(counters).toMatchObject({ steps: 3, busyUs: 860 });
  });

  it("admits who comes while another is passed over, at the end of the step in progress", () => {
    const { timeline } = drive([row(10), row(1, 10), row(1, 250)], [2, 0, 2], {});
    expect(timeline.slice(0, 4)).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["skipped", 1, 100],
      ["scheduled", 2, 300, 0],
    ]);
  });

  it("puts a preempted request behind those that were passed over before it", () => {
    // Five blocks of four tokens: at 500 us both requests of c need a third one, which the first gets; the second waits
    // behind the one of b, which was passed over before.
    const { timeline } = driveEngine({
      workload: rows([row(8), row(8), row(1, 10)], { adapterOf: Int32Array.of(2, 2, 1), adapters: ["a", "b", "c"] }),
      profile: profile({ schedulerReserveFullIsl: false }),
      stepTime: constantStep(100),
      numGpuBlocks: 6,
      lora: lora({ maxCpuLoras: 3 }),
      path,
    });
    const when = (what: string, index: number) => timeline.find(([event, of]) => event === what && of === index)![2];
    expect(timeline.filter(([what]) => what === "preempted")).toEqual([["preempted", 1, 500]]);
    expect([when("skipped", 2), when("finished", 0)]).toEqual([100, 800]);
    // When the first has ended, b takes the slot, and c gets it back after that.
    expect(timeline.filter(([what, index]) => what === "scheduled" && index === 1).at(-1)).toEqual([
      "scheduled",
      1,
      930,
      4,
    ]);
    expect([when("scheduled", 2), when("finished", 2)]).toEqual([800, 930]);
  });

  it("takes longer for steps with an adapter in their batch, and only for those", () => {
    const { timeline } = drive([row(5), row(2, 150)], [-1, 2], { slowdown: 1.5 });
    expect(timeline).toEqual([
      ["scheduled", 0, 0, 0],
      ["first", 0, 100],
      ["scheduled", 1, 200, 0],
      ["first", 1, 350],
      ["finished", 1, 500],
      ["finished", 0, 600],
    ]);
  });
});
