import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { presetText } from "@windtunnel/router-policies";
import { describe, expect, test } from "vitest";
import { isHeader, readRecording } from "../../../src/record/read-recording.ts";
import { Recorder } from "../../../src/record/recorder.ts";
import type { RecordedEvent, RecordingHeader } from "../../../src/record/recording-line.ts";
import { replayRecording } from "../../../src/record/replay.ts";
import {
  arrived,
  conversationKeys,
  endpointFacts,
  HEAD,
  RecordedRouter,
  recordingFolder,
  silentLog,
  Traffic,
} from "./traffic.ts";

const BASELINE = presetText("optimized-baseline")!;

async function linesOf(folder: string): Promise<(RecordingHeader | RecordedEvent)[]> {
  const values = [];
  for await (const { value } of readRecording(folder)) values.push(value);
  return values;
}
const eventsOf = async (folder: string) =>
  (await linesOf(folder)).filter((value) => !isHeader(value)) as RecordedEvent[];
const segments = (folder: string): string[] => readdirSync(folder).filter((file) => file.startsWith("recording-"));

test("a small run, line by line", async () => {
  const folder = recordingFolder();
  const recorded = new RecordedRouter(BASELINE, folder);
  const { live } = recorded;
  live.setEndpoints([endpointFacts(1)]);
  const [endpoint] = live.endpoints;
  recorded.nowUs = 2_000;
  live.metricsScraped(endpoint!, { waitingQueueSize: 3, kvCacheUsageFraction: Number.NaN });
  recorded.nowUs = 3_000;
  live.metricsScraped(endpoint!, { waitingQueueSize: 3, kvCacheUsageFraction: Number.NaN });
  recorded.nowUs = 3_500;
  const request = arrived({ tokens: 100, objective: "chat", ttftSloMs: 200, receivedAtUs: 3_300, bodyBytes: 401 });
  const answer = live.arrived(request);
  const { flight } = answer as Extract<typeof answer, { flight: unknown }>;
  recorded.nowUs = 4_000;
  live.responseStarted(flight);
  flight.status = 200;
  flight.usage = { promptTokens: 104, outputTokens: 5, cachedTokens: 16 };
  flight.responseBytes = 77;
  recorded.nowUs = 5_000;
  live.responseEnded(flight, "completed");
  live.setEndpoints([]);
  live.arrived(arrived({}));
  await recorded.recorder.close();
  const [header, ...events] = await linesOf(folder);
  expect(header).toMatchObject({
    ...{ windtunnelRecording: 1, segment: 1, seed: "seed", ignoreSubset: false, endpoints: [], startedAtUs: 1_000 },
    configuration: { text: BASELINE, strict: false },
  });
  const keys = [[64, 1, 0, expect.stringMatching(/^[A-Za-z0-9+/=]{24}$/)]];
  expect(events).toEqual([
    ["endpoint", 1_000, 0, endpointFacts(1)],
    ["metrics", 2_000, 0, { waitingQueueSize: 3, kvCacheUsageFraction: "NaN" }],
    [
      ...["request", 3_500, 0],
      {
        ...{ model: "m", promptTokens: 100, promptCount: 1, priority: 0, fairness: "default-flow", objective: "chat" },
        ...{ ttftSloMs: 200, streaming: true, bodyBytes: 401, waitedUs: 200, keys, scraped: [0, 500] },
      },
      { to: [0], ticket: expect.any(Number), decisionUs: 0 },
    ],
    ["started", 4_000, 0],
    [
      ...["ended", 5_000, 0],
      { end: "completed", status: 200, promptTokens: 104, outputTokens: 5, cachedTokens: 16, bytes: 77 },
    ],
    ["gone", 5_000, 0],
    ["request", 5_000, 1, expect.any(Object), { refused: 503, reason: "rejected-no-endpoints", decisionUs: 0 }],
  ]);
});

