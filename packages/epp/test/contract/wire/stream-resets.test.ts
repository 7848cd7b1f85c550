import { type ClientHttp2Session, connect, constants } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { createGrpcServer, type GrpcLimits, type GrpcServer } from "../../../src/wire/grpc-server.ts";
import { requireNodeVersion } from "../../../src/wire/node-version.ts";
import { echoMethod } from "./grpc-peer.ts";
import { callHeaders, FRAME, RawPeer, rstStream } from "./raw-http2.ts";

const REQUEST = { ":method": "POST", ":path": "/e/e", "content-type": "application/grpc", te: "trailers" };
const MESSAGE = Buffer.from([0, 0, 0, 0, 2, 104, 105]);

let server: GrpcServer | undefined;
let session: ClientHttp2Session | undefined;
let port: number;
afterEach(async () => {
  session?.destroy();
  await server?.close();
});

async function start(limits: Partial<GrpcLimits> = {}) {
  server = createGrpcServer({ methods: [echoMethod("/e/e")], limits });
  port = (await server.listen("127.0.0.1", 0)).port;
  const opened = connect(`http://127.0.0.1:${port}`);
  session = opened;
  opened.on("error", () => {});
  const goaways: number[] = [];
  opened.on("goaway", (code) => goaways.push(code));
  return goaways;
}

/** A call as Envoy makes it: the answer is taken, then the stream is reset with code 2, never half-closed. */
function callAndReset(): Promise<string> {
  return new Promise((resolve) => {
    const stream = session!.request(REQUEST, { endStream: false });
    let answer = "";
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => {
      answer += chunk.toString("hex");
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    stream.on("close", () => resolve(answer));
    stream.write(MESSAGE);
  });
}

describe("streams that the gateway resets", () => {
  it("are served 30,000 times on one connection without a failure", async () => {
    const goaways = await start();
    let failed = 0;
    const worker = async (): Promise<void> => {
      for (let call = 0; call < 30_000 / 50; call += 1)
        if ((await callAndReset()) !== MESSAGE.toString("hex")) failed += 1;
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    expect(failed).toBe(0);
    expect(goaways).toEqual([]);
    for (let waits = 0; server!.openCalls > 0 && waits < 500; waits += 1)
      await new Promise((next) => setTimeout(next, 2));
    expect(server!.openCalls).toBe(0);
  });

  it("end the connection beyond the limit, and only that one", async () => {
    await start({ maxResetsPerSecond: 200 });
    const flood = new RawPeer(port);
    flood.start();
    for (let burst = 0; burst < 20; burst += 1) {
      const first = burst * 100 + 1;
      flood.send(
        ...Array.from({ length: 50 }, (_, index) => first + 2 * index).flatMap((stream) => [
          callHeaders(stream, "/e/e"),
          rstStream(stream, constants.NGHTTP2_CANCEL),
        ]),
      );
      await new Promise((next) => setTimeout(next, 2));
    }
    await flood.closed;
    // Its reason is lost where the flood goes on after the end: TCP then throws away what was not read yet.
    const reasons = flood.of(FRAME.goaway).map(({ payload }) => payload.readUInt32BE(4));
    expect([[], [constants.NGHTTP2_ENHANCE_YOUR_CALM]]).toContainEqual(reasons);
    expect(await callAndReset()).toBe(MESSAGE.toString("hex"));
  });
});

describe("a Node", () => {
  it("whose reset limit is fixed is refused with what is needed", () => {
    expect(() => requireNodeVersion("22.11.0")).toThrow("Node 22.11.0: the Endpoint Picker needs Node 22.12 or later");
    expect(() => requireNodeVersion("20.20.2")).toThrow("Node 20.20.2");
    for (const version of ["22.12.0", "23.0.0", "24.21.0"]) requireNodeVersion(version);
  });
});
