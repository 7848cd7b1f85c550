import { status as STATUS } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import type { GrpcCall, GrpcCallHandler, GrpcMethod } from "../../../src/wire/grpc.ts";
import { createGrpcServer, type GrpcLimits, type GrpcServer } from "../../../src/wire/grpc-server.ts";
import { echoMethod, GrpcPeer, outcome } from "./grpc-peer.ts";

const ECHO = "/test.Echo/Echo";
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function serve(
  methods: readonly GrpcMethod[] = [echoMethod(ECHO)],
  limits: Partial<GrpcLimits> = {},
): Promise<{ server: GrpcServer; peer: GrpcPeer; port: number }> {
  const server = createGrpcServer({ methods, limits });
  const { port } = await server.listen("127.0.0.1", 0);
  const peer = new GrpcPeer(port);
  open.push(server, peer);
  return { server, peer, port };
}

/** A method whose calls are handed to the test. */
function observed(path = ECHO) {
  const events: string[] = [];
  const calls: GrpcCall[] = [];
  const method: GrpcMethod = {
    path,
    open: (call): GrpcCallHandler => {
      calls.push(call);
      return {
        message: (bytes) => events.push(`message ${bytes.length}`),
        halfClosed: () => events.push("half-closed"),
        closed: () => events.push("closed"),
        drained: () => events.push("drained"),
      };
    },
  };
  return { method, events, calls };
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let waits = 0; !condition(); waits += 1) {
    if (waits > 2000) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

describe("a gRPC call", () => {
  it("carries messages both ways in order and ends with OK", async () => {
    const { peer, server } = await serve();
    const stream = peer.stream(ECHO);
    const done = outcome(stream);
    for (const size of [0, 1, 5, 70_000, 3]) stream.write(Buffer.alloc(size, size));
    stream.end();
    const { messages, code } = await done;
    expect(messages.map((message) => message.length)).toEqual([0, 1, 5, 70_000, 3]);
    expect(messages[3]!.every((byte) => byte === 70_000 % 256)).toBe(true);
    expect(code).toBe(STATUS.OK);
    await until(() => server.openCalls === 0);
  });

  it("tells the handler of the half-close, and once of the end", async () => {
    const { method, events, calls } = observed();
    const { peer } = await serve([method]);
    const stream = peer.stream(ECHO);
    const done = outcome(stream);
    stream.write(Buffer.alloc(3));
    stream.end();
    await until(() => events.includes("half-closed"));
    expect(events).toEqual(["message 3", "half-closed"]);
    calls[0]!.send(Buffer.from("late"));
    calls[0]!.end();
    calls[0]!.fail(13, "not after the end");
    expect(await done).toMatchObject({ code: STATUS.OK, messages: [Buffer.from("late")] });
    await until(() => events.includes("closed"));
    expect(events).toEqual(["message 3", "half-closed", "closed"]);
  });

  it("may be ended by the server before the peer has ended", async () => {
    const { method, events, calls } = observed();
    const { peer, server } = await serve([method]);
    const done = outcome(peer.stream(ECHO));
    await until(() => calls.length === 1);
    calls[0]!.send(Buffer.from("a"));
    calls[0]!.end();
    expect(await done).toMatchObject({ code: STATUS.OK, messages: [Buffer.from("a")] });
    await until(() => server.openCalls === 0);
    expect(events).toEqual(["closed"]);
  });

  it("fails with a status and a message of any text, with and without messages before", async () => {
    const text = "100 % of größe\nno";
    for (const before of [[], [Buffer.from("x")]]) {
      const { method, calls } = observed();
      const { peer } = await serve([method]);
      const done = outcome(peer.stream(ECHO));
      await until(() => calls.length === 1);
      for (const message of before) calls[0]!.send(message);
      calls[0]!.fail(14, text);
      expect(await done).toEqual({ messages: before, code: STATUS.UNAVAILABLE, details: text });
    }
  });

  it("is told of a cancel and of a deadline that the peer kept", async () => {
    for (const cancel of [true, false]) {
      const { method, events } = observed();
      const { peer } = await serve([method]);
      const stream = peer.stream(ECHO, cancel ? {} : { deadline: Date.now() + 100 });
      const done = outcome(stream);
      stream.write(Buffer.alloc(1));
      await until(() => events.length > 0);
      if (cancel) stream.cancel();
      expect((await done).code).toBe(cancel ? STATUS.CANCELLED : STATUS.DEADLINE_EXCEEDED);
      await until(() => events.includes("closed"));
      // This client half-closes what it cancels, before the reset.
      expect(events.filter((event) => event !== "half-closed")).toEqual(["message 1", "closed"]);
      expect(events.at(-1)).toBe("closed");
    }
  });

  it("of an unknown method is not implemented", async () => {
    const { peer } = await serve();
    const done = outcome(peer.stream("/test.Echo/Ecco"));
    expect(await done).toMatchObject({ code: STATUS.UNIMPLEMENTED, details: "unknown method /test.Echo/Ecco" });
  });

  it("refuses messages above the limit, in and out", async () => {
    const { method, calls } = observed();
    const { peer } = await serve([echoMethod("/in/in"), method], { maxRecvMessageBytes: 100, maxSendMessageBytes: 50 });
    const tooLong = peer.stream("/in/in");
    const refusedIn = outcome(tooLong);
    tooLong.write(Buffer.alloc(101));
    expect(await refusedIn).toMatchObject({ code: STATUS.RESOURCE_EXHAUSTED });
    const refusedOut = outcome(peer.stream(ECHO));
    await until(() => calls.length === 1);
    calls[0]!.send(Buffer.alloc(51));
    expect((await refusedOut).details).toBe("an answer of 51 bytes, allowed are 50 (--grpc-max-send-msg-size)");
  });

  it("says when the peer is slow and when it has caught up", async () => {
    const { method, events, calls } = observed();
    const { peer } = await serve([method], { slowPeerBytes: 100_000 });
    const stream = peer.stream(ECHO);
    stream.on("error", () => {});
    await until(() => calls.length === 1);
    let sent = 0;
    while (calls[0]!.send(Buffer.alloc(10_000))) sent += 1;
    expect(sent).toBe(9);
    let received = 0;
    stream.on("data", () => (received += 1));
    await until(() => events.includes("drained"));
    calls[0]!.end();
    await until(() => received === 10);
  });

  it("is ended when more is unsent than allowed", async () => {
    const { method, events, calls } = observed();
    const { peer } = await serve([method], { maxUnsentBytes: 1_000_000 });
    const stream = peer.stream(ECHO);
    const done = outcome(stream);
    await until(() => calls.length === 1);
    for (let index = 0; index < 20; index += 1) calls[0]!.send(Buffer.alloc(100_000));
    expect((await done).code).not.toBe(STATUS.OK);
    await until(() => events.includes("closed"));
  });

  it("runs beside a thousand others on one connection", async () => {
    const { peer, server } = await serve();
    const outcomes = Array.from({ length: 1000 }, (_, index) => {
      const stream = peer.stream(ECHO);
      stream.write(Buffer.from(String(index)));
      stream.end();
      return outcome(stream);
    });
    const ended = await Promise.all(outcomes);
    expect(ended.map(({ code, messages }) => [code, String(messages[0])])).toEqual(
      ended.map((_, index) => [STATUS.OK, String(index)]),
    );
    await until(() => server.openCalls === 0);
  });

  it("carries many megabytes through one stream", async () => {
    const { peer } = await serve();
    const stream = peer.stream(ECHO);
    const done = outcome(stream);
    for (let index = 0; index < 16; index += 1) stream.write(Buffer.alloc(2_000_000, index));
    stream.end();
    const { messages, code } = await done;
    expect(code).toBe(STATUS.OK);
    expect(messages.map((message) => [message.length, message[0], message.at(-1)])).toEqual(
      messages.map((_, index) => [2_000_000, index, index]),
    );
    expect(messages).toHaveLength(16);
  });
});

describe("a drain", () => {
  it("lets open calls end, takes no new connection, and says how many were left", async () => {
    const { method, calls, events } = observed();
    const { server, peer, port } = await serve([method]);
    const done = outcome(peer.stream(ECHO));
    await until(() => calls.length === 1);
    const drained = server.drain(10_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.openCalls).toBe(1);
    const late = new GrpcPeer(port);
    open.push(late);
    await expect(outcome(late.stream(ECHO))).resolves.toMatchObject({ code: STATUS.UNAVAILABLE });
    calls[0]!.send(Buffer.from("last"));
    calls[0]!.end();
    expect(await drained).toEqual({ abandoned: 0 });
    expect(await done).toMatchObject({ code: STATUS.OK });
    expect(events).toEqual(["closed"]);
  });

  it("ends what is open when the time is over", async () => {
    const { method, calls, events } = observed();
    const { server, peer } = await serve([method]);
    const done = outcome(peer.stream(ECHO));
    await until(() => calls.length === 1);
    expect(await server.drain(50)).toEqual({ abandoned: 1 });
    expect((await done).code).not.toBe(STATUS.OK);
    await until(() => events.includes("closed"));
  });
});
