import { expect, test } from "vitest";
import { openingOptions, readingOptions } from "../../../src/commands/trace-options.ts";

test("every option reaches the functions in their own units", () => {
  const asked = {
    format: "auto",
    blockSizeTokens: "16",
    servegenStart: "1m",
    servegenDuration: "90s",
    seed: "7",
    rate: "2.5",
    windowStart: "1s",
    windowEnd: "1m",
    limit: "10",
    jitter: "3s",
    promptLengthScale: "0.5",
    outputLengthScale: "2",
    timeScale: "3",
    rateScale: "4",
    repeat: "5",
  };
  expect(openingOptions("a.jsonl", asked)).toEqual({
    shown: "a.jsonl",
    name: "a.jsonl",
    format: "auto",
    blockSizeTokens: 16,
    span: { startSeconds: 60, durationSeconds: 90, seed: "7" },
    seed: "7",
    ratePerSecond: 2.5,
    windowStartUs: 1_000_000,
    windowEndUs: 60_000_000,
    limit: 10,
    jitterUs: 3_000_000,
    promptLengthScale: 0.5,
    outputLengthScale: 2,
    timeScale: 3,
    rateScale: 4,
    repeat: 5,
  });
  // What is not asked for is not there at all: the functions have defaults of their own.
  expect(readingOptions("a.jsonl", {})).toEqual({ shown: "a.jsonl", span: {} });
});

test.each([
  [{ blockSizeTokens: "1.5" }, "--block-size-tokens 1.5: expected a whole number, 1 or more"],
  [{ limit: "0" }, "--limit 0: expected a whole number, 1 or more"],
  [{ repeat: "many" }, "--repeat many: expected a whole number, 1 or more"],
  [{ rateScale: "-1" }, "--rate-scale -1: expected a number above 0"],
  [{ rate: "Infinity" }, "--rate Infinity: expected a number above 0"],
  [{ jitter: "3" }, '--jitter 3: invalid duration "3"'],
  [{ windowStart: "5s", windowEnd: "5s" }, "--window-end 5s: expected a time after --window-start"],
])("%j names its flag", (options, message) => {
  expect(() => openingOptions("a.jsonl", options)).toThrow(message);
});
