import { describe, expect, it } from "vitest";
import { PromptStreams } from "../../../src/engine/prompt-streams.ts";
import { rows } from "../../support/rows.ts";

const chained = new PromptStreams(
  rows([
    {
      atUs: 0,
      prompt: [
        [4, 10],
        [2, 5],
      ],
      output: 3,
      outputId: 6,
    },
    { atUs: 0, prompt: [[4, 8]], output: 3 },
    { atUs: 0, prompt: 7, output: 3 },
  ]),
);

/** [segment, end] of each entry of a row. */
const entriesOf = (streams: PromptStreams, row: number): [number, number][] => {
  const count = streams.entries(row);
  return Array.from({ length: count }, (_, at) => [streams.segment(row, at, count), streams.endTokens(row, at, count)]);
};

describe("PromptStreams", () => {
  it("follows a prompt's chain with what the row generates, which has no end", () => {
    expect(entriesOf(chained, 0)).toEqual([
      [4, 10],
      [2, 15],
      [6, Infinity],
    ]);
    expect(chained.outputIsShared(0)).toBe(true);
  });

  it("gives what nobody can name a segment of the row's own, after all that have names", () => {
    expect(chained.firstPrivate).toBe(7);
    expect(entriesOf(chained, 1)).toEqual([
      [4, 8],
      [8, Infinity],
    ]);
    expect(entriesOf(chained, 2)).toEqual([[9, Infinity]]);
    expect(chained.outputIsShared(1)).toBe(false);
  });

  it("has one private segment a row where no prompt shares anything", () => {
    const plain = new PromptStreams(rows([0, 1].map((atUs) => ({ atUs, prompt: 7, output: 1 }))));
    expect([plain.hasSegments, plain.firstPrivate, plain.promptTokens(1)]).toEqual([false, 0, 7]);
    expect([entriesOf(plain, 0), entriesOf(plain, 1)]).toEqual([[[0, Infinity]], [[1, Infinity]]]);
  });
});
