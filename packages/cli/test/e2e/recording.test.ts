import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { windtunnel } from "../capture-terminal.ts";
import { root } from "../support/source-files.ts";

const ENDPOINTS = 4;
const QUEUE_ONLY = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: prefix-cache-scorer
- type: round-robin-picker
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
  - pluginRef: prefix-cache-scorer
  - pluginRef: round-robin-picker
`;

/** Keys of that many blocks, those of conversations being their own. */
function keys(conversation: number, blocks: number): string {
  const bytes = Buffer.alloc(8 * blocks);
  for (let block = 0; block < blocks; block++) {
    bytes.writeInt32LE(block, 8 * block);
    bytes.writeInt32LE(conversation, 8 * block + 4);
  }
  return bytes.toString("base64");
}

/** What an Endpoint Picker that sends requests round and round records; the format is public (docs/recordings.md). */
function recording(requests: number): string {
  const lines: unknown[] = [
    {
      ...{ windtunnelRecording: 1, run: "1f", segment: 1, wallClockOriginMs: 1_795_235_630_440, startedAtUs: 0 },
      configuration: { file: "live.yaml", text: QUEUE_ONLY, strict: false, allowExperimentalPlugins: false },
      ...{ seed: "s", ignoreSubset: false, endpoints: [] },
    },
  ];
  for (let i = 0; i < ENDPOINTS; i++) {
    lines.push(["endpoint", i, i, { name: `pod-${i}`, namespace: "n", address: `10.0.0.${i}:80`, labels: {} }]);
  }
  for (let i = 0; i < requests; i++) {
    const at = 1_000 + i * 50_000;
    const facts = { model: "m", promptTokens: 640, promptCount: 1, priority: 0, fairness: "default-flow" };
    const rest = { session: `#${i % 3}`, bodyBytes: 2560, waitedUs: 100, keys: [[64, 1, 0, keys(i % 3, 10)]] };
    lines.push(["request", at, i, { ...facts, ...rest }, { to: [i % ENDPOINTS], ticket: 0, decisionUs: 5 }]);
    lines.push(["started", at + 10_000, i]);
    lines.push(["ended", at + 40_000, i, { end: "completed", promptTokens: 640, outputTokens: 30, bytes: 900 }]);
  }
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

let folder = "";
const at = (name: string): string => join(folder, name);
function write(name: string, text: string): string {
  mkdirSync(at(name), { recursive: true });
  writeFileSync(join(at(name), "recording-000001.ndjson.gz"), gzipSync(text));
  return at(name);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "windtunnel-recording-"));
  write("good", recording(60));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("windtunnel replay-decisions", () => {
  test("passes where every decision is the same", async () => {
    const { code, out, err } = await windtunnel(["replay-decisions", at("good")]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/Decisions replayed +60\nthe same +60 \(100\.0 %\)/);
    const json = JSON.parse((await windtunnel(["replay-decisions", at("good"), "-o", "json"])).out);
    expect(json).toMatchObject({ runs: 1, requests: 60, equal: 60, completeEqual: 60, incomplete: [], unanswered: {} });
  });

  test("fails with 99 and the first difference where one is not", async () => {
    const changed = recording(60).replace(
      '{"to":[1],"ticket":0,"decisionUs":5}',
      '{"to":[3],"ticket":0,"decisionUs":5}',
    );
    const { code, out } = await windtunnel(["replay-decisions", write("changed", changed)]);
    expect(code).toBe(99);
    expect(out).toMatch(/59 \(98\.3 %\)/);
    // A header, four endpoints, a request of three lines before it.
    expect(out).toMatch(
      /First difference: request 1, recording-000001\.ndjson\.gz:9\nrecorded +sent to pod-3\nreplayed +sent to pod-1/,
    );
  });

  test("says that nothing can be compared where the beginning is gone", async () => {
    const later = recording(60).replace('"segment":1', '"segment":3');
    const { code, err } = await windtunnel(["replay-decisions", write("later", later)]);
    expect(code).toBe(98);
    expect(err).toMatch(/^note: run 1f: its first 2 segments are gone: /);
  });

  test("with another configuration shows what would change, and what the recording cannot answer", async () => {
    const asked = ["replay-decisions", at("good"), "--config", "optimized-baseline"];
    const { code, out, err } = await windtunnel(asked);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const json = JSON.parse((await windtunnel([...asked, "-o", "json"])).out);
    expect(json.requests).toBe(60);
    // Three conversations stay where they began; round robin moves each on every time.
    const used = json.shares.filter(({ candidate }: { candidate: number }) => candidate > 0);
    expect(used.map(({ candidate }: { candidate: number }) => candidate)).toEqual([20, 20, 20]);
    expect(json.shares.map(({ recorded }: { recorded: number }) => recorded)).toEqual([15, 15, 15, 15]);
    expect(json.prefixTokens.candidateChoice).toBe(57 * 640);
    expect(json.prefixTokens.recordedChoice).toBeLessThan(json.prefixTokens.candidateChoice);
    expect(json.examples).toHaveLength(5);
    expect(out).toContain("Requests by endpoint");
    const precise = await windtunnel(["replay-decisions", at("good"), "--config", "precise-prefix-cache"]);
    expect(precise.err).toContain(
      "note: the recording has no blocks of 16 tokens as KV events have them (asked 60 times)",
    );
  });

  test("what is no recording, or no configuration, is one line", async () => {
    const none = await windtunnel(["replay-decisions", at("none")]);
    expect(none).toMatchObject({ code: 2, out: "" });
    expect(none.err).toMatch(/^.*none: no such folder; allowed: what --record has written\n$/);
    const broken = await windtunnel(["replay-decisions", write("broken", `${recording(1)}{"x"\n`)]);
    expect(broken.err).toMatch(/^.*recording-000001\.ndjson\.gz:9:1: found .* expected a recorded event\n$/);
    const config = await windtunnel(["replay-decisions", at("good"), "--config", at("no.yaml")]);
    expect(config).toMatchObject({ code: 2, out: "" });
  });
});

