import { encode } from "@msgpack/msgpack";
import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { monotonicClock } from "../../../src/host/clock.ts";
import { EngineBlocks, newKvEventCounters } from "../../../src/signals/kv-events/engine-blocks.ts";
import { EventStream, newStreamCounters } from "../../../src/signals/kv-events/event-stream.ts";
import { kvEventsConfigs } from "../../../src/signals/kv-events/kv-events-config.ts";
import { MetricsScraper } from "../../../src/signals/metrics-scraper.ts";
import { metricsSources } from "../../../src/signals/metrics-source.ts";
import type { ProcessingResponse } from "../../../src/wire/ext-proc.ts";
import { response, startTarget, type Target } from "../../e2e/signals/scrape-targets.ts";
import { ExchangeRig, LOAD_CONFIG } from "../exchange/exchange-rig.ts";
import { InProcessPeer } from "../exchange/in-process-peer.ts";

const DESTINATION = "x-gateway-destination-endpoint";
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Where a request goes; several words make several blocks. */
function destination(rig: ExchangeRig): string {
  const peer = new InProcessPeer(rig);
  peer.send({ requestHeaders: {} });
  const prompt = Array.from({ length: 16 }, (_, index) => index);
  peer.send({ requestBody: { body: Buffer.from(JSON.stringify({ model: "m", prompt })), endOfStream: true } });
  peer.halfClose();
  expect(rig.defects).toEqual([]);
  const answer = peer.answers[0] as ProcessingResponse;
  return answer.dynamicMetadata!.fields["envoy.lb"]!.structValue!.fields[DESTINATION]!.stringValue!;
}

/** Pages of a server that wants traffic to go elsewhere. */
function pages(elsewhere: string): Readonly<Record<string, string>> {
  const gauge = (labels: string, value: string): string =>
    `# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting{${labels}} ${value}\n`;
  return {
    "a redirect": `HTTP/1.1 302 Found\r\nlocation: http://${elsewhere}/metrics\r\ncontent-length: 0\r\n\r\n`,
    "a redirect for good": `HTTP/1.1 308 Permanent Redirect\r\nlocation: http://${elsewhere}/metrics\r\ncontent-length: 0\r\n\r\n`,
    "an alternative service": response(
      gauge("", "1"),
      `alt-svc: h2="${elsewhere}"\r\nrefresh: 0; url=http://${elsewhere}/\r\n`,
    ),
    "another instance in its labels": response(gauge(`instance="${elsewhere}",__address__="${elsewhere}"`, "0")),
    "no number": response(gauge("", "NaN")),
    "minus infinity": response(gauge("", "-Inf")),
    "a value below zero": response(gauge("", "-1000000")),
  };
}

describe("a compromised model server's metrics page", () => {
  it.each(Object.keys(pages("")))("with %s moves no traffic and no scrape elsewhere", async (name) => {
    const stranger = await target((socket) => socket.end());
    const hostile = await target((socket) => socket.write(pages(stranger.address)[name]!));
    const honest = await target((socket) =>
      socket.write(response("# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 3\n")),
    );
    const addresses = [hostile.address, honest.address];
    const configuration = {
      ...LOAD_CONFIG,
      plugins: [...LOAD_CONFIG.plugins, { type: "metrics-data-source" }, { type: "core-metrics-extractor" }],
      dataLayer: {
        sources: [{ pluginRef: "metrics-data-source", extractors: [{ pluginRef: "core-metrics-extractor" }] }],
      },
    };
    const rig = new ExchangeRig({ endpoints: addresses.map((address) => ({ address })), configuration });
    const scraper = new MetricsScraper(rig.live, metricsSources(rig.live.router.config)[0]!, { clock: monotonicClock });
    closing.push(() => scraper.stop());
    scraper.start();
    await vi.waitFor(() => expect(hostile.requests.length).toBeGreaterThan(2), { timeout: 5000, interval: 5 });
    await vi.waitFor(() => expect(rig.live.endpointAt(honest.address)!.metrics.waitingQueueSize).toBe(3));
    for (let asked = 0; asked < 20; asked++) expect(addresses).toContain(destination(rig));
    expect(stranger.connections).toBe(0);
    expect(rig.live.endpoints.map(({ address }) => address)).toEqual(addresses);
  });
});

