import { encode } from "@msgpack/msgpack";
import type { KvEvent } from "@windtunnel/router-policies";
import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { afterEach, expect, it, vi } from "vitest";
import { Publisher, Router as RouterSocket } from "zeromq";
import { monotonicClock } from "../../../src/host/clock.ts";
import { LiveRouter } from "../../../src/host/live-router.ts";
import { KvEventSubscriber } from "../../../src/signals/kv-events/kv-event-subscriber.ts";
import { kvEventsConfigs } from "../../../src/signals/kv-events/kv-events-config.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

async function picker(kvEventsConfig: string, addresses: readonly string[]) {
  const config = loadEndpointPickerConfig(
    `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: precise-prefix-cache-producer
  parameters: {tokenProcessorConfig: {blockSizeTokens: 2}, kvEventsConfig: ${kvEventsConfig}}
- type: prefix-cache-scorer
  parameters: {prefixMatchInfoProducerName: precise-prefix-cache-producer}
`,
    { file: "epp.yaml" },
  );
  const router = new Router(config, { random: () => ({ next: () => 0 }) as never });
  const live = new LiveRouter(router, { clock: monotonicClock, explain: () => false });
  live.setEndpoints(addresses.map((address, i) => ({ name: `pod-${i}`, namespace: "default", address, labels: {} })));
  const told: string[] = [];
  live.observe({
    kvEvent: (endpoint, event: KvEvent) =>
      told.push(`${endpoint.name} ${event.type} ${event.medium} ${event.keys?.length ?? 0}`),
  });
  const [kv] = kvEventsConfigs(config);
  const limits = { reconnectMs: 50, replayIdleMs: 300, maxMessageBytes: 100_000 };
  const subscriber = new KvEventSubscriber(kv!, live, { clock: monotonicClock, log: quiet, zmq: limits });
  closing.push(() => subscriber.stop());
  await subscriber.start();
  return { live, subscriber, told };
}

/** An engine's publisher, with a memory that it replays from. */
async function engine(ip: string, topic: string) {
  const publisher = new Publisher({ linger: 0 });
  const replays = new RouterSocket({ linger: 0 });
  closing.push(
    () => publisher.close(),
    () => replays.close(),
  );
  await publisher.bind(`tcp://${ip}:*`);
  await replays.bind(`tcp://${ip}:*`);
  const sent: [Buffer, Buffer][] = [];
  const asked: bigint[] = [];
  const portOf = (endpoint: string | null): number => Number(endpoint!.split(":").at(-1));
  void (async () => {
    for await (const [client, empty, from] of replays) {
      asked.push(from!.readBigUInt64BE(0));
      for (const [sequence, payload] of sent) {
        if (sequence.readBigUInt64BE(0) >= asked.at(-1)!) await replays.send([client!, empty!, sequence, payload]);
      }
      await replays.send([client!, empty!, Buffer.alloc(8, 0xff), Buffer.alloc(0)]);
    }
  })();
  let next = 0n;
  return {
    port: portOf(publisher.lastEndpoint),
    replayPort: portOf(replays.lastEndpoint),
    asked,
    /** Makes a message, and sends it unless it is to be lost. */
    async publish(events: unknown[], lost = false): Promise<void> {
      const sequence = Buffer.alloc(8);
      sequence.writeBigUInt64BE(next++);
      sent.push([sequence, Buffer.from(encode([0, events, 0]))]);
      if (!lost) await publisher.send([topic, ...sent.at(-1)!]);
    },
    raw: (frames: (string | Buffer)[]) => publisher.send(frames),
  };
}

const stored = (hash: number, parent: number | null = null) => ["BlockStored", [hash], parent, [hash, hash], 2];

