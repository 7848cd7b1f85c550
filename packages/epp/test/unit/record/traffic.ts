import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlockKeys, EndpointFacts, RandomSource } from "@windtunnel/router-policies";
import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { onTestFinished } from "vitest";
import type { ArrivedRequest } from "../../../src/host/arrived-request.ts";
import type { Flight } from "../../../src/host/flight.ts";
import { LiveRouter } from "../../../src/host/live-router.ts";
import type { Log } from "../../../src/host/log.ts";
import type { Observer } from "../../../src/host/observer.ts";
import { randomStream } from "../../../src/host/random-streams.ts";
import { Recorder, type RecorderOptions } from "../../../src/record/recorder.ts";

export const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A folder for one recording, which goes when the test that asks has ended. */
export function recordingFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-record-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A live router over a clock that the test moves, with a recorder. */
export class RecordedRouter {
  readonly live: LiveRouter;
  readonly recorder: Recorder;
  nowUs = 1_000;

  constructor(text: string, directory: string, options: Partial<RecorderOptions> & { observers?: Observer[] } = {}) {
    const clock = { nowUs: () => this.nowUs };
    const { observers = [], ...given } = options;
    const configuration = { file: "live.yaml", text, strict: false, allowExperimentalPlugins: true };
    const config = loadEndpointPickerConfig(text, configuration);
    const seed = given.seed ?? "seed";
    const router = new Router(config, { random: (stream) => randomStream(seed, stream) });
    this.live = new LiveRouter(router, { clock, explain: (request) => request.bodyBytes % 3 === 0 });
    this.recorder = new Recorder({
      ...{ directory, maxBytes: 1 << 30, clock, log: silentLog, configuration, seed, ignoreSubset: false },
      ...given,
    });
    this.live.observe(this.recorder);
    for (const observer of observers) this.live.observe(observer);
  }
}

export const endpointFacts = (index: number): EndpointFacts => ({
  name: `pod-${index}`,
  namespace: "default",
  address: `10.0.0.${index}:8000`,
  labels: { app: "vllm", "llm-d.ai/role": index % 2 === 0 ? "both" : "decode" },
});

/** Keys of a conversation: equal prefixes have equal keys, other conversations and block sizes have others. */
export function conversationKeys(conversation: number, tokens: number, block: number, partial: boolean): BlockKeys {
  const length = partial ? Math.ceil(tokens / block) : Math.floor(tokens / block);
  const hi = Int32Array.from({ length }, (_, i) => Math.imul(conversation * 7919 + 1, 0x9e3779b1) ^ (block << 20) ^ i);
  const lo = Int32Array.from({ length }, (_, i) => Math.imul(Math.min(tokens, (i + 1) * block) + 13, 0x85ebca6b));
  return { length, hi, lo };
}

export function arrived(fields: Partial<ArrivedRequest> & { conversation?: number; tokens?: number }): ArrivedRequest {
  const { conversation = 0, tokens = 500, ...rest } = fields;
  return {
    ...{ id: "id", path: "/v1/completions", model: "m", targetModel: "m", streaming: true, bodyBytes: 4 * tokens },
    ...{ promptTokens: tokens, promptCount: 1, priority: 0, fairnessId: "default-flow", receivedAtUs: 0 },
    header: () => undefined,
    promptKeys: (block, partial) => conversationKeys(conversation, tokens, block, partial),
    ...rest,
  };
}

/** Random traffic: conversations that grow, endpoints that come and go, scrapes, KV events, ends of all kinds. */
export class Traffic {
  readonly #recorded: RecordedRouter;
  readonly #random: RandomSource;
  readonly #flights: Flight[] = [];
  readonly #tokens: number[] = [];
  /** Requests decided on, those refused or thrown at included. */
  requests = 0;

  constructor(recorded: RecordedRouter, seed: string) {
    this.#recorded = recorded;
    this.#random = randomStream(seed, "traffic");
    this.#endpoints();
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#recorded.nowUs += this.#below(20_000);
      this.#step();
    }
    for (const flight of this.#flights.splice(0)) this.#recorded.live.responseEnded(flight, "aborted");
  }

