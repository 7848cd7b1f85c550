import { setTimeout as sleep } from "node:timers/promises";
import type { DecisionRecord } from "@windtunnel/router-policies";
import type { Flight } from "../host/flight.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
import { startEpp } from "../server/epp.ts";
import { eppOptions } from "../server/options.ts";
import { startEnvoy } from "./envoy.ts";
import { envoyBinary } from "./envoy-binary.ts";
import { type FakeVllm, startFakeVllm } from "./fake-vllm.ts";

/** The configuration that the demo routes by: llm-d's default. */
const CONFIGURATION = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: queue-scorer
  - type: kv-cache-utilization-scorer
  - type: prefix-cache-scorer
schedulingProfiles:
  - name: default
    plugins:
      - { pluginRef: queue-scorer, weight: 2 }
      - { pluginRef: kv-cache-utilization-scorer, weight: 2 }
      - { pluginRef: prefix-cache-scorer, weight: 3 }
`;

const SERVERS = ["vllm-0", "vllm-1", "vllm-2"];
/** Scrapes come every 50 ms; a machine may be slow. */
const SCRAPED_WITHIN_MS = 10_000;

interface Question {
  readonly what: string;
  readonly prompt: string;
  /** Requests waiting at each server. */
  readonly waiting: readonly [number, number, number];
}

const text = (letter: string): string => `${letter}. ${`Section ${letter} of a long document. `.repeat(60)}`;
const QUESTIONS: readonly Question[] = [
  { what: "document A, first question", prompt: `${text("A")} What is it about?`, waiting: [0, 4, 8] },
  { what: "document B, first question", prompt: `${text("B")} What is it about?`, waiting: [8, 0, 4] },
  { what: "document A again, its server a little busier", prompt: `${text("A")} Who wrote it?`, waiting: [4, 2, 8] },
  { what: "document B again", prompt: `${text("B")} Who wrote it?`, waiting: [4, 2, 8] },
  { what: "document A again, its server overloaded", prompt: `${text("A")} When?`, waiting: [50, 4, 0] },
  { what: "no document", prompt: "Hello", waiting: [2, 1, 0] },
];

export interface DemoOutput {
  /** Data, a piece of text. */
  out(text: string): void;
  /** Progress, a line. */
  say(line: string): void;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Starts a real Envoy, this Endpoint Picker and three fake vLLM servers on loopback, sends requests through, and prints
 * why each went where it went.
 *
 * @throws EnvoyUnavailable when Envoy cannot be had here
 */
export async function eppDemo({ out, say }: DemoOutput): Promise<void> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const binary = await envoyBinary(say);
    const servers: FakeVllm[] = [];
    for (const name of SERVERS) {
      const fake = await startFakeVllm({ name, outputTokens: 8 });
      servers.push(fake);
      stops.push(() => fake.stop());
    }
    const flights: Flight[] = [];
    const epp = await startEpp(
      eppOptions(
        [
          ...["--config-text", CONFIGURATION, "--secure-serving=false", "--emit-endpoint-scores", "--tracing=false"],
          ...["--grpc-port", "0", "--grpc-health-port", "0", "--metrics-port", "0", "--debug-port", "0"],
          ...servers.flatMap(({ name, address }) => ["--endpoint", `${name}=${address}`]),
        ],
        {},
      ),
      silent,
    );
    stops.push(() => epp.stop());
    epp.live.observe({ dispatched: (flight) => void flights.push(flight) });
    const envoy = await startEnvoy({ binary, eppPort: epp.grpcPort });
    stops.push(() => envoy.stop());
    say(`Envoy on ${envoy.url}, endpoint picker on 127.0.0.1:${epp.grpcPort}, ${servers.length} fake vLLM servers`);
    for (const { prompt, waiting } of QUESTIONS) {
      for (const [index, server] of servers.entries()) server.setGauges({ waiting: waiting[index]! });
      await scraped(epp.live, waiting);
      await ask(envoy.url, prompt);
    }
    out(report(flights));
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Waits until the router sees what the servers say. */
async function scraped({ endpoints }: LiveRouter, waiting: readonly number[]): Promise<void> {
  const deadline = performance.now() + SCRAPED_WITHIN_MS;
  const isSeen = () => endpoints.every(({ metrics }, index) => metrics.waitingQueueSize === waiting[index]);
  while (!isSeen()) {
    if (performance.now() > deadline) throw new Error("the metrics of the fake servers do not arrive");
    await sleep(10);
  }
}

async function ask(url: string, prompt: string): Promise<void> {
  const answer = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "fake-model", prompt, max_tokens: 8 }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}: ${text.slice(0, 200)}`);
}

function report(flights: readonly Flight[]): string {
  const lines = flights.map((flight, index) => {
    const { what, waiting } = QUESTIONS[index]!;
    const head = `${what} (${flight.request.promptTokens} tokens; waiting ${waiting.join(", ")})`;
    return `${head} -> ${flight.targetNames[0]}\n${reasons(flight.record)}`;
  });
  return `${lines.join("\n")}\n`;
}

/** One line per endpoint: its weighted scores and their sum. */
function reasons(record: DecisionRecord | undefined): string {
  const profile = record?.profiles.find(({ primary }) => primary);
  if (profile === undefined) return "  no record\n";
  const names = Object.keys(profile.totals);
  return names
    .map((name) => {
      const parts = profile.scorers.map(
        ({ scorer, weight, scores }) =>
          `${scorer.replace(/-scorer$/, "")} ${weight} x ${(scores[name] ?? 0).toFixed(2)}`,
      );
      const chosen = profile.picked.includes(name) ? "*" : " ";
      const tie = profile.tied.length > 1 && profile.tied.includes(name) ? ", tied" : "";
      return `  ${chosen} ${name}  ${parts.join(" + ")} = ${profile.totals[name]!.toFixed(2)}${tie}\n`;
    })
    .join("");
}