it("follows each endpoint, and asks again for what it has missed", async () => {
  const one = await engine("127.0.0.1", "kv@whatever@m");
  const { told, subscriber, live } = await picker(
    `{podDiscoveryConfig: {socketPort: ${one.port}, replaySocketPort: ${one.replayPort}}}`,
    ["127.0.0.1:1"],
  );
  await soon(() => expect(one.asked).toEqual([0n]));
  await one.publish([stored(1)], true);
  // Until the subscription has reached the publisher, what it sends is lost; the replay brings it.
  await vi.waitFor(
    async () => {
      await one.publish([]);
      expect(subscriber.messages.messages).toBeGreaterThan(0);
    },
    { timeout: 10_000, interval: 20 },
  );
  await soon(() => expect(told).toEqual(["pod-0 stored gpu 1"]));
  await one.publish([stored(2, 1)], true);
  await one.publish([
    ["BlockRemoved", [2]],
    ["BlockRemoved", [1]],
  ]);
  await soon(() =>
    expect(told).toEqual(["pod-0 stored gpu 1", "pod-0 stored gpu 1", "pod-0 removed gpu 1", "pod-0 removed gpu 1"]),
  );
  expect(subscriber.messages).toMatchObject({ missed: 0, replayFailures: 0, restarts: 0 });
  expect(subscriber.blocksOf(live.endpoints[0]!)).toBe(0);
});

it("survives garbage, and what is too long", async () => {
  const one = await engine("127.0.0.1", "kv@x@m");
  const { told, subscriber } = await picker(`{podDiscoveryConfig: {socketPort: ${one.port}}}`, ["127.0.0.1:1"]);
  await vi.waitFor(
    async () => {
      await one.raw(["kv@"]);
      expect(subscriber.messages.malformed).toBeGreaterThan(0);
    },
    { timeout: 10_000, interval: 20 },
  );
  const sequence = Buffer.alloc(8);
  await one.raw(["kv@x@m", sequence, Buffer.from("c1", "hex")]);
  await one.raw(["kv@x@m", "short", "x"]);
  await one.raw(["kv@x@m", sequence, Buffer.alloc(500_000)]);
  await vi.waitFor(
    async () => {
      await one.publish([stored(1)]);
      expect(told.length).toBeGreaterThan(0);
    },
    { timeout: 10_000, interval: 20 },
  );
});

it("binds one socket for all, told apart by their topics", async () => {
  const { live, subscriber, told } = await picker("{zmqEndpoint: 'tcp://127.0.0.1:*', discoverPods: false}", [
    "127.0.0.2:8000",
    "127.0.0.3:8000",
  ]);
  const engines = ["127.0.0.2:8000", "127.0.0.3:8000", "127.0.0.4:8000"].map((address) => {
    const publisher = new Publisher({ linger: 0 });
    closing.push(() => publisher.close());
    publisher.connect(subscriber.boundEndpoint!);
    return (sequence: number, ...events: unknown[]) => {
      const number = Buffer.alloc(8);
      number.writeBigUInt64BE(BigInt(sequence));
      return publisher.send([`kv@${address}@m`, number, Buffer.from(encode([0, events]))]);
    };
  });
  let sequence = 0;
  await vi.waitFor(
    async () => {
      for (const send of engines) await send(sequence);
      sequence++;
      expect(subscriber.messages.unknownPods).toBeGreaterThan(0);
      expect(subscriber.messages.messages).toBeGreaterThan(1);
    },
    { timeout: 10_000, interval: 20 },
  );
  await engines[1]!(sequence, stored(1), stored(2, 1), stored(4, 3));
  await engines[0]!(sequence, stored(2, 1), stored(1));
  await soon(() => expect(told.toSorted()).toEqual(["pod-0 stored gpu 1", "pod-1 stored gpu 1", "pod-1 stored gpu 1"]));
  expect(subscriber.events.unknownParent).toBe(2);
  // Engine one begins anew.
  await engines[1]!(0, stored(7));
  await soon(() => expect(told.slice(3)).toEqual(["pod-1 cleared gpu 0", "pod-1 stored gpu 1"]));
  live.setEndpoints([]);
  await engines[1]!(1, stored(8));
  await soon(() => expect(subscriber.messages.unknownPods).toBeGreaterThan(1));
  expect(told.length).toBe(5);
});

it("stops, also before anything has come", async () => {
  const { subscriber } = await picker("{podDiscoveryConfig: {socketPort: 1}}", ["127.0.0.1:1", "[::1]:2"]);
  subscriber.stop();
  subscriber.stop();
  expect(subscriber.messages.messages).toBe(0);
});
