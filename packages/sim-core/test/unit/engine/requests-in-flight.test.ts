import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestList, RequestState, RequestsInFlight } from "../../../src/engine/requests-in-flight.ts";

describe("RequestsInFlight", () => {
  it("starts a slot afresh, also a used one, in what an engine reads before it writes", () => {
    const requests = new RequestsInFlight();
    const slot = requests.allocate(5, 100, 10);
    requests.numTokens[slot] = 104;
    requests.state[slot] = RequestState.decode;
    requests.scheduledStep[slot] = 7;
    requests.generatedTokens[slot] = 4;
    requests.release(slot);
    expect(requests.allocate(6, 200, 20)).toBe(slot);
    const { row, promptTokens, numTokens, outputTokens, state, scheduledStep, generatedTokens } = requests;
    expect(
      [row, promptTokens, numTokens, outputTokens, state, scheduledStep, generatedTokens].map((column) => column[slot]),
    ).toEqual([6, 200, 200, 20, RequestState.waiting, -1, 0]);
  });

  it("has a column's default in slots that were never used, also beyond the first growth", () => {
    const requests = new RequestsInFlight();
    for (let row = 0; row < 65; row++) requests.allocate(row, 1, 1);
    for (const slot of [0, 64]) {
      expect([requests.leaf[slot], requests.growing[slot], requests.lastTokenUs[slot]]).toEqual([-1, -1, NaN]);
    }
  });

  it("keeps every request in flight apart when it grows", () => {
    const requests = new RequestsInFlight();
    const slots = Array.from({ length: 300 }, (_, row) => requests.allocate(row, row + 1, 1));
    expect(new Set(slots).size).toBe(300);
    expect(slots.map((slot) => requests.row[slot])).toEqual(slots.map((_, row) => row));
    expect(slots.map((slot) => requests.promptTokens[slot])).toEqual(slots.map((_, row) => row + 1));
  });
});

describe("RequestList", () => {
  it("is an array", () => {
    const operation = fc.tuple(fc.constantFrom("append", "prepend", "insert", "remove"), fc.nat(), fc.nat());
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const requests = new RequestsInFlight();
        const list = new RequestList(requests);
        const model: number[] = [];
        let row = 0;
        for (const [what, number] of operations) {
          const at = model.length === 0 ? 0 : number % model.length;
          if (what === "remove") {
            if (model.length > 0) list.remove(model.splice(at, 1)[0]!);
          } else {
            const slot = requests.allocate(row++, 1, 1);
            if (what === "append" || model.length === 0) {
              list.append(slot);
              model.push(slot);
            } else if (what === "prepend") {
              list.prepend(slot);
              model.unshift(slot);
            } else {
              list.insertBefore(model[at]!, slot);
              model.splice(at, 0, slot);
            }
          }
          const forwards: number[] = [];
          for (let slot = list.first; slot !== -1; slot = requests.next[slot]!) forwards.push(slot);
          const backwards: number[] = [];
          for (let slot = list.last; slot !== -1; slot = requests.previous[slot]!) backwards.push(slot);
          expect(forwards).toEqual(model);
          expect(backwards.reverse()).toEqual(model);
          expect(list.length).toBe(model.length);
        }
      }),
    );
  });
});
