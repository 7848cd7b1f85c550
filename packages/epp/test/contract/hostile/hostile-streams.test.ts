import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { extProcMethod } from "../../../src/server/ext-proc-method.ts";
import { createGrpcServer, type GrpcServer } from "../../../src/wire/grpc-server.ts";
import { EnvoyClient } from "../../support/envoy-client.ts";
import { eventually } from "../../support/loopback.ts";
import { ExchangeRig, LOAD_CONFIG } from "../exchange/exchange-rig.ts";
import { GrpcPeer, outcome } from "../wire/grpc-peer.ts";

const PATH = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const MIB = 1024 * 1024;
const rig = new ExchangeRig({ endpoints: [{ address: "10.0.0.1:8000" }], configuration: LOAD_CONFIG });
let server: GrpcServer;
let raw: GrpcPeer;
let envoy: EnvoyClient;

beforeAll(async () => {
  // A body that is sent on waits for the gateway: room for the greatest, and for what frames it.
  const limits = { maxUnsentBytes: 64 * MIB + 16 * MIB };
  server = createGrpcServer({ methods: [extProcMethod(rig.parts)], limits });
  const { port } = await server.listen("127.0.0.1", 0);
  raw = new GrpcPeer(port);
  envoy = new EnvoyClient(`127.0.0.1:${port}`);
});

afterAll(async () => {
  envoy.close();
  await raw.close();
  await server.close();
});

/** After whatever came, the next request is served. */
async function stillServes(): Promise<void> {
  const { routing, stream } = await envoy.route({ body: { model: "m", prompt: "x" } });
  expect(routing.destination).toBe("10.0.0.1:8000");
  await stream.respond();
  await eventually("no call is open", () => server.openCalls === 0);
  expect(rig.live.inFlight).toBe(0);
  expect(rig.defects).toEqual([]);
}

describe("ext_proc streams", () => {
  it("of any bytes end with a status, and the server goes on", async () => {
    // Tags of ProcessingRequest's phases, so that some get further.
    const tagged = fc
      .tuple(fc.constantFrom(0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42), fc.uint8Array({ maxLength: 30 }))
      .map(([tag, bytes]) => Buffer.from([tag, bytes.length, ...bytes]));
    const message = fc.oneof(
      tagged,
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.constant(Buffer.from([0x12, 0x00])),
      fc.constant(Buffer.from([0x22, 0x02, 0x10, 0x01])),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), async (messages) => {
        const stream = raw.stream(PATH);
        const done = outcome(stream);
        for (const each of messages) stream.write(each);
        stream.end();
        // OK, invalid argument for what is out of turn or malformed.
        expect([0, 3]).toContain((await done).code);
      }),
      { numRuns: 200 },
    );
    await stillServes();
  });

  it("that are cut at any point leave nothing in flight", async () => {
    for (let after = 1; after < 8; after++) {
      const stream = envoy.open();
      const steps = [
        () => stream.send({ requestHeaders: {} }),
        () => stream.send({ requestBody: { body: Buffer.from('{"model":"m",') } }),
        () => stream.send({ requestBody: { body: Buffer.from('"prompt":"x"}'), endOfStream: true } }),
        () => stream.next(),
        () => stream.next(),
        () => stream.send({ responseHeaders: {} }),
        () => stream.send({ responseBody: { body: Buffer.from("{}") } }),
      ];
      for (const step of steps.slice(0, after)) await step();
      // A client that cancels before its stream is on the wire tells nobody.
      await eventually("the call is open", () => server.openCalls === 1);
      stream.abort();
      await eventually("the call is over", () => server.openCalls === 0);
    }
    await stillServes();
  });

  it("carry a body of 64 MiB there and back", async () => {
    const head = Buffer.from('{"model":"m","prompt":"');
    const body = Buffer.concat([head, Buffer.alloc(64 * MIB - head.length - 2, "x"), Buffer.from('"}')]);
    const pieces = Array.from({ length: 64 }, () => MIB);
    const stream = envoy.open();
    stream.sendRequest({ body, chunkBytes: pieces });
    expect((await stream.next())?.requestHeaders).toBeDefined();
    const chunks: Buffer[] = [];
    for (let isLast = false; !isLast; ) {
      const streamed = (await stream.next())!.requestBody!.response!.bodyMutation!.streamedResponse!;
      chunks.push(streamed.body!);
      isLast = streamed.endOfStream === true;
    }
    expect(Math.max(...chunks.map(({ length }) => length))).toBe(62_000);
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
    await stream.respond();
    await stillServes();
  });

  it("that say a body is longer than the limit are refused", async () => {
    const { routing, stream } = await envoy.route({
      body: Buffer.alloc(65 * MIB, "x"),
      chunkBytes: Array.from({ length: 65 }, () => MIB),
    });
    expect(routing.immediate).toEqual({
      status: 413,
      body: "inference error: PayloadTooLarge - request body is larger than 67108864 bytes",
      headers: {},
    });
    stream.finish();
    await stillServes();
  });

  it("whose one message is longer than a message may be fail alone", async () => {
    const { routing } = await envoy.route({ body: Buffer.alloc(5 * MIB, "x") });
    expect(routing.failed).toMatchObject({ code: 8 });
    await stillServes();
  });
});
