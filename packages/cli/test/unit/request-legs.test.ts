import type { RunSummary, SimulationResult } from "@windtunnel/sim-core";
import { describe, expect, test } from "vitest";
import { differenceTable, servedBy } from "../../src/output/decision-difference.ts";
import { formatBytes } from "../../src/output/numbers.ts";
import { legsOf, legsTable } from "../../src/output/request-legs.ts";
import type { RequestFacts } from "../../src/output/request-timeline.ts";
import { requestFacts, timelineTable } from "../../src/output/request-timeline.ts";
import { summaryTables } from "../../src/output/summary-tables.ts";
import type { Cell } from "../../src/output/table.ts";

const text = (cell: Cell) => (typeof cell === "string" ? cell : cell.text);

/** Arrives at 1 s; queue 0.2, prefill 0.5, answer 0.1, transfer 0.05, a decode step's wait 0.01, its step 0.02, decode 2. */
const REMOTE: RequestFacts = {
  row: 7,
  outcome: "completed",
  replica: "decode-2",
  promptTokens: 1000,
  outputTokens: 101,
  cachedTokens: 0,
  preemptions: 0,
  arrivalSeconds: 1,
  scheduledSeconds: 1.2,
  firstTokenSeconds: 1.88,
  finishSeconds: 3.88,
  queueTimeSeconds: 0.2,
  ttftSeconds: 0.88,
  tpotSeconds: 0.02,
  e2eSeconds: 2.88,
  prefillReplica: "prefill-1",
  prefillFinishSeconds: 1.7,
  transferStartSeconds: 1.8,
  transferEndSeconds: 1.85,
  transferredBytes: 131_072_000,
  decodeCachedTokens: 0,
  decodeScheduledSeconds: 1.86,
  prefillFailures: 0,
  holdTimeouts: 0,
};

/** Two images, encoded from 1.03 to 1.07 s, whose embeddings move from 1.08 to 1.1 s. */
const ENCODED = {
  items: 2,
  encodeReplica: "encode-0",
  encodeScheduledSeconds: 1.03,
  encodeFinishSeconds: 1.07,
  embeddingsStartSeconds: 1.08,
  embeddingsEndSeconds: 1.1,
  embeddingsBytes: 268_435_456,
} satisfies Partial<RequestFacts>;

const legs = (facts: RequestFacts) =>
  legsOf(facts).map(({ name, on, seconds }) => [name, on, Number(seconds.toFixed(6))]);

