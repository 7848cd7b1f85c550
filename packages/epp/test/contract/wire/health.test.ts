import { status as STATUS } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGrpcServer, type GrpcServer } from "../../../src/wire/grpc-server.ts";
import { EXT_PROC_SERVICE, type HealthFacts, healthMethods, servingStatus } from "../../../src/wire/health.ts";
import { GrpcPeer, outcome } from "./grpc-peer.ts";

const READY: HealthFacts = { synced: true, protocolMatches: true, pluginsReady: true, draining: false };
const NAMES = ["", "readiness", EXT_PROC_SERVICE, "liveness", "other"];

const statuses = (facts: Partial<HealthFacts>) =>
  NAMES.map((name) =>
    servingStatus(name, { ...READY, ...facts })
      .replace("SERVICE_", "")
      .replace("_SERVING", ""),
  );

describe("health", () => {
  it("without leader election is the same for every name, but for plugins", () => {
    expect(statuses({})).toEqual(["SERVING", "SERVING", "SERVING", "SERVING", "SERVING"]);
    for (const facts of [{ synced: false }, { protocolMatches: false }, { draining: true }])
      expect(statuses(facts)).toEqual(["NOT", "NOT", "NOT", "NOT", "NOT"]);
    expect(statuses({ pluginsReady: false })).toEqual(["NOT", "NOT", "NOT", "SERVING", "SERVING"]);
  });

  it("with leader election needs leadership for readiness, never for liveness, and knows no other name", () => {
    expect(statuses({ leader: true })).toEqual(["SERVING", "SERVING", "SERVING", "SERVING", "UNKNOWN"]);
    expect(statuses({ leader: false })).toEqual(["NOT", "NOT", "NOT", "SERVING", "UNKNOWN"]);
    expect(statuses({ leader: true, draining: true })).toEqual(["NOT", "NOT", "NOT", "SERVING", "UNKNOWN"]);
    expect(statuses({ leader: true, pluginsReady: false })).toEqual(["NOT", "NOT", "NOT", "SERVING", "UNKNOWN"]);
  });
});

describe("grpc.health.v1.Health", () => {
  let server: GrpcServer;
  let peer: GrpcPeer;
  beforeAll(async () => {
    server = createGrpcServer({
      methods: healthMethods((service) =>
        service === "liveness" ? "SERVING" : service === "gone" ? "SERVICE_UNKNOWN" : "NOT_SERVING",
      ),
    });
    peer = new GrpcPeer((await server.listen("127.0.0.1", 0)).port);
  });
  afterAll(async () => {
    peer.close();
    await server.close();
  });

  // HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}: SERVING 1, NOT_SERVING 2, SERVICE_UNKNOWN 3.
  const check = (service: string) =>
    peer.unary("/grpc.health.v1.Health/Check", Buffer.from([0x0a, service.length, ...Buffer.from(service)]));

  it("answers Check", async () => {
    expect([...(await check("liveness"))]).toEqual([8, 1]);
    expect([...(await check("readiness"))]).toEqual([8, 2]);
    expect([...(await check("gone"))]).toEqual([8, 3]);
    expect([...(await peer.unary("/grpc.health.v1.Health/Check", Buffer.alloc(0)))]).toEqual([8, 2]);
  });

  it("answers List with a map of the names", async () => {
    const entry = (name: string, status: number) => {
      const content = [0x0a, name.length, ...Buffer.from(name), 0x12, 2, 8, status];
      return [0x0a, content.length, ...content];
    };
    expect([...(await peer.unary("/grpc.health.v1.Health/List", Buffer.alloc(0)))]).toEqual([
      ...entry("", 2),
      ...entry("liveness", 1),
      ...entry("readiness", 2),
      ...entry(EXT_PROC_SERVICE, 2),
    ]);
  });

  it("does not implement Watch, and refuses bytes that are no request", async () => {
    const watch = peer.stream("/grpc.health.v1.Health/Watch");
    watch.end(Buffer.alloc(0));
    expect((await outcome(watch)).code).toBe(STATUS.UNIMPLEMENTED);
    await expect(peer.unary("/grpc.health.v1.Health/Check", Buffer.from([0x0a, 9, 1]))).rejects.toMatchObject({
      code: STATUS.INVALID_ARGUMENT,
    });
    const empty = peer.stream("/grpc.health.v1.Health/Check");
    empty.end();
    expect((await outcome(empty)).code).toBe(STATUS.INVALID_ARGUMENT);
  });
});