test("nothing of a prompt, a header, a credential or a client's own name gets into a recording", async () => {
  const folder = recordingFolder();
  const config = `${HEAD}plugins:
- type: header-based-testing-filter
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: header-based-testing-filter
`;
  const recorded = new RecordedRouter(config, folder);
  const { live } = recorded;
  live.setEndpoints([endpointFacts(0)]);
  const headers: Readonly<Record<string, string>> = {
    authorization: "Bearer MARK-key",
    "x-session-id": "MARK-session",
    "test-epp-endpoint-selection": "10.0.0.0:8000, MARK-header, 12345678901234",
  };
  const asked = { id: "MARK-id", path: "/MARK-path", model: "MARK model", targetModel: "MARK model" };
  const who = { fairnessId: "MARK-tenant", objective: "MARK objective", subset: ["10.0.0.0:8000", "MARK-subset"] };
  const answer = live.arrived(arrived({ ...asked, ...who, header: (name) => headers[name] }));
  if ("flight" in answer) live.responseEnded(answer.flight, "completed");
  await recorded.recorder.close();
  const text = segments(folder)
    .map((file) => gunzipSync(readFileSync(join(folder, file))).toString())
    .join("");
  expect(text).toContain('"test-epp-endpoint-selection":"10.0.0.0:8000,#');
  expect(text).not.toContain("MARK");
  expect(text).not.toContain("12345678901234");
  // Raw block keys would let anybody test a guessed prompt.
  const raw = conversationKeys(0, 500, 64, true);
  expect(text).not.toContain(Buffer.from(raw.lo.buffer).toString("base64").slice(0, 10));
  const report = await replayRecording(folder);
  expect(report).toMatchObject({ requests: 1, equal: 1 });
});

test("a request that the router throws at is recorded as that, and replays as that", async () => {
  const folder = recordingFolder();
  const recorded = new RecordedRouter(presetText("precise-prefix-cache")!, folder);
  const { live } = recorded;
  live.setEndpoints([endpointFacts(0)]);
  // Events of blocks of 32 tokens, where the configuration says 16.
  const keys = conversationKeys(1, 64, 32, false);
  live.kvEvent(live.endpoints[0]!, { type: "stored", medium: "gpu", blockSizeTokens: 32, keys });
  expect(() => live.arrived(arrived({}))).toThrow(/blocks of 32 tokens/);
  live.arrivedWithoutBody(arrived({ tokens: 0 }));
  await recorded.recorder.close();
  const kinds = (await eventsOf(folder)).map(([kind, , , , decision]) => [kind, decision]);
  expect(kinds.slice(2)).toEqual([
    ["request", { threw: true }],
    ["bodyless", expect.objectContaining({ to: [0], ticket: -1 })],
  ]);
  expect(await replayRecording(folder)).toMatchObject({ requests: 2, equal: 2 });
});

