import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GrpcCallHandler } from "../../../src/wire/grpc.ts";
import { createGrpcServer, type GrpcServer } from "../../../src/wire/grpc-server.ts";
import { echoMethod, GrpcPeer, outcome } from "./grpc-peer.ts";
import { callHeaders, FLAG, FRAME, frame, messageFrame, PREFACE, RawPeer } from "./raw-http2.ts";

const received: Buffer[] = [];
let server: GrpcServer;
let port: number;

beforeAll(async () => {
  const gather = {
    path: "/g/g",
    open: (): GrpcCallHandler => ({
      message: (bytes) => received.push(Buffer.from(bytes)),
      halfClosed: () => {},
      closed: () => {},
    }),
  };
  server = createGrpcServer({ methods: [echoMethod("/e/e"), gather] });
  port = (await server.listen("127.0.0.1", 0)).port;
});
afterAll(() => server.close());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function stillServes(): Promise<boolean> {
  const peer = new GrpcPeer(port);
  const stream = peer.stream("/e/e");
  stream.end(Buffer.from("alive"));
  const { code, messages } = await outcome(stream);
  peer.close();
  return code === 0 && String(messages[0]) === "alive";
}

describe("hostile bytes", () => {
  it("of any kind end at most their own connection", { timeout: 30_000 }, async () => {
    const junk = fc.uint8Array({ maxLength: 200 });
    const anyFrame = fc
      .tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 9 }), junk)
      .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));
    const call = fc.constant(Buffer.concat([callHeaders(1, "/e/e"), callHeaders(3, "/no/no")]));
    const data = fc
      .tuple(fc.constantFrom(1, 3), junk, fc.boolean())
      .map(([stream, bytes, end]) => frame(FRAME.data, end ? FLAG.endStream : 0, stream, bytes));
    const pieces = fc.array(fc.oneof(anyFrame, call, data, junk.map(Buffer.from)), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), pieces, async (polite, bytes) => {
        const peer = new RawPeer(port);
        if (polite) peer.start();
        else peer.send(PREFACE.subarray(0, 10));
        for (const piece of bytes) peer.send(piece);
        await pause(2);
        peer.socket.destroy();
      }),
      { numRuns: 150, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
    );
    expect(await stillServes()).toBe(true);
    for (let waits = 0; server.openCalls > 0 && waits < 500; waits += 1) await pause(2);
    expect(server.openCalls).toBe(0);
  });

  it("that promise more than they send hold no memory for the promise", async () => {
    const peer = new RawPeer(port);
    peer.start();
    const before = process.memoryUsage().rss;
    const promise = Buffer.from([0, 0, 0x3f, 0xff, 0xff, 1]);
    for (let stream = 1; stream < 1000; stream += 2)
      peer.send(callHeaders(stream, "/g/g"), frame(FRAME.data, 0, stream, promise));
    for (let waits = 0; server.openCalls < 500 && waits < 500; waits += 1) await pause(2);
    expect(server.openCalls).toBe(500);
    // 500 messages of 4 MiB were promised.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    peer.socket.destroy();
  });

  it("in single-byte frames are joined in order", async () => {
    const peer = new RawPeer(port);
    peer.start();
    const message = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 251));
    const whole = messageFrame(1, message).subarray(9);
    received.length = 0;
    peer.send(callHeaders(1, "/g/g"), ...Array.from(whole, (byte) => frame(FRAME.data, 0, 1, Uint8Array.of(byte))));
    for (let waits = 0; received.length === 0 && waits < 500; waits += 1) await pause(2);
    expect(received).toEqual([message]);
    peer.socket.destroy();
  });

  it("marked as compressed, or cut off within a message, fail their call", async () => {
    for (const [bytes, flags] of [
      [Buffer.from([1, 0, 0, 0, 1, 7]), 0],
      [Buffer.from([0, 0, 0, 0, 9, 7]), FLAG.endStream],
    ] as const) {
      const peer = new RawPeer(port);
      peer.start();
      peer.send(callHeaders(1, "/e/e"), frame(FRAME.data, flags, 1, bytes));
      for (let waits = 0; peer.of(FRAME.headers).length === 0 && waits < 500; waits += 1) await pause(2);
      const [answer] = peer.of(FRAME.headers);
      expect(answer!.flags & FLAG.endStream).toBe(FLAG.endStream);
      expect(answer!.payload.length).toBeGreaterThan(20);
      peer.socket.destroy();
    }
  });

  it("that ping are answered", async () => {
    const peer = new RawPeer(port);
    peer.start();
    peer.send(frame(FRAME.ping, 0, 0, Buffer.from("windtunn")));
    for (let waits = 0; peer.of(FRAME.ping).length === 0 && waits < 500; waits += 1) await pause(2);
    expect(peer.of(FRAME.ping)[0]).toMatchObject({ flags: FLAG.ack, payload: Buffer.from("windtunn") });
    peer.socket.destroy();
  });
});

describe("a drain", () => {
  it("serves the calls that were on their way when it began", async () => {
    const draining = createGrpcServer({ methods: [echoMethod("/e/e")] });
    const peer = new RawPeer((await draining.listen("127.0.0.1", 0)).port);
    peer.start();
    for (let waits = 0; peer.of(FRAME.settings).length < 2 && waits < 500; waits += 1) await pause(2);
    const drained = draining.drain(5000);
    for (let waits = 0; peer.of(FRAME.ping).length === 0 && waits < 500; waits += 1) await pause(2);
    // The first GOAWAY takes every stream; this one was sent before the peer could have read it.
    expect(peer.of(FRAME.goaway).map((each) => each.payload.readUInt32BE(0))).toEqual([0x7fffffff]);
    peer.send(callHeaders(1, "/e/e"), messageFrame(1, Buffer.from("x")));
    peer.send(frame(FRAME.ping, FLAG.ack, 0, peer.of(FRAME.ping)[0]!.payload));
    for (let waits = 0; peer.of(FRAME.data).length === 0 && waits < 500; waits += 1) await pause(2);
    expect(peer.of(FRAME.data)[0]!.payload.at(-1)).toBe("x".charCodeAt(0));
    peer.send(frame(FRAME.data, FLAG.endStream, 1));
    expect(await drained).toEqual({ abandoned: 0 });
    expect([...new Set(peer.of(FRAME.goaway).map((each) => each.payload.readUInt32BE(0)))]).toEqual([0x7fffffff, 1]);
    peer.socket.destroy();
  });
});
