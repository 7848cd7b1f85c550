import { describe, expect, it } from "vitest";
import { syntheticSchema } from "../../../src/workload/generator-schema.ts";
import { generateSynthetic } from "../../../src/workload/generators/synthetic.ts";
import { workloadFromTrace } from "../../../src/workload/trace-workload.ts";
import { createTraceWriter } from "../../../src/workload/trace-writer.ts";
import { transformTrace } from "../../../src/workload/transform.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { jsonl, readText } from "./read-text.ts";

const base = { arrivals: { process: "constant", rate: 10 }, promptTokens: 100, outputTokens: 20, count: 4 };
const generate = (spec: object) => generateSynthetic(syntheticSchema.parse({ ...base, ...spec }), 1);

/** By row, [start, tokens] of each item. */
function itemsOf({ items, count }: Workload): [number, number][][] {
  return Array.from({ length: count }, (_, row) => {
    const own: [number, number][] = [];
    for (let item = items!.offsets[row]!; item < items!.offsets[row + 1]!; item++) {
      own.push([items!.startTokens[item]!, items!.tokens[item]!]);
    }
    return own;
  });
}

describe("generated items", () => {
  it("come before a prompt's own text and after what it shares, and add to it", () => {
    const workload = generate({
      multimodal: { items: 2, tokensPerItem: 30 },
      sharedPrefixes: { groups: 1, tokens: 50 },
    });
    const two: [number, number][] = [
      [50, 30],
      [80, 30],
    ];
    expect(itemsOf(workload)).toEqual([two, two, two, two]);
    expect([...workload.promptTokens]).toEqual([210, 210, 210, 210]);
    expect([...workload.segments!.endTokens.subarray(0, 2)]).toEqual([50, 210]);
  });

  it("are in the share of the requests that has some, and change nothing else", () => {
    const count = 4_000;
    const workload = generate({ count, multimodal: { fraction: 0.3, tokensPerItem: 7 } });
    const text = generate({ count });
    const having = itemsOf(workload).filter(({ length }) => length > 0).length;
    // Three standard deviations of a binomial: 3 x sqrt(4000 x 0.3 x 0.7) = 87.
    expect(Math.abs(having - 1_200)).toBeLessThan(87);
    expect(workload.arrivalUs).toEqual(text.arrivalUs);
    expect(workload.outputTokens).toEqual(text.outputTokens);
  });

  it("may be of a class alone", () => {
    const classes = [{ name: "text" }, { name: "seeing", multimodal: { tokensPerItem: 9 } }];
    const workload = generate({ classes, count: 50 });
    const has = itemsOf(workload).map(({ length }) => length);
    expect(has).toEqual([...workload.classOf!]);
  });

  it("of a session stay in its prompts", () => {
    const sessions = { turns: 3, thinkTime: "1s" };
    const shared = { groups: 1, tokens: 50 };
    const workload = generate({ count: 4, sessions, sharedPrefixes: shared, multimodal: { tokensPerItem: 30 } });
    // A prefix of 50; each message has an image of 30 and 100 tokens of text, each answer 20 tokens.
    expect([...workload.promptTokens]).toEqual([180, 330, 480, 180]);
    const [first, second, third]: [number, number][] = [
      [50, 30],
      [200, 30],
      [350, 30],
    ];
    expect(itemsOf(workload)).toEqual([[first], [first, second], [first, second, third], [first]]);
    const open = generate({ count: 4, sessions: { ...sessions, mode: "open" }, multimodal: { tokensPerItem: 30 } });
    expect(
      itemsOf(open)
        .map(({ length }) => length)
        .sort(),
    ).toEqual([1, 1, 2, 3]);
  });
});

describe("items of a trace", () => {
  const row = { arrivalSeconds: 0, promptTokens: 100, outputTokens: 5 };
  const lines = jsonl(
    {
      ...row,
      items: [
        [10, 20],
        [40, 8],
      ],
    },
    { ...row, arrivalSeconds: 1 },
    { ...row, arrivalSeconds: 2, items: [[0, 99]] },
  );
  const { workload } = workloadFromTrace(readText(lines));

  it("are read and written", () => {
    expect(itemsOf(workload)).toEqual([
      [
        [10, 20],
        [40, 8],
      ],
      [],
      [[0, 99]],
    ]);
    const writer = createTraceWriter("windtunnel", workload);
    expect(JSON.parse(writer.line(0)).items).toEqual([
      [10, 20],
      [40, 8],
    ]);
    expect(JSON.parse(writer.line(1))).not.toHaveProperty("items");
  });

  it("stay with their rows, and scale with their prompts", () => {
    expect(itemsOf(transformTrace(workload, { windowStartUs: 500_000 }))).toEqual([[], [[0, 99]]]);
    expect(itemsOf(transformTrace(workload, { promptLengthScale: 0.1 }))).toEqual([
      [
        [1, 2],
        [4, 1],
      ],
      [],
      [[0, 9]],
    ]);
  });

  it.each([
    [[[90, 10]], "the last prompt token is an item's"],
    [
      [
        [10, 20],
        [29, 5],
      ],
      "they overlap",
    ],
    [[[10, 0]], "it has no tokens"],
    [[10], "it is no pair"],
  ])("%j is refused: %s", (items, _why) => {
    expect(() => readText(jsonl({ ...row, items }))).toThrow(/items.*end before the last prompt token \(99\)/);
  });
});
