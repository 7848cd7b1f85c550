import { describe, expect, test } from "vitest";
import { sourceFiles, withoutComments } from "../support/source-files.ts";

/** What the standard rounds in one way only, or leaves exact; all else in Math differs between engines. */
const EXACT_MATH = new Set([
  ...["abs", "ceil", "clz32", "floor", "fround", "imul", "max", "min", "round", "sign", "sqrt", "trunc"],
  // The Number nearest to it, in every engine.
  "PI",
]);

/** What needs a host; the bare `lib` refuses most of them already, but for Date, and whatever an `any` lets through. */
const HOST_GLOBALS =
  /(?<![\w.$"'`-])(Date|performance|console|process|Buffer|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|TextDecoder|TextEncoder|structuredClone|globalThis|require|crypto)\b(?=\s*[.(])/g;

/** Each use in a source text of something a core may not use. */
function hostUses(text: string): string[] {
  const code = withoutComments(text);
  const inexact = [...code.matchAll(/\bMath\s*\.\s*(\w+)/g)]
    .map(([, name]) => name!)
    .filter((name) => !EXACT_MATH.has(name));
  const powers = [...code.matchAll(/[\w)\]]\s*\*\*\s*[\w(-]/g)].filter(([found]) => !/^\d\s*\*\*/.test(found));
  return [
    ...inexact.map((name) => `Math.${name}`),
    ...(/\bMath\s*\[|=\s*Math\b(?!\s*\.)/.test(code) ? ["Math as a value"] : []),
    ...powers.map(() => "**"),
    ...[...code.matchAll(HOST_GLOBALS)].map(([, name]) => name!),
    ...(/\b(?:new\s+Date|Intl|toLocale\w*|localeCompare)\b/.test(code) ? ["the host's locale or clock"] : []),
  ];
}

test("every forbidden use is seen, in code and not in comments", () => {
  expect(hostUses("x = Math.exp(1) + Math.floor(2); // Math.sin(3)")).toEqual(["Math.exp"]);
  expect(hostUses("const { log } = Math;")).toEqual(["Math as a value"]);
  expect(hostUses("y = x ** 0.5; z = 2 ** 32;")).toEqual(["**"]);
  expect(hostUses("Date.now(); performance.now(); console.log(Math.E)")).toEqual([
    "Math.E",
    "Date",
    "performance",
    "console",
  ]);
  expect(hostUses("a.localeCompare(b)")).toEqual(["the host's locale or clock"]);
  expect(hostUses('info.process.cwd(); "console.log(1)"')).toEqual([]);
});

describe("a core's source sees no clock, no console and no arithmetic that differs between hosts", () => {
  for (const name of ["router-policies", "sim-core"] as const) {
    test(name, () => {
      const found = sourceFiles(name).flatMap(({ path, text }) => hostUses(text).map((use) => `${path}: ${use}`));
      expect(found).toEqual([]);
    });
  }
});
