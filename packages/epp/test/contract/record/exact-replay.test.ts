import { builtPlugins, presetNames, presetText } from "@windtunnel/router-policies";
import { describe, expect, test } from "vitest";
import { replayRecording } from "../../../src/record/replay.ts";
import { HEAD, RecordedRouter, recordingFolder, Traffic } from "../../unit/record/traffic.ts";

const STEPS = 1_500;

const withPicker = (picker: string): string => `${HEAD}plugins:
- type: queue-scorer
- type: prefix-cache-scorer
- type: active-request-scorer
- type: inflight-load-producer
- type: token-load-scorer
- type: ${picker}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
  - pluginRef: prefix-cache-scorer
  - pluginRef: active-request-scorer
  - pluginRef: token-load-scorer
  - pluginRef: ${picker}
`;

const withFilter = (filter: string): string => `${HEAD}plugins:
- type: ${filter}
- type: weighted-random-picker
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: ${filter}
  - pluginRef: weighted-random-picker
`;

const withSessions = (parameters: object): string => `${HEAD}plugins:
- {type: session-id-producer, parameters: {cookieName: sid}}
- {type: session-affinity-scorer, parameters: ${JSON.stringify(parameters)}}
- type: weighted-random-picker
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: session-affinity-scorer, weight: 1}
  - pluginRef: weighted-random-picker
`;
const bySource = (source: object) => ({ strategy: "session_id", sessionIdConfig: { sources: [source] } });

async function replayed(text: string, seed: string) {
  const folder = recordingFolder();
  const recorded = new RecordedRouter(text, folder, { seed });
  const traffic = new Traffic(recorded, seed);
  traffic.run(STEPS);
  await recorded.recorder.close();
  return { report: await replayRecording(folder), requests: traffic.requests };
}

const pickers = builtPlugins.filter(({ role }) => role === "picker").map(({ type }) => type);
const runnable = presetNames.filter((name) => name !== "default");

describe("a recorded run decides the same again, every time", () => {
  test.each([...pickers])("with %s", async (picker) => {
    const { report, requests } = await replayed(withPicker(picker), `seed of ${picker}`);
    expect(report).toMatchObject({ requests, equal: requests, completeRequests: requests, incomplete: [] });
    expect(report.unanswered).toEqual({});
    expect(requests).toBeGreaterThan(STEPS / 5);
  });

  test.each(runnable)("under the preset %s", async (preset) => {
    const { report, requests } = await replayed(presetText(preset)!, preset);
    expect(report).toMatchObject({ requests, equal: requests, incomplete: [] });
    expect(report.firstDifference).toBeUndefined();
  });

  test.each(["header-based-testing-filter", "prefix-cache-affinity-filter"])("through %s", async (filter) => {
    const { report, requests } = await replayed(withFilter(filter), filter);
    expect(report).toMatchObject({ requests, equal: requests, incomplete: [] });
  });

  test.each([
    ["the endpoint's name in a header", {}],
    ["an id in a header", bySource({ header: "x-session-id" })],
    ["an id in a cookie", bySource({ attribute: "SessionIDDataKey", producer: "session-id-producer" })],
  ])("with sessions by %s", async (_, parameters) => {
    const { report, requests } = await replayed(withSessions(parameters), "sessions");
    expect(report).toMatchObject({ requests, equal: requests, incomplete: [] });
  });
});
