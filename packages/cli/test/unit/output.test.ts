import type { DecisionRecord } from "@windtunnel/router-policies";
import { describe, expect, test } from "vitest";
import { expandPath } from "../../src/host/expand-path.ts";
import { createProgress } from "../../src/host/progress.ts";
import type { Terminal } from "../../src/host/terminal.ts";
import { useColour } from "../../src/host/terminal.ts";
import { differenceTable, whyBoth } from "../../src/output/decision-difference.ts";
import { contribution, decisionTables, shortFact } from "../../src/output/decision-tables.ts";
import { flatten } from "../../src/output/flatten.ts";
import { formatChange, formatCount, formatNumber, formatPercent, formatSeconds } from "../../src/output/numbers.ts";
import type { RequestFacts } from "../../src/output/request-timeline.ts";
import type { Cell } from "../../src/output/table.ts";
import { markdownTable, textTable } from "../../src/output/table.ts";

describe("numbers", () => {
  test.each([
    [0, "0 s"],
    [0.000_084, "84.0 µs"],
    [0.842, "842 ms"],
    [0.9996, "1.00 s"],
    [12.34, "12.3 s"],
    [723, "12m 03s"],
    [7500, "2h 05m"],
    [-0.5, "-500 ms"],
  ])("%d seconds read %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  test("keep three digits and separate thousands", () => {
    expect([formatNumber(3.314), formatNumber(0.012_34), formatNumber(42_100.4), formatCount(1_234_567)]).toEqual([
      "3.31",
      "0.0123",
      "42,100",
      "1,234,567",
    ]);
    expect(formatPercent(0.3664)).toBe("36.6 %");
  });

  test("a change is relative to the first", () => {
    expect([formatChange(2, 1), formatChange(1, 1.5), formatChange(1, 1), formatChange(0, 1)]).toEqual([
      "-50.0 %",
      "+50.0 %",
      "same",
      "",
    ]);
  });
});

describe("tables", () => {
  const table = {
    columns: [{ title: "Name" }, { title: "n", align: "right" as const }],
    rows: [
      ["a|b", "1"],
      [{ text: "µ", tone: "good" as const }, "100"],
    ],
  };

  test("align", () => expect(textTable(table, false)).toBe("Name    n\na|b     1\nµ     100\n"));
  test("colour does not move columns", () => {
    const plain = textTable(table, true).replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g"), "");
    expect(plain).toBe(textTable(table, false));
    expect(textTable(table, true)).not.toBe(plain);
  });
  test("escape bars in Markdown", () => expect(markdownTable(table)).toContain("| a\\|b | 1 |"));
});

test("flattening names list entries by their name", () => {
  expect(flatten({ a: { b: 1 }, pools: [{ name: "x", n: null }], inputs: [{ path: "f", sha256: "1" }] })).toEqual({
    "a.b": 1,
    "pools.x.n": null,
    "inputs.f": "1",
  });
});

/** `${inner}`, as it stands in a scenario. */
const variable = (inner: string) => `$\{${inner}}`;

describe("paths of a scenario", () => {
  test("are relative to it, and read the environment", () => {
    expect(expandPath("../t.jsonl", "/a/b", {})).toBe("/a/t.jsonl");
    expect(expandPath(`${variable("DATA")}/t`, "/a", { DATA: "/d" })).toBe("/d/t");
    expect(expandPath(`${variable("DATA:-../s")}/t`, "/a/b", {})).toBe("/a/s/t");
    expect(() => expandPath(`${variable("DATA")}/t`, "/a", {})).toThrow(
      `${variable("DATA")}/t: the environment variable DATA is not set`,
    );
  });
});