async function target(answer: Parameters<typeof startTarget>[0]): Promise<Target> {
  const started = await startTarget(answer);
  closing.push(() => started.close());
  return started;
}

describe("a compromised model server's KV events", () => {
  const configuration = {
    plugins: [
      { type: "token-producer", parameters: { estimate: {} } },
      {
        type: "precise-prefix-cache-producer",
        parameters: { tokenProcessorConfig: { blockSizeTokens: 4 }, kvEventsConfig: { discoverPods: true } },
      },
      { type: "prefix-cache-scorer", parameters: { prefixMatchInfoProducerName: "precise-prefix-cache-producer" } },
    ],
    schedulingProfiles: [{ name: "default", plugins: [{ pluginRef: "prefix-cache-scorer" }] }],
  };
  const addresses = ["10.0.0.1:8000", "10.0.0.2:8000"];
  const hash = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.nat(3),
    fc.uint8Array({ maxLength: 40 }),
  );
  const odd = fc.oneof(hash, fc.constant(null), fc.string(), fc.double(), fc.array(hash, { maxLength: 3 }));
  const tokens = fc.oneof(
    fc.constant(Array.from({ length: 16 }, (_, index) => index)),
    fc.array(fc.nat(20), { maxLength: 20 }),
    odd,
  );
  const event = fc.oneof(
    fc.tuple(
      fc.constant("BlockStored"),
      fc.array(hash, { maxLength: 5 }),
      fc.option(hash),
      tokens,
      fc.constantFrom(4, 0, -1, 1e9),
      odd,
      odd,
      odd,
    ),
    fc.tuple(fc.constant("BlockRemoved"), fc.oneof(fc.array(hash, { maxLength: 5 }), odd), odd),
    fc.constant(["AllBlocksCleared"]),
    fc.record({
      type: fc.constantFrom("BlockStored", "BlockRemoved", "__proto__"),
      block_hashes: odd,
      token_ids: tokens,
      block_size: odd,
      medium: odd,
    }),
    odd,
  );
  const payload = fc.oneof(
    fc.array(event, { maxLength: 6 }).map((events) => Buffer.from(encode([1.5, events, 0], { useBigInt64: true }))),
    fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each)),
  );
  const topic = fc.constantFrom("kv@10.0.0.1:8000@m", "kv@10.0.0.2:8000@m", "kv@10.9.9.9:80@m", "@@@@", "");

  it("move no traffic to what is no endpoint, and tell nothing of other endpoints", async () => {
    const rig = new ExchangeRig({ endpoints: addresses.map((address) => ({ address })), configuration });
    const config = loadEndpointPickerConfig(
      JSON.stringify({ apiVersion: "llm-d.ai/v1alpha1", kind: "EndpointPickerConfig", ...configuration }),
      { file: "case" },
    );
    const [{ keys }] = kvEventsConfigs(config) as [ReturnType<typeof kvEventsConfigs>[number]];
    const hostile = rig.live.endpointAt(addresses[0]!)!;
    const told = new Set<string>();
    rig.live.observe({ kvEvent: (endpoint) => void told.add(endpoint.address) });
    const limits = { maxBlocks: 1000, fleetTiers: new Set<string>() };
    const blocks = new EngineBlocks(keys, limits, newKvEventCounters(), (each) => rig.live.kvEvent(hostile, each));
    const stream = new EventStream(blocks, newStreamCounters(), () => 0);
    let sequence = 0n;
    await fc.assert(
      fc.asyncProperty(topic, payload, async (name, bytes) => {
        await stream.message({ topic: name, sequence: sequence++, payload: bytes });
        expect(blocks.size).toBeLessThanOrEqual(limits.maxBlocks);
        expect(addresses).toContain(destination(rig));
      }),
      { numRuns: 1000 },
    );
    expect([...told]).toEqual([addresses[0]]);
  });
});