describe("a recording as a trace", () => {
  const scenario = join(root, "scenarios", "quickstart.yaml");

  test("trace info and convert read the folder", async () => {
    const info = JSON.parse((await windtunnel(["trace", "info", at("good"), "-o", "json"])).out);
    expect(info).toMatchObject({ format: "windtunnel-recording", rows: 60, released_rows: 57 });
    const { code } = await windtunnel(["trace", "convert", at("good"), at("out.jsonl"), "--to", "windtunnel"]);
    expect(code).toBe(0);
    const [first, second] = readFileSync(at("out.jsonl"), "utf8")
      .split("\n")
      .map((line) => JSON.parse(line || "null"));
    expect(first).toMatchObject({ arrivalSeconds: 0, promptTokens: 640, outputTokens: 30 });
    // Sessions stand together. 150 ms after the session's request before, whose response took 40 ms from the decision 0.1 ms after arrival.
    expect(second).toMatchObject({ releasedBy: 0, thinkSeconds: 0.1099 });
    expect(second.segments).toEqual(first.segments);
  });

  test("run --trace replays it instead of the scenario's workload, whose SLO stays", async () => {
    const out = at("run");
    const { code, err } = await windtunnel([
      "run",
      scenario,
      "--trace",
      at("good"),
      "--quiet",
      "--out",
      out,
      "-o",
      "json",
    ]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const found = JSON.parse(readFileSync(join(out, "summary.json"), "utf8"));
    expect(JSON.stringify(found)).toContain('"total":60');
    const resolved = readFileSync(join(out, "scenario.resolved.yaml"), "utf8");
    expect(resolved).toContain(`path: ${at("good")}`);
    expect(resolved).toMatch(/slo:\n +ttft: 2s/);
    const explained = await windtunnel(["explain", out, "--request", "5"]);
    expect(explained.code).toBe(0);
  });

  test("a torn segment is read to its last whole line", async () => {
    const whole = gzipSync(recording(60));
    mkdirSync(at("torn"));
    writeFileSync(
      join(at("torn"), "recording-000001.ndjson.gz.partial"),
      whole.subarray(0, Math.floor(whole.length * 0.8)),
    );
    expect(gunzipSync(whole).length).toBeGreaterThan(0);
    const info = JSON.parse((await windtunnel(["trace", "info", at("torn"), "-o", "json"])).out);
    expect(info.rows).toBeGreaterThan(5);
    expect(info.rows).toBeLessThan(60);
  });
});