describe("terminal", () => {
  const terminal = (over: Partial<Terminal>): Terminal & { lines: string[]; ms: number } => {
    const made = {
      lines: [] as string[],
      ms: 0,
      env: {},
      outIsTty: true,
      errIsTty: true,
      cwd: "/",
      shouldStop: () => false,
      out: () => {},
      ...over,
    };
    return {
      ...made,
      err: (text) => made.lines.push(text),
      nowMs: () => made.ms,
      get ms() {
        return made.ms;
      },
      set ms(value) {
        made.ms = value;
      },
    };
  };

  test("colours only where that is wanted", () => {
    expect(useColour(terminal({}))).toBe(true);
    expect(useColour(terminal({ env: { NO_COLOR: "1" } }))).toBe(false);
    expect(useColour(terminal({ outIsTty: false }))).toBe(false);
    expect(useColour(terminal({ outIsTty: false, env: { FORCE_COLOR: "1" } }))).toBe(true);
  });

  test("progress is a line every ten seconds where nobody watches", () => {
    const t = terminal({ errIsTty: false });
    const progress = createProgress(t, "run", false);
    for (const ms of [100, 9_999, 10_000, 15_000, 20_000]) {
      t.ms = ms;
      progress.update(ms, 40_000);
    }
    expect(t.lines).toEqual([
      "run: 10,000 of 40,000 requests (25 %), 30.0 s left\n",
      "run: 20,000 of 40,000 requests (50 %), 20.0 s left\n",
    ]);
  });

  test("progress rewrites its line on a terminal, and is silent when quiet", () => {
    const t = terminal({});
    const progress = createProgress(t, "run", false);
    t.ms = 150;
    progress.update(1, 4);
    progress.clear();
    expect(t.lines).toEqual(["\r\u001b[Krun: 1 of 4 requests (25 %), 450 ms left", "\r\u001b[K"]);
    const quiet = terminal({});
    createProgress(quiet, "run", true).update(1, 4);
    expect(quiet.lines).toEqual([]);
  });
});

const RECORD: DecisionRecord = {
  requestId: 3,
  timeUs: 5,
  promptTokens: 10,
  outcome: "dispatched",
  targets: ["a"],
  candidates: ["a", "b", "c"].map((endpoint) => ({
    endpoint,
    waitingQueueSize: 1,
    runningRequestsSize: 2,
    kvCacheUsageFraction: 0.5,
    metricsAgeUs: 20_000,
  })),
  profiles: [
    {
      profile: "default",
      primary: true,
      filters: [{ filter: "decode-filter", dropped: ["c"] }],
      scorers: [
        {
          scorer: "prefix-cache-scorer",
          weight: 3,
          scores: { a: 0.5, b: 0.1 },
          facts: { a: "5 of 10 blocks", b: "1 of 10 blocks" },
        },
        { scorer: "queue-scorer", weight: 2, scores: { a: 0.2, b: 1.5 } },
      ],
      totals: { a: 1.9, b: 2.3 },
      picker: "max-score-picker",
      tied: [],
      picked: ["a"],
      margin: -0.4,
    },
  ],
};

describe("a decision", () => {
  test("is told in order: choice, filters, scores best first, facts, signals", () => {
    const { lines, tables } = decisionTables(RECORD);
    expect(lines).toEqual([
      "Sent to a by max-score-picker, margin -0.400 over the next",
      "Filter decode-filter: dropped c",
    ]);
    expect(tables[0]!.rows[0]).toEqual(["b", "0.100 → 0.300", "1.500 → 2.000", "2.300"]);
    expect(tables[1]!.columns.map(({ title }) => title)).toEqual(["Endpoint", "prefix-cache-scorer"]);
    expect(tables[2]!.rows[0]).toEqual(["a", "1", "2", "50.0 %", "20.0 ms"]);
  });

  test("scores count as clamped", () => {
    expect([contribution(1.5, 2), contribution(-1, 2), contribution(0.25, 2)]).toEqual([2, 0, 0.5]);
    expect(shortFact("0.028204095088091963 of KV cache used")).toBe("0.0282 of KV cache used");
  });

  test("a difference names what made it", () => {
    const facts = {
      replica: "a",
      promptTokens: 160,
      cachedTokens: 80,
      ttftSeconds: 0.1,
      queueTimeSeconds: null,
      tpotSeconds: null,
      e2eSeconds: null,
    } as RequestFacts;
    const other = { ...facts, replica: "b", cachedTokens: 16, ttftSeconds: 0.3 };
    const first = { policy: "rr", facts: other };
    const second = { policy: "prefix", facts, record: RECORD };
    const text = (cell: Cell) => (typeof cell === "string" ? cell : cell.text);
    expect(differenceTable(first, second).rows.map((row) => row.map(text))).toEqual([
      ["Sent to", "b", "a", ""],
      ["Prompt cached", "16 of 160 (10.0 %)", "80 of 160 (50.0 %)", "+64 tokens"],
      ["TTFT", "300 ms", "100 ms", "-66.7 %"],
    ]);
    expect(whyBoth(first, second)).toEqual([
      "Why rr chose b: no decision was recorded.",
      [
        "Why prefix chose a: it scored 0.400 less than b, of which",
        "  -1.600  queue-scorer",
        "  +1.200  prefix-cache-scorer (5 of 10 blocks, against 1 of 10 blocks)",
      ].join("\n"),
    ]);
    expect(whyBoth(second, second)).toEqual([
      "Both sent it to a; what differs there is what each had sent to it before.",
    ]);
  });
});
