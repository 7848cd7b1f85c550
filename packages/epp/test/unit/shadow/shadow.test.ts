import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { readRecording } from "../../../src/record/read-recording.ts";
import { type ShadowComparison, ShadowRouter } from "../../../src/shadow/shadow.ts";
import {
  arrived,
  endpointFacts,
  HEAD,
  RecordedRouter,
  recordingFolder,
  silentLog,
  Traffic,
} from "../record/traffic.ts";

const ONE_SCORER = (scorer: string): string => `${HEAD}plugins:
- type: ${scorer}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: ${scorer}
`;

function start(live: string, candidate: string, log = silentLog) {
  const folder = recordingFolder();
  const compared: ShadowComparison[] = [];
  const registry = new Registry();
  let recorded: RecordedRouter | undefined;
  const shadow = new ShadowRouter({
    config: loadEndpointPickerConfig(candidate, { file: "candidate.yaml", allowExperimentalPlugins: true }),
    ...{ seed: "seed", ignoreSubset: false, clock: { nowUs: () => 0 }, log, registry },
    compared: (comparison) => {
      compared.push(comparison);
      recorded?.recorder.shadowed(comparison);
    },
  });
  recorded = new RecordedRouter(live, folder, { observers: [shadow] });
  return { recorded, shadow, compared, registry, folder };
}

const seriesValue = async (registry: Registry, name: string, labels: object): Promise<number | undefined> => {
  const metric = (await registry.getMetricsAsJSON()).find((one) => one.name === name);
  return metric?.values.find((value) => JSON.stringify(value.labels) === JSON.stringify(labels))?.value;
};

test("a candidate of the live configuration agrees on every request, chance included", async () => {
  const { recorded, compared, registry } = start(presetText("optimized-baseline")!, presetText("optimized-baseline")!);
  const traffic = new Traffic(recorded, "agree");
  traffic.run(2_000);
  await recorded.recorder.close();
  expect(compared.length).toBeGreaterThan(300);
  expect(compared.filter(({ outcome }) => outcome !== "agree" && outcome !== "refused-both")).toEqual([]);
  const agreed = await seriesValue(registry, "windtunnel_epp_shadow_decisions_total", { outcome: "agree" });
  expect(agreed).toBe(compared.filter(({ outcome }) => outcome === "agree").length);
});

test("margins, prefix matches and targets are the candidate's, and stand in the record", async () => {
  const { recorded, compared, registry, folder } = start(ONE_SCORER("queue-scorer"), ONE_SCORER("prefix-cache-scorer"));
  const { live } = recorded;
  live.setEndpoints([endpointFacts(0), endpointFacts(1)]);
  const [first, second] = live.endpoints;
  // The live router sends both to pod-1, which has no queue; the candidate's first choice is by chance.
  live.metricsScraped(first!, { waitingQueueSize: 5 });
  live.metricsScraped(second!, { waitingQueueSize: 0 });
  live.arrived(arrived({ conversation: 1, tokens: 640 }));
  live.arrived(arrived({ conversation: 1, tokens: 1280, id: "later" }));
  await recorded.recorder.close();
  expect(compared[0]).toMatchObject({ margin: 0, prefixTokens: 0, livePrefixTokens: 0 });
  const chosen = compared[0]!.targets[0];
  // It stays where its own index says that the prefix is: 10 of 20 blocks.
  expect(compared[1]).toMatchObject({ targets: [chosen], margin: 0.5, prefixTokens: 640 });
  const liveHas = chosen === endpointFacts(1).address ? 640 : 0;
  expect(compared[1]!.livePrefixTokens).toBe(liveHas);
  expect(await seriesValue(registry, "windtunnel_epp_shadow_prefix_match_tokens_total", { choice: "shadow" })).toBe(
    640,
  );
  const lines = [];
  for await (const { value } of readRecording(folder)) lines.push(value);
  const shadows = lines.filter((value) => Array.isArray(value) && value[0] === "shadow");
  const number = chosen === endpointFacts(0).address ? 0 : 1;
  expect(shadows.map((line) => (line as readonly unknown[]).slice(2))).toEqual([
    [0, expect.objectContaining({ to: [number], margin: 0 })],
    [1, { to: [number], outcome: compared[1]!.outcome, margin: 0.5, prefixTokens: 640, livePrefixTokens: liveHas }],
  ]);
});

test("the live decisions are the same with a shadow and without", async () => {
  const run = (candidate: string | undefined): string[] => {
    const folder = recordingFolder();
    const targets: string[] = [];
    const observer = {
      dispatched: ({ targets: [target] }: { targets: readonly string[] }) => void targets.push(target!),
    };
    const recorded =
      candidate === undefined
        ? new RecordedRouter(presetText("random")!, folder, { observers: [observer] })
        : start(presetText("random")!, candidate).recorded;
    if (candidate !== undefined) recorded.live.observe(observer);
    new Traffic(recorded, "same").run(800);
    void recorded.recorder.close();
    return targets;
  };
  expect(run(presetText("optimized-baseline")!)).toEqual(run(undefined));
});

test("a shadow that keeps failing is switched off, and no request feels it", async () => {
  const lines: object[] = [];
  const log = { ...silentLog, error: (fields: object) => void lines.push(fields) };
  const { recorded, shadow, registry } = start(ONE_SCORER("queue-scorer"), ONE_SCORER("prefix-cache-scorer"), log);
  const { live } = recorded;
  live.setEndpoints([endpointFacts(0)]);
  // Only the candidate asks for keys.
  const promptKeys = () => {
    throw new Error("no keys");
  };
  for (let i = 0; i < 12; i++) expect(live.arrived(arrived({ promptKeys }))).toHaveProperty("flight");
  expect(shadow.enabled).toBe(false);
  expect(await seriesValue(registry, "windtunnel_epp_shadow_enabled", {})).toBe(0);
  expect(await seriesValue(registry, "windtunnel_epp_shadow_errors_total", {})).toBe(10);
  await recorded.recorder.close();
});