  #step(): void {
    const dice = this.#below(100);
    if (dice < 35) this.#scrape();
    else if (dice < 45) this.#kvEvent();
    else if (dice < 47) this.#endpoints();
    else if (dice < 75) this.#arrive();
    else if (dice < 77) this.#withoutBody();
    else this.#respond();
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  #endpoints(): void {
    const all = Array.from({ length: 8 }, (_, index) => endpointFacts(index));
    this.#recorded.live.setEndpoints(all.filter(() => this.#below(4) > 0));
  }

  #scrape(): void {
    const { live } = this.#recorded;
    for (const endpoint of live.endpoints) {
      if (this.#below(2) === 0) continue;
      const busy = this.#below(3);
      live.metricsScraped(endpoint, {
        waitingQueueSize: busy === 0 ? this.#below(4) : endpoint.metrics.waitingQueueSize,
        runningRequestsSize: busy === 1 ? this.#below(9) : endpoint.metrics.runningRequestsSize,
        kvCacheUsageFraction: busy === 0 ? this.#random.next() : endpoint.metrics.kvCacheUsageFraction,
        ...(busy === 2 ? {} : { cacheBlockSizeTokens: 16, cacheNumBlocks: 1000 }),
      });
    }
  }

  #kvEvent(): void {
    const { live } = this.#recorded;
    const endpoint = live.endpoints[this.#below(live.endpoints.length)];
    if (endpoint === undefined) return;
    const keys = conversationKeys(this.#below(12), 64 + this.#below(900), 16, false);
    const type = (["stored", "stored", "stored", "removed", "cleared"] as const)[this.#below(5)]!;
    const event = { type, medium: this.#below(4) === 0 ? "cpu" : "gpu", blockSizeTokens: 16 };
    live.kvEvent(endpoint, type === "cleared" ? event : { ...event, keys });
  }

  #arrive(): void {
    const { live, nowUs } = this.#recorded;
    const conversation = this.#below(12);
    const tokens = (this.#tokens[conversation] ?? 20) + this.#below(300);
    this.#tokens[conversation] = tokens > 3000 ? 20 : tokens;
    const hint = [endpointFacts(this.#below(8)).address, endpointFacts(this.#below(8)).address];
    const headers: Readonly<Record<string, string>> = {
      "x-session-id": `session-${conversation}`,
      "x-session-token": Buffer.from(`default/pod-${conversation % 8}`).toString("base64"),
      "test-epp-endpoint-selection": hint.join(", "),
    };
    this.requests++;
    const answer = live.arrived(
      arrived({
        ...{ conversation, tokens, id: `request-${this.requests}`, receivedAtUs: nowUs - 50 },
        ...{ fairnessId: `tenant-${conversation % 3}`, priority: this.#below(8) === 0 ? -1 : 0 },
        ...(this.#below(6) === 0 ? { subset: hint } : {}),
        ...(this.#below(20) === 0 ? { onlyIfCached: true } : {}),
        ...(this.#below(3) === 0 ? { maxOutputTokens: this.#below(400) } : {}),
        header: (name) => headers[name],
        cookie: (name) => (name === "sid" ? `session-${conversation}` : undefined),
      }),
    );
    if ("flight" in answer) this.#flights.push(answer.flight);
  }

  #withoutBody(): void {
    this.requests++;
    const answer = this.#recorded.live.arrivedWithoutBody(arrived({ tokens: 0 }));
    if ("flight" in answer) this.#flights.push(answer.flight);
  }

  #respond(): void {
    const { live } = this.#recorded;
    const index = this.#below(this.#flights.length);
    const flight = this.#flights[index];
    if (flight === undefined) return;
    if (flight.responseStartedAtUs === undefined && this.#below(4) > 0) {
      live.responseStarted(flight);
      return;
    }
    this.#flights.splice(index, 1);
    const outputTokens = 1 + this.#below(200);
    if (this.#below(5) > 0) flight.usage = { promptTokens: flight.request.promptTokens + 7, outputTokens };
    flight.responseBytes = 20 * outputTokens;
    live.responseEnded(flight, this.#below(5) === 0 ? "aborted" : "completed");
  }
}