describe("where a request's time went", () => {
  test("prefilled on another pod: leg by leg, adding up to E2E", () => {
    expect(legs(REMOTE)).toEqual([
      ["call of the prefill pod, its queue", "prefill-1", 0.2],
      ["prefill", "prefill-1", 0.5],
      ["answer, until room at the decode pod", "decode-2", 0.1],
      ["transfer", "prefill-1 → decode-2", 0.05],
      ["wait for a decode step", "decode-2", 0.01],
      ["last prompt token", "decode-2", 0.02],
      ["decode", "decode-2", 2],
    ]);
    expect(legsOf(REMOTE).reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(REMOTE.e2eSeconds!, 9);
    expect(legsTable(REMOTE)!.rows.at(-1)!.map(text)).toEqual(["decode", "decode-2", "2.00 s", "69.4 %"]);
  });

  test("encoded on another pod before that", () => {
    const encoded = { ...REMOTE, ...ENCODED };
    expect(legs(encoded).slice(0, 5)).toEqual([
      ["call of the encode pod, its queue", "encode-0", 0.03],
      ["encode", "encode-0", 0.04],
      ["answer of the encode pod", "decode-2", 0.01],
      ["embeddings", "encode-0 → prefill-1", 0.02],
      ["call of the prefill pod, its queue", "prefill-1", 0.1],
    ]);
    expect(legsOf(encoded).reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(REMOTE.e2eSeconds!, 9);
    const alone = { ...encoded, prefillReplica: null, prefillFinishSeconds: null, transferEndSeconds: null };
    expect(legs(alone)[3]).toEqual(["embeddings", "encode-0 → decode-2", 0.02]);
    expect(legsTable(alone)).toBeDefined();
  });

  test("pushed while it was computed: what ran beside the prefill is not counted twice", () => {
    const pushed = { ...REMOTE, transferStartSeconds: 1.3 };
    expect(legs(pushed).map(([name]) => name)).not.toContain("answer, until room at the decode pod");
    expect(legs(pushed)).toContainEqual(["transfer", "prefill-1 → decode-2", 0.15]);
    expect(
      timelineTable(pushed)
        .rows.map(([, , event]) => event)
        .slice(1, 5),
    ).toEqual(["prefill starts", "transfer starts", "prefill ends", "transfer ends"]);
  });

  test("after failed calls the decode pod computes the prompt itself", () => {
    const failed: RequestFacts = {
      ...REMOTE,
      prefillFinishSeconds: null,
      transferStartSeconds: null,
      transferEndSeconds: null,
      decodeScheduledSeconds: 1.2,
      prefillFailures: 1,
    };
    expect(legs(failed)).toEqual([
      ["queue", "decode-2", 0.2],
      ["prefill", "decode-2", 0.68],
      ["decode", "decode-2", 2],
    ]);
    expect(timelineTable(failed).rows[1]!.at(-1)).toBe(
      "on decode-2; nothing of the prompt cached; 1 call of prefill-1 failed",
    );
    expect(servedBy(failed)).toBe("decode-2");
  });

  test("passed over for want of an adapter slot, then waiting for the adapter", () => {
    const { prefillReplica: _, prefillFinishSeconds: __, ...plain } = REMOTE;
    const served: RequestFacts = {
      ...plain,
      transferStartSeconds: null,
      transferEndSeconds: null,
      decodeScheduledSeconds: null,
      adapter: "sql",
      passedOverSeconds: 1.05,
      adapterLoadSeconds: 0.3,
    };
    expect(legs(served)).toEqual([
      ["queue", "decode-2", 0.05],
      ["wait for an adapter slot", "decode-2", 0.15],
      ["adapter load", "decode-2", 0.3],
      ["prefill", "decode-2", 0.38],
      ["decode", "decode-2", 2],
    ]);
    expect(timelineTable(served).rows.map((cells) => cells.slice(2))).toEqual([
      ["arrival", "1,000 prompt tokens for sql"],
      ["passed over", "sql has no place in the batch"],
      ["first step", "on decode-2; nothing of the prompt cached"],
      ["adapter in its slot", "the batch waited 300 ms for sql"],
      ["first token", "TTFT 880 ms"],
      ["completed", "101 output tokens, TPOT 20.0 ms"],
    ]);
    expect(legsTable({ ...served, passedOverSeconds: null })).toBeDefined();
    expect(legsTable({ ...served, passedOverSeconds: null, adapterLoadSeconds: 0 })).toBeUndefined();
  });

  test("loaded from tiers before it was computed", () => {
    const { prefillReplica: _, prefillFinishSeconds: __, ...plain } = REMOTE;
    const loaded: RequestFacts = {
      ...plain,
      transferStartSeconds: null,
      transferEndSeconds: null,
      decodeScheduledSeconds: null,
      loadedFrom: "host-dram:800",
      loadedBytes: 1e8,
      loadStartSeconds: 1.05,
      loadEndSeconds: 1.15,
    };
    expect(legs(loaded)).toEqual([
      ["queue, until room", "decode-2", 0.05],
      ["load from tiers", "decode-2", 0.1],
      ["queue", "decode-2", 0.05],
      ["prefill", "decode-2", 0.68],
      ["decode", "decode-2", 2],
    ]);
    expect(legsTable({ ...loaded, loadStartSeconds: null, loadEndSeconds: null })).toBeUndefined();
  });

  test("still under way: up to where it came", () => {
    expect(
      legs({
        ...REMOTE,
        transferEndSeconds: null,
        decodeScheduledSeconds: null,
        firstTokenSeconds: null,
        finishSeconds: null,
      }),
    ).toEqual([
      ["call of the prefill pod, its queue", "prefill-1", 0.2],
      ["prefill", "prefill-1", 0.5],
    ]);
  });
});

test("the timeline says what moved, and over what", () => {
  const rows = timelineTable({ ...REMOTE, transferOver: "prefill-1 NIC out, 50.0 GB/s" }).rows;
  expect(rows.map((row) => row.slice(1))).toEqual([
    ["", "arrival", "1,000 prompt tokens"],
    ["+200 ms", "prefill starts", "on prefill-1; nothing of the prompt cached"],
    ["+700 ms", "prefill ends", "on prefill-1"],
    ["+800 ms", "transfer starts", "to decode-2; 131 MB of KV cache"],
    ["+850 ms", "transfer ends", "took 50.0 ms over prefill-1 NIC out, 50.0 GB/s"],
    ["+860 ms", "decode's first step", "on decode-2, with the prompt in its cache"],
    ["+880 ms", "first token", "TTFT 880 ms"],
    ["+2.88 s", "completed", "101 output tokens, TPOT 20.0 ms"],
  ]);
});

test("the timeline says what was encoded where", () => {
  const embeddingsOver = "encode-0 NVLink out, 450 GB/s";
  const rows = timelineTable({ ...REMOTE, ...ENCODED, embeddingsOver }).rows;
  expect(rows.slice(0, 6).map((row) => row.slice(1))).toEqual([
    ["", "arrival", "1,000 prompt tokens, those of 2 multimodal items among them"],
    ["+30.0 ms", "encode starts", "on encode-0"],
    ["+70.0 ms", "encode ends", "on encode-0"],
    ["+80.0 ms", "embeddings start", "to prefill-1; 268 MB"],
    ["+100 ms", "embeddings end", "took 20.0 ms over encode-0 NVLink out, 450 GB/s"],
    ["+200 ms", "prefill starts", "on prefill-1; nothing of the prompt cached"],
  ]);
});

test("two policies, one of which prefills elsewhere, stand side by side", () => {
  const aggregated = { ...REMOTE, prefillReplica: null, transferStartSeconds: null, transferEndSeconds: null };
  const rows = differenceTable({ policy: "a", facts: aggregated }, { policy: "b", facts: REMOTE }).rows;
  expect(rows[0]!.map(text)).toEqual(["Sent to", "decode-2", "prefill-1 + decode-2", ""]);
  const encoding = differenceTable(
    { policy: "a", facts: aggregated },
    { policy: "b", facts: { ...REMOTE, ...ENCODED } },
  );
  expect(encoding.rows[0]!.map(text)[2]).toBe("encode-0 + prefill-1 + decode-2");
  expect(encoding.rows[3]!.map(text)).toEqual(["Embeddings there", "–", "100 ms", ""]);
  expect(rows.find(([title]) => title === "Transfer")!.map(text)).toEqual(["Transfer", "–", "50.0 ms", ""]);
});

test("facts are read from the columns, in seconds", () => {
  const one = (value: number) => Float64Array.of(value);
  const int = (value: number) => Int32Array.of(value);
  const requests = {
    count: 1,
    promptTokens: int(1000),
    outputTokens: int(101),
    arrivalUs: one(1e6),
    scheduledUs: one(1.2e6),
    firstTokenUs: one(1.88e6),
    finishUs: one(3.88e6),
    replica: int(1),
    cachedTokens: int(0),
    preemptions: Uint16Array.of(0),
    outcome: Uint8Array.of(1),
    disaggregation: {
      prefillReplica: int(0),
      prefillFinishUs: one(1.7e6),
      transferStartUs: one(1.8e6),
      transferEndUs: one(1.85e6),
      transferredBytes: one(131_072_000),
      decodeCachedTokens: int(0),
      decodeScheduledUs: one(1.86e6),
      prefillFailures: Uint8Array.of(0),
      holdTimeouts: Uint8Array.of(0),
    },
  };
  const replicas = [{ name: "prefill-1" }, { name: "decode-2" }] as unknown as SimulationResult["replicas"];
  const { row: _, queueTimeSeconds, ttftSeconds, e2eSeconds, ...facts } = requestFacts({ requests, replicas }, 0);
  expect(facts).toMatchObject({
    prefillReplica: "prefill-1",
    replica: "decode-2",
    prefillFinishSeconds: 1.7,
    transferStartSeconds: 1.8,
    transferEndSeconds: 1.85,
    decodeScheduledSeconds: 1.86,
    transferredBytes: 131_072_000,
  });
  expect([queueTimeSeconds, ttftSeconds, e2eSeconds].map((s) => Number(s!.toFixed(6)))).toEqual([0.2, 0.88, 2.88]);
});

test("a fleet's summary says what moved between pods and what failed", () => {
  const d = {
    count: 2,
    meanSeconds: 1,
    p50Seconds: 0.05,
    p90Seconds: 0.08,
    p95Seconds: 1,
    p99Seconds: 1,
    maxSeconds: 1,
  };
  const latency = { ttft: d, tpot: d, ntpot: d, e2e: d, queueTime: d, itl: d, kvTransfer: d, remoteEncode: d };
  const requests = { total: 3, completed: 3, rejected: 0, refusedTooLong: 0, unfinished: 0 };
  const nothing = ["goodputRequestsPerSecond", "requestsPerSecond", "outputTokensPerSecond", "totalTokensPerSecond"]
    .concat(["prefixHitFraction", "utilisationFraction", "costPerMillionTokensUsd", "costPerMillionOutputTokensUsd"])
    .concat(["energyJoulesPerToken", "sloAttainmentFraction"])
    .map((field) => [field, null]);
  const block = { ...Object.fromEntries(nothing), requests, latency, preemptions: 0, replicas: 2 };
  const encode = { encodedElsewhere: 2, items: 4, embeddingsBytes: 5e8 };
  const disaggregation = { prefilledElsewhere: 2, transferredBytes: 3e9, prefillFailures: 4, holdTimeouts: 1 };
  const pool = (name: string, prefilledForOthers: number, encodedForOthers = 0) => ({
    name,
    accelerator: "h100",
    ...block,
    prefilledForOthers,
    encodedForOthers,
  });
  const run = {
    fleet: { ...block, encode, disaggregation },
    pools: [pool("prefill", 2), pool("decode", 0, 4)],
    classes: [],
  } as unknown as RunSummary;
  const [, fleet, pools] = summaryTables(run);
  const rows = Object.fromEntries(fleet!.rows.map(([title, value]) => [text(title!), text(value!)]));
  expect(rows["Encode pods"]).toBe(
    "2 of 3 requests encoded on another pod; embeddings are there after p50 50.0 ms, p90 80.0 ms",
  );
  expect(rows.Embeddings).toBe("500 MB of 4 items");
  expect(rows["Prefill pods"]).toBe("2 of 3 requests prefilled on another pod");
  expect(rows["KV transfers"]).toBe("3.00 GB, 1.50 GB each; p50 50.0 ms, p90 80.0 ms");
  expect(rows[""]).toBe("4 calls of prefill pods failed, 1 request waited for too long for the other pod");
  expect(pools!.columns.map(({ title }) => title)).toContain("prefilled");
  expect(pools!.rows.map((row) => [text(row[4]!), text(row[5]!)])).toEqual([
    ["0", "2"],
    ["4", "0"],
  ]);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [131_072_000, "131 MB"],
  [999_600_000, "1.00 GB"],
  [2.09e12, "2.09 TB"],
])("%d bytes read %s", (bytes, expected) => expect(formatBytes(bytes)).toBe(expected));
