import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Captured } from "../capture-terminal.ts";
import { windtunnel } from "../capture-terminal.ts";
import { root } from "../support/source-files.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "windtunnel-fuzz-"));
  for (const file of readdirSync(join(root, "scenarios")).filter((name) => name.endsWith(".yaml"))) {
    SCENARIOS.push(readFileSync(join(root, "scenarios", file), "utf8"));
  }
  mkdirSync(join(directory, "traces"));
  mkdirSync(join(directory, "work"));
  writeFileSync(join(directory, "traces", "mooncake-like.jsonl"), JSONL.join("\n"));
  for (const name of ["azure-like-code.csv", "azure-like-conv.csv"]) {
    writeFileSync(join(directory, "traces", name), CSV.join("\n"));
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A longer search: WINDTUNNEL_FUZZ=20. */
const MORE = Number(process.env.WINDTUNNEL_FUZZ ?? 1);

const SCENARIOS: string[] = [];
const JSONL = Array.from({ length: 40 }, (_, i) =>
  JSON.stringify({ timestamp: i * 100, input_length: 600, output_length: 3, hash_ids: [0, i + 1] }),
);
const CSV = [
  "TIMESTAMP,ContextTokens,GeneratedTokens",
  ...Array.from({ length: 40 }, (_, i) => `2023-11-16 18:01:${String(i).padStart(2, "0")}.0000000,${100 + i},5`),
];

const work = () => join(directory, "work");
const command = (...args: string[]) => windtunnel(args, { cwd: work() });
const left = () => readdirSync(work()).sort();

/** A refusal: exit 2, nothing on stdout, no stack, no defect, nothing left behind; otherwise a pass. */
function expectAnswer({ code, out, err }: Captured, place: RegExp): void {
  expect(err).not.toMatch(/^\s+at /m);
  expect(err).not.toContain("defect");
  expect([0, 2], err).toContain(code);
  if (code === 0) return;
  expect(out).toBe("");
  for (const line of err.trimEnd().split("\n")) if (!line.startsWith("note: ")) expect(line).toMatch(place);
}

/** Replaces, drops, doubles or cuts at one place. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom("replace", "insert", "drop-line", "double-line", "cut", "swap-value", "rename-key"),
  text: fc.oneof(
    fc.constantFrom(
      "-1",
      "0",
      "1e99",
      "null",
      "[]",
      "{}",
      "~",
      "'x'",
      "3parsecs",
      "true",
      ": ",
      "\t",
      "&a",
      "*a",
      "!!x",
    ),
    fc.string({ maxLength: 6, unit: "binary" }),
  ),
});

function mutated(text: string, { at, kind, text: other }: { at: number; kind: string; text: string }): string {
  const offset = Math.floor(at * text.length);
  const lines = text.split("\n");
  const index = Math.floor(at * lines.length);
  const line = lines[index] ?? "";
  if (kind === "replace") return text.slice(0, offset) + other + text.slice(offset + Math.max(1, other.length));
  if (kind === "insert") return text.slice(0, offset) + other + text.slice(offset);
  if (kind === "cut") return text.slice(0, offset);
  if (kind === "drop-line") return lines.toSpliced(index, 1).join("\n");
  if (kind === "double-line") return lines.toSpliced(index, 0, line).join("\n");
  if (kind === "swap-value") return lines.with(index, line.replace(/: .*$/, `: ${other}`)).join("\n");
  return lines
    .with(
      index,
      line.replace(/[A-Za-z]+/, (name) => `${name}${other.trim() || "x"}`),
    )
    .join("\n");
}

describe("what is wrong is told by its place, and nothing is left behind", () => {
  test("mutated scenarios", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 2 }), async (pick, mutations) => {
        const text = mutations.reduce(mutated, SCENARIOS[pick % SCENARIOS.length]!);
        writeFileSync(join(directory, "work", "a.yaml"), text);
        expectAnswer(await command("run", "-f", "a.yaml", "--dry-run", "--out", "o"), PLACED);
        expect(left()).toEqual(["a.yaml"]);
      }),
      { numRuns: 80 * MORE },
    );
  });

  test("mutated routers", async () => {
    const router = (await windtunnel(["init", "r"], { cwd: directory })).code;
    expect(router).toBe(0);
    const text = readFileSync(join(directory, "r", "router.yaml"), "utf8");
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 2 }), async (mutations) => {
        writeFileSync(join(directory, "work", "a.yaml"), mutations.reduce(mutated, text));
        expectAnswer(await command("validate", "a.yaml"), /^a\.yaml:\d+:\d+: /);
      }),
      { numRuns: 80 * MORE },
    );
  });

  test.each([
    ["t.jsonl", JSONL],
    ["t.csv", CSV],
  ])("mutated traces: %s", async (name, lines) => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 2 }), async (mutations) => {
        writeFileSync(join(directory, "work", name), mutations.reduce(mutated, lines.join("\n")));
        const place = new RegExp(`^${name.replace(".", "\\.")}:`);
        const checked = await command("trace", "validate", name);
        expectAnswer(checked, place);
        const converted = await command("trace", "convert", name, "out.jsonl", "--to", "windtunnel");
        expectAnswer(converted, place);
        expect(left()).toEqual(["a.yaml", name, ...(converted.code === 0 ? ["out.jsonl"] : [])].sort());
        rmSync(join(work(), "out.jsonl"), { force: true });
      }),
      { numRuns: 60 * MORE },
    );
    rmSync(join(work(), name), { force: true });
  });
});

/** In the scenario, or in the trace that it names. */
const PLACED = /^(?:a\.yaml:\d+:\d+: |[^ ]*trace[^ ]*: |\$\{WINDTUNNEL_DATA)/;

test("a broken row in the middle of a trace is named by row, column and value", async () => {
  const broken = CSV.with(20, CSV[20]!.replace(",119,", ",many,"));
  writeFileSync(join(work(), "b.csv"), broken.join("\n"));
  for (const args of [
    ["trace", "validate", "b.csv"],
    ["trace", "info", "b.csv"],
    ["trace", "convert", "b.csv", "c.jsonl", "--to", "windtunnel"],
    ["trace", "sample", "b.csv", "c.jsonl", "--count", "3"],
  ]) {
    const { code, out, err } = await command(...args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^b\.csv:21:29: ContextTokens: found "?many"?; allowed: a whole number/);
  }
  expect(left()).not.toContain("c.jsonl");
});

test("random options are answered or refused by name", async () => {
  const value = fc.oneof(
    fc.constantFrom("json", "5", "-1", "0.5", "nan", "3s", "x=y", "spec.seed=1", "spec.pools[9].name=x", "a.yaml", ""),
    fc.string({ maxLength: 5 }),
  );
  const commands = {
    run: ["-f", "--policy", "--set", "--set-string", "--set-file", "--seed", "-o", "--dry-run"],
    explain: ["--request", "--policy", "--set", "--seed", "-o"],
    validate: ["-f", "--set", "--strict"],
    policies: ["-o"],
    "trace info": ["--format", "--jitter", "--block-size-tokens", "--seed", "-o"],
    "trace convert": ["--to", "--rate", "--limit", "--window-start", "--window-end", "--repeat", "--time-scale"],
    "trace sample": ["--count", "--mode", "--to", "--output-length-scale"],
  } as const;
  writeFileSync(join(work(), "a.yaml"), SCENARIOS.find((text) => text.includes("name: code-bursts"))!);
  writeFileSync(join(work(), "t.csv"), CSV.slice(0, 8).join("\n"));
  const name = fc.constantFrom(...(Object.keys(commands) as (keyof typeof commands)[]));
  const asked = name.chain((verb) =>
    fc.tuple(fc.constant(verb), fc.array(fc.tuple(fc.constantFrom(...commands[verb]), value), { maxLength: 3 })),
  );
  const positional: Record<string, string[]> = {
    run: ["-f", "a.yaml", "--dry-run"],
    explain: ["metric"],
    validate: ["a.yaml"],
    "trace info": ["t.csv"],
    "trace convert": ["t.csv", "made"],
    "trace sample": ["t.csv", "made"],
  };
  await fc.assert(
    fc.asyncProperty(asked, async ([verb, options]) => {
      const flags = options.flatMap(([flag, text]) => (FLAGS.has(flag) ? [flag] : [flag, text]));
      const answer = await command(...verb.split(" "), ...(positional[verb] ?? []), ...flags);
      expect([0, 2], answer.err).toContain(answer.code);
      expect(answer.err).not.toMatch(/^\s+at |defect/m);
      if (answer.code === 2) {
        const first = answer.err.split("\n").find((line) => !line.startsWith("note: ")) ?? "";
        const names = options.some(
          ([flag, text]) => first.includes(flag) || first.includes(text === "" ? '"":' : text),
        );
        expect(names || /^[^ ]+:\d+:\d+: /.test(first), first).toBe(true);
        expect(left()).not.toContain("made");
      }
      rmSync(join(work(), "made"), { force: true });
    }),
    { numRuns: 120 * MORE },
  );
});

const FLAGS: ReadonlySet<string> = new Set(["--dry-run", "--strict"]);
