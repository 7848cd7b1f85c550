import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProcessingRequest, ProcessingResponse } from "../../../src/wire/ext-proc.ts";
import { ExchangeRig, LOAD_CONFIG } from "../exchange/exchange-rig.ts";
import { InProcessPeer } from "../exchange/in-process-peer.ts";
import { heldBytes } from "./held-memory.ts";

const MIB = 1024 * 1024;
const ADDRESSES = ["10.0.0.1:8000", "10.0.0.2:8000"];
const ELSEWHERE = "10.9.9.9:80";
const DESTINATION = "x-gateway-destination-endpoint";

const bytes = (text: string): Buffer => Buffer.from(text);
const open = (configuration: object = LOAD_CONFIG, maxBodyBytes = 64 * MIB): ExchangeRig =>
  new ExchangeRig({ endpoints: ADDRESSES.map((address) => ({ address })), configuration, maxBodyBytes });

function request(peer: InProcessPeer, headers: Record<string, string> = {}): void {
  const all = Object.entries({ ":path": "/v1/completions", ...headers });
  peer.send({ requestHeaders: { headers: { headers: all.map(([key, value]) => ({ key, rawValue: bytes(value) })) } } });
  peer.send({ requestBody: { body: bytes('{"model":"m","prompt":"x"}'), endOfStream: true } });
}

function responseHeaders(headers: Record<string, string>, metadata: Record<string, string> = {}): ProcessingRequest {
  const fields = Object.fromEntries(Object.entries(metadata).map(([key, stringValue]) => [key, { stringValue }]));
  return {
    responseHeaders: {
      headers: { headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: bytes(value) })) },
    },
    metadataContext: { filterMetadata: { "envoy.lb": { fields } } },
  };
}

/** Where the next request goes. */
function destination(rig: ExchangeRig): string {
  const peer = new InProcessPeer(rig);
  request(peer);
  const answer = peer.answers[0] as ProcessingResponse;
  peer.halfClose();
  return answer.dynamicMetadata!.fields["envoy.lb"]!.structValue!.fields[DESTINATION]!.stringValue!;
}

describe("a compromised model server", () => {
  it("does not move traffic with what it answers", () => {
    const anything = fc.oneof(
      fc.constantFrom(ELSEWHERE, `${ELSEWHERE},10.0.0.1:8000`, "text/event-stream", "200", "-1", "NaN"),
      fc.string({ unit: "binary", maxLength: 40 }),
    );
    const name = fc.constantFrom(
      ...[DESTINATION, `${DESTINATION}-served`, `${DESTINATION}-subset`, "x-prefiller-host-port", ":status", "status"],
      ...["content-type", "content-length", "x-went-into-resp-headers", "__proto__", "x-llm-d-request-dropped-reason"],
    );
    const headers = fc.dictionary(name, anything, { noNullPrototype: true });
    const body = fc.oneof(
      anything,
      fc.json(),
      anything.map(
        (text) => `data: {"usage":{"prompt_tokens":${JSON.stringify(text)},"completion_tokens":-1e308}}\n\n`,
      ),
      anything.map(
        (text) => `{"model":"n","usage":{"prompt_tokens":1e308,"__proto__":{"x":1}},"x":${JSON.stringify(text)}}`,
      ),
    );
    const answer = fc.record({
      headers,
      bodies: fc.array(body, { maxLength: 4 }),
      served: fc.option(anything),
      end: fc.boolean(),
    });
    const rig = open();
    fc.assert(
      fc.property(answer, ({ headers: set, bodies, served, end }) => {
        const peer = new InProcessPeer(rig);
        request(peer, { "x-llm-d-model-name-rewrite": "n" });
        peer.send(responseHeaders(set, served === null ? {} : { [`${DESTINATION}-served`]: served }));
        for (const text of bodies) peer.send({ responseBody: { body: bytes(text), endOfStream: false } });
        if (end) peer.send({ responseBody: { body: bytes(""), endOfStream: true } });
        peer.halfClose();
        expect(rig.defects).toEqual([]);
        expect(rig.live.inFlight).toBe(0);
        expect(rig.live.endpoints.map(({ address }) => address)).toEqual(ADDRESSES);
        expect(ADDRESSES).toContain(destination(rig));
        const { usage, status } = rig.ended.at(-2)!;
        for (const count of Object.values(usage ?? {})) expect(Number.isFinite(count) && count >= 0).toBe(true);
        if (status !== undefined) expect(Number.isInteger(status)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("does not move traffic with feedback about who has served", () => {
    const rig = open({
      ...LOAD_CONFIG,
      plugins: [...LOAD_CONFIG.plugins, { type: "destination-endpoint-served-verifier" }],
    });
    const peer = new InProcessPeer(rig);
    request(peer);
    peer.send(
      responseHeaders({ ":status": "200" }, { [`${DESTINATION}-served`]: ELSEWHERE, [DESTINATION]: ELSEWHERE }),
    );
    peer.send({ responseBody: { body: bytes("{}"), endOfStream: true } });
    expect(rig.ended[0]!.served).toBe(ELSEWHERE);
    expect(ADDRESSES).toContain(rig.ended[0]!.targets[0]);
    expect(ADDRESSES).toContain(destination(rig));
  });

  it("does not move traffic to no endpoint with what it says of itself", () => {
    const anyNumber = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 1e308, -0));
    const metrics = fc.record({
      waitingQueueSize: anyNumber,
      runningRequestsSize: anyNumber,
      kvCacheUsageFraction: anyNumber,
      cacheBlockSizeTokens: anyNumber,
      cacheNumBlocks: anyNumber,
    });
    // llm-d's default configuration: prefix cache, queue, KV cache.
    for (const configuration of [LOAD_CONFIG, {}]) {
      const rig = open(configuration);
      fc.assert(
        fc.property(metrics, (scraped) => {
          rig.live.metricsScraped(rig.live.endpointAt(ADDRESSES[0]!)!, scraped);
          expect(ADDRESSES).toContain(destination(rig));
          expect(rig.defects).toEqual([]);
        }),
        { numRuns: 300 },
      );
    }
  });

  it("does not fill the memory with an endless response", async () => {
    const rig = open(LOAD_CONFIG, 4 * MIB);
    const piece = Buffer.alloc(MIB, "x");
    for (const type of ["application/json", "text/event-stream"]) {
      const peer = new InProcessPeer(rig);
      request(peer, { "x-llm-d-model-name-rewrite": "n" });
      peer.send(responseHeaders({ ":status": "200", "content-type": type }));
      peer.answers.length = 0;
      const before = await heldBytes();
      let passed = 0;
      for (let sent = 0; sent < 100; sent++) {
        peer.send({ responseBody: { body: piece } });
        for (const answer of peer.answers.splice(0)) {
          if ("responseBody" in answer)
            passed += answer.responseBody!.response.bodyMutation!.streamedResponse!.body.length;
        }
        expect(sent * MIB - passed).toBeLessThanOrEqual(4 * MIB);
      }
      expect(passed).toBe(100 * MIB);
      // What is held back and what is looked at for usage: 4 and 8 MiB at most.
      expect((await heldBytes()) - before).toBeLessThan(16 * MIB);
      peer.halfClose();
      expect(rig.live.inFlight).toBe(0);
    }
  });
});