describe("on disk", () => {
  test("the folder stays within its size, says what went, and what is left still replays as far as it can", async () => {
    const folder = recordingFolder();
    const maxBytes = 512 * 1024;
    const recorded = new RecordedRouter(BASELINE, folder, { maxBytes });
    const traffic = new Traffic(recorded, "bounded");
    for (let round = 0; round < 50; round++) {
      traffic.run(300);
      await sleep(10);
      const total = segments(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
      expect(total).toBeLessThanOrEqual(maxBytes);
    }
    await recorded.recorder.close();
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    expect(manifest.removedSegments).toBeGreaterThan(0);
    expect(manifest.segments.map(({ file }: { file: string }) => file)).toEqual(segments(folder));
    const report = await replayRecording(folder);
    expect(report.incomplete).toEqual([expect.stringMatching(/its first \d+ segments are gone/)]);
    expect(report.completeRequests).toBe(0);
    expect(report.requests).toBeGreaterThan(100);
    expect(report.equal).toBeGreaterThan(0);
  });

  test("a segment torn by a crash is read to its last whole line", async () => {
    const folder = recordingFolder();
    const recorded = new RecordedRouter(BASELINE, folder);
    const traffic = new Traffic(recorded, "torn");
    traffic.run(600);
    // Flushed twice a second, whatever comes.
    await sleep(1_200);
    const [partial] = segments(folder);
    expect(partial).toMatch(/\.partial$/);
    const whole = await eventsOf(folder);
    expect(whole.length).toBeGreaterThan(600);
    await recorded.recorder.close();
    const [file] = segments(folder);
    truncateSync(join(folder, file!), Math.floor(statSync(join(folder, file!)).size * 0.7));
    const torn = await eventsOf(folder);
    expect(torn.length).toBeGreaterThan(100);
    expect(torn).toEqual(whole.slice(0, torn.length));
    const report = await replayRecording(folder);
    expect(report.equal).toBe(report.requests);
  });

  test("a folder takes the runs of several processes, each complete in itself", async () => {
    const folder = recordingFolder();
    let requests = 0;
    for (const seed of ["one", "two"]) {
      const recorded = new RecordedRouter(BASELINE, folder, { seed });
      const traffic = new Traffic(recorded, seed);
      traffic.run(500);
      await recorded.recorder.close();
      requests += traffic.requests;
    }
    expect(segments(folder)).toEqual(["recording-000001.ndjson.gz", "recording-000002.ndjson.gz"]);
    expect(await replayRecording(folder)).toMatchObject({ runs: 2, requests, equal: requests, incomplete: [] });
  });

  test("what the disk cannot take is dropped with a line that says so, and recording goes on in a new segment", async () => {
    const folder = recordingFolder();
    const recorded = new RecordedRouter(BASELINE, folder, { maxWaitingBytes: 100_000 });
    const traffic = new Traffic(recorded, "slow");
    // In one go: the compressor has no turn.
    traffic.run(3_000);
    await sleep(700);
    traffic.run(300);
    await sleep(700);
    traffic.run(300);
    await recorded.recorder.close();
    expect(recorded.recorder.counters.droppedLines).toBeGreaterThan(0);
    const events = await eventsOf(folder);
    const gaps = events.filter(([kind]) => kind === "gap");
    expect(gaps.reduce((sum, [, , lines]) => sum + Number(lines), 0)).toBe(recorded.recorder.counters.droppedLines);
    expect(events.filter(([kind]) => kind !== "gap")).toHaveLength(recorded.recorder.counters.lines);
    const report = await replayRecording(folder);
    expect(report.incomplete[0]).toMatch(/lines were dropped/);
  });

  test("a folder that cannot be used is one line, and one that breaks later ends the recording only", async () => {
    const options = {
      ...{ clock: { nowUs: () => 0 }, maxBytes: 1 << 20, log: silentLog, seed: "s", ignoreSubset: false },
      configuration: { file: "f", text: BASELINE, strict: false, allowExperimentalPlugins: false },
    };
    const folder = recordingFolder();
    writeFileSync(join(folder, "file"), "");
    expect(() => new Recorder({ ...options, directory: join(folder, "file") })).toThrow(
      /^--record .*file: cannot be written \(EEXIST\)$/,
    );
    expect(() => new Recorder({ ...options, directory: folder, maxBytes: 10 })).toThrow(/10 bytes are too few/);
    const errors: string[] = [];
    const log = { ...silentLog, error: (_: object, message: string) => void errors.push(message) };
    const recorded = new RecordedRouter(BASELINE, join(folder, "gone"), { log });
    rmSync(join(folder, "gone"), { recursive: true });
    const traffic = new Traffic(recorded, "gone");
    traffic.run(300);
    await recorded.recorder.close();
    traffic.run(50);
    expect(errors).toEqual(["recording has ended: the folder cannot be written"]);
  });
});

test("a path that holds no recording is one line", async () => {
  const folder = recordingFolder();
  await expect(replayRecording(join(folder, "none"))).rejects.toThrow(/none: no such folder/);
  await expect(replayRecording(folder)).rejects.toThrow(/has no segment \(recording-000001\.ndjson\.gz\)$/);
});
