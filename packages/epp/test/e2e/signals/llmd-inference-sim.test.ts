import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { afterAll, describe, expect, it, vi } from "vitest";
import * as zmq from "zeromq";
import { monotonicClock } from "../../../src/host/clock.ts";
import { LiveRouter } from "../../../src/host/live-router.ts";
import { decodeEventBatch } from "../../../src/signals/kv-events/engine-event.ts";
import type { EventMessage } from "../../../src/signals/kv-events/event-frames.ts";
import { KvEventSubscriber } from "../../../src/signals/kv-events/kv-event-subscriber.ts";
import { kvEventsConfigs } from "../../../src/signals/kv-events/kv-events-config.ts";
import { DEFAULT_ZMQ_LIMITS, zmqReplay } from "../../../src/signals/kv-events/zmq-sockets.ts";
import { MetricsScraper } from "../../../src/signals/metrics-scraper.ts";
import { metricsSources } from "../../../src/signals/metrics-source.ts";
import { PreciseKeys, preciseKeysConfig, preciseProducers } from "../../../src/tokens/precise-keys.ts";

const program = process.env.WINDTUNNEL_LLMD_SIM;
const SKIP =
  "WINDTUNNEL_LLMD_SIM does not name llm-d-inference-sim (go install github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim@latest)";
const MODEL = "org/model";
const POD_IP = "127.0.0.2";
const BLOCK_SIZE_TOKENS = 8;
const CACHE_BLOCKS = 6;

const children: ChildProcess[] = [];
const subscribers: KvEventSubscriber[] = [];
const scrapers: MetricsScraper[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const subscriber of subscribers) subscriber.stop();
  for (const scraper of scrapers) scraper.stop();
});

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const soon = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 50 });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** One model server that publishes to a subscriber of ours, and all keys that the router then holds for it. */
async function start(flags: readonly string[]) {
  const [port, replayPort] = [await freePort(), await freePort()];
  const config = loadEndpointPickerConfig(
    `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: precise-prefix-cache-producer
  parameters:
    tokenProcessorConfig: {blockSizeTokens: ${BLOCK_SIZE_TOKENS}, hashSeed: "7"}
    kvEventsConfig: {zmqEndpoint: "tcp://127.0.0.1:*", discoverPods: false}
- type: prefix-cache-scorer
  parameters: {prefixMatchInfoProducerName: precise-prefix-cache-producer}
- type: queue-scorer
`,
    { file: "epp.yaml" },
  );
  const live = new LiveRouter(new Router(config, { random: () => ({ next: () => 0 }) as never }), {
    clock: monotonicClock,
    explain: () => false,
  });
  live.setEndpoints([{ name: "sim", namespace: "default", address: `${POD_IP}:${port}`, labels: {} }]);
  const held = new Set<string>();
  live.observe({
    kvEvent(_, { type, keys }) {
      if (type === "cleared") held.clear();
      for (let k = 0; k < (keys?.length ?? 0); k++) {
        const key = `${keys!.hi[k]},${keys!.lo[k]}`;
        if (type === "stored") held.add(key);
        else held.delete(key);
      }
    },
  });
  const subscriber = new KvEventSubscriber(kvEventsConfigs(config)[0]!, live, { clock: monotonicClock, log: quiet });
  subscribers.push(subscriber);
  await subscriber.start();
  const replay = `tcp://127.0.0.1:${replayPort}`;
  const fixed = [
    "--port",
    `${port}`,
    "--model",
    MODEL,
    "--mode",
    "echo",
    "--force-dummy-tokenizer",
    "--hash-seed",
    "7",
  ];
  const cache = ["--enable-kvcache", "--kv-cache-size", `${CACHE_BLOCKS}`, "--block-size", `${BLOCK_SIZE_TOKENS}`];
  const events = ["--event-batch-size", "1", "--zmq-endpoint", subscriber.boundEndpoint!];
  const args = [...fixed, ...cache, ...events, "--kv-events-replay-endpoint", replay, ...flags];
  children.push(spawn(program!, args, { env: { ...process.env, POD_IP }, stdio: "ignore" }));
  const post = async (path: string, body: object): Promise<unknown> => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
    return answer.json();
  };
  await soon(async () => expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200));
  return { config, live, subscriber, held, post, replay };
}

