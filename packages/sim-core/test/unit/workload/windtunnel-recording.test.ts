import { expect, test } from "vitest";
import { jsonl, readText as read } from "./read-text.ts";

const header = (run: string, wallClockOriginMs: number, segment = 1) => ({
  ...{ windtunnelRecording: 1, run, segment, wallClockOriginMs, startedAtUs: 0, endpoints: [] },
});
const request = (timeUs: number, number: number, facts: object) => [
  ...["request", timeUs, number],
  { promptTokens: 40, promptCount: 1, waitedUs: 100, ...facts },
  { to: [0], ticket: 0, decisionUs: 1 },
];
const ended = (timeUs: number, number: number, outputTokens: number, promptTokens = 40) => [
  ...["ended", timeUs, number, { end: "completed", promptTokens, outputTokens, bytes: 9 }],
];
/** Keys with these low halves, and a high half of 1. */
const keys = (...lows: number[]): string => {
  const bytes = lows.flatMap((low) => [low, 0, 0, 0, 1, 0, 0, 0]);
  return Buffer.from(bytes).toString("base64");
};
const HIGH = 2 ** 32;

test("arrivals on the wall clock, lengths, and blocks by the finest keys", () => {
  const blocks = (size: number, ...lows: number[]) => [size, 1, 0, keys(...lows)];
  const table = read(
    jsonl(
      header("a", 1000),
      request(5_100, 0, { keys: [blocks(64, 9), blocks(16, 1, 2, 3)] }),
      ended(6_000, 0, 7),
      request(8_100, 1, { keys: [blocks(16, 1, 2, 4)] }),
      ended(9_000, 1, 8),
    ),
  );
  expect(table.format).toBe("windtunnel-recording");
  expect([...table.arrivalUs!]).toEqual([1_005_000, 1_008_000]);
  expect([...table.promptTokens]).toEqual([40, 40]);
  expect([...table.outputTokens]).toEqual([7, 8]);
  expect([...table.segments!.ids]).toEqual([0, 1, 2, 0, 1, 3]);
  expect([...table.segments!.endTokens]).toEqual([16, 32, 40, 16, 32, 40]);
  expect([...table.hashIds!]).toEqual([HIGH + 1, HIGH + 2, HIGH + 3, HIGH + 4]);
});

test("a session's request that came after the one before had ended follows it; others arrive at their own time", () => {
  const session = { session: "#5" };
  const table = read(
    jsonl(
      header("a", 0),
      request(1_100, 0, session),
      ended(2_000, 0, 1),
      request(2_600, 1, session),
      request(2_700, 2, session),
      ended(3_000, 2, 1),
      ended(4_000, 1, 1),
    ),
  );
  // Rows stand in the order in which responses ended: request 2 before request 1, which had come before that end.
  expect([...table.releasedBy!]).toEqual([-1, 0, -1]);
  expect([...table.arrivalUs!]).toEqual([1_000, 600, 2_500]);
});

test("what has no output is left out, by reason", () => {
  const table = read(
    jsonl(
      header("a", 0),
      ["request", 1, 0, { promptTokens: 4, promptCount: 1, waitedUs: 0 }, { refused: 429, decisionUs: 1 }],
      request(200, 1, {}),
      ["ended", 300, 1, { end: "aborted", bytes: 0 }],
      request(400, 2, {}),
      ["ended", 500, 2, { end: "completed", bytes: 10 }],
      request(600, 3, {}),
      request(700, 4, {}),
      ended(800, 4, 2),
      ["gap", 900, 12],
    ),
  );
  expect(table.count).toBe(1);
  expect([...table.skipped]).toEqual([
    ["refused by the router", 1],
    ["response aborted", 1],
    ["response without usage", 1],
    ["response that had not ended", 1],
  ]);
  expect(table.notes).toEqual(["12 lines were not recorded: the disk was too slow"]);
});

test("several runs share a folder, each with requests of its own numbers", () => {
  const table = read(
    jsonl(
      header("a", 0),
      request(1_100, 0, { objective: "chat" }),
      header("b", 10),
      request(1_100, 0, { objective: "batch" }),
      ended(1_500, 0, 2, 60),
      header("a", 0, 2),
      ended(2_000, 0, 1, 60),
    ),
  );
  expect([...table.arrivalUs!]).toEqual([11_000, 1_000]);
  expect([...table.outputTokens]).toEqual([2, 1]);
  expect(table.classNames).toEqual(["batch", "chat"]);
  expect(table.notes).toEqual(["prompt tokens are the router's count; the engines counted 1.50 times as many"]);
});

test("a line that is none is refused where it stands", () => {
  expect(() => read(`${jsonl(header("a", 0))}["request",1`)).toThrow(/:2:1: found .*allowed: a line of a recording/);
  expect(() => read(jsonl(header("a", 0), request(1, 0, { promptTokens: -4 })))).toThrow(
    /:2:\d+: promptTokens: found -4; allowed: a whole number/,
  );
});