const alphabet = (first: string) => `${first} b c d e f g h i j k l m n o p q r s t u v w x y z`;

describe.skipIf(program === undefined)(
  `llm-d-inference-sim${program === undefined ? ` (skipped: ${SKIP})` : ""}`,
  () => {
    it.each([
      ["lists", []],
      ["maps", ["--use-vllm-map-event-format"]],
    ] as const)("as %s", async (_, flags) => {
      const { config, live, subscriber, held, post, replay } = await start(flags);
      const keys = new PreciseKeys(preciseKeysConfig(preciseProducers(config)[0]!));
      const expected = async (prompt: string): Promise<string[]> => {
        const [{ token_ids: tokens }] = (await post("/v1/completions/render", { model: MODEL, prompt })) as [
          { token_ids: number[] },
        ];
        const { length, hi, lo } = keys.keysOf(tokens, { model: MODEL });
        expect(length).toBe(3);
        return Array.from({ length }, (_, k) => `${hi[k]},${lo[k]}`);
      };
      const ask = (prompt: string) => post("/v1/completions", { model: MODEL, prompt, max_tokens: 1 });
      const first = await expected(alphabet("a"));
      // What is sent before the subscription has reached the publisher is lost.
      await soon(async () => {
        await ask(alphabet(`x${Math.random()}`));
        expect(held.size).toBe(CACHE_BLOCKS);
      });
      await ask(alphabet("a"));
      await soon(() => expect([...held]).toEqual(expect.arrayContaining(first)));
      for (const other of ["b", "c", "d"]) await ask(alphabet(other));
      const last = await expected(alphabet("d"));
      await soon(() => expect([...held]).toEqual(expect.arrayContaining(last)));
      for (const key of first) expect(held.has(key)).toBe(false);
      await soon(() => expect(held.size).toBe(CACHE_BLOCKS));
      expect(subscriber.blocksOf(live.endpoints[0]!)).toBe(CACHE_BLOCKS);
      expect(subscriber.messages).toMatchObject({
        malformed: 0,
        malformedEvents: 0,
        unknownEvents: 0,
        unknownPods: 0,
        missed: 0,
      });
      const replayed: EventMessage[] = [];
      const limits = { ...DEFAULT_ZMQ_LIMITS, replayIdleMs: 5000 };
      const complete = await zmqReplay(zmq, replay, limits, () => false)(3n, (message) => replayed.push(message) > 0);
      expect(complete).toBe(true);
      expect(replayed[0]?.sequence).toBe(3n);
      expect(replayed.length).toBeGreaterThan(3);
      // The look-alike hashes its blocks as upstream's index does: its hashes are what our keys must be.
      const stored = replayed.flatMap(({ payload }) =>
        decodeEventBatch(payload).events.filter(({ type }) => type === "stored"),
      );
      for (const event of stored) {
        if (event.type !== "stored" || event.parent !== undefined) continue;
        const { length, hi, lo } = keys.keysOf(event.tokens, { model: MODEL });
        const hashes = Array.from({ length }, (_, k) =>
          BigInt.asUintN(64, (BigInt(hi[k]!) << 32n) | BigInt(lo[k]! >>> 0)),
        );
        expect(hashes).toEqual(event.hashes);
      }
      expect(stored.length).toBeGreaterThan(0);
    });

    it("reads its metrics page", async () => {
      const { config, live } = await start([
        "--fake-metrics",
        '{"running-requests":5,"waiting-requests":3,"kv-cache-usage":0.25}',
      ]);
      const scraper = new MetricsScraper(live, metricsSources(config)[0]!, { clock: monotonicClock });
      scrapers.push(scraper);
      scraper.start();
      await soon(() =>
        expect(live.endpoints[0]!.metrics).toMatchObject({
          waitingQueueSize: 3,
          runningRequestsSize: 5,
          kvCacheUsageFraction: 0.25,
          cacheBlockSizeTokens: BLOCK_SIZE_TOKENS,
          cacheNumBlocks: CACHE_BLOCKS,
        }),
      );
    });
  },
);
