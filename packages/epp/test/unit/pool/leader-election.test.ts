import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LeaderElection } from "../../../src/pool/kubernetes/leader-election.ts";
import { FakeLeases } from "./fake-leases.ts";

let leases: FakeLeases;
let candidates: LeaderElection[];
let told: string[];

beforeEach(() => {
  leases = new FakeLeases();
  candidates = [];
  told = [];
});

afterEach(() => Promise.all(candidates.map((candidate) => candidate.stop())));

function stand(identity: string, leaseMs = 1000): LeaderElection {
  const election = new LeaderElection({
    client: leases,
    namespace: "ns",
    lease: "l",
    identity,
    leaseMs,
    renewDeadlineMs: 300,
    retryMs: 20,
    onChange: (leading) => told.push(`${identity} ${leading}`),
    report: () => {},
  });
  candidates.push(election);
  election.start();
  return election;
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });
const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("the first makes the lease and renews it; a second stands by", async () => {
  stand("a");
  await until(() => expect(told).toEqual(["a true"]));
  stand("b");
  await pauseMs(200);
  expect(told).toEqual(["a true"]);
  expect(leases.sent[0]).toBe("POST /apis/coordination.k8s.io/v1/namespaces/ns/leases");
  expect(leases.sent.filter((call) => call.startsWith("PUT")).length).toBeGreaterThan(3);
  expect(leases.lease?.spec).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 1, leaseTransitions: 0 });
});

test("never do two lead, however many stand at once", async () => {
  for (const name of ["a", "b", "c", "d", "e"]) stand(name);
  await until(() => expect(told).toHaveLength(1));
  await pauseMs(200);
  expect(told).toHaveLength(1);
  expect(candidates.filter(({ leading }) => leading)).toHaveLength(1);
});

test("a leader that stops gives the lease back, and another leads before its end", async () => {
  const first = stand("a", 60_000);
  await until(() => expect(told).toEqual(["a true"]));
  stand("b", 60_000);
  await first.stop();
  await until(() => expect(told).toEqual(["a true", "a false", "b true"]));
  expect(leases.lease?.spec).toMatchObject({ holderIdentity: "b" });
});

test("a leader that vanished is waited for until its lease is over, by the watcher's own clock", async () => {
  await leases.send("POST", "", {
    metadata: {},
    // Times of another machine's clock say nothing.
    spec: { holderIdentity: "gone", leaseDurationSeconds: 1, renewTime: "2000-01-01T00:00:00.000000Z" },
  });
  stand("b");
  await until(() => expect(leases.reads).toBeGreaterThan(10));
  expect(told).toEqual([]);
  await until(() => expect(told).toEqual(["b true"]));
  expect(leases.lease?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
});

test("a leader that cannot renew stops leading before its lease is over", async () => {
  stand("a");
  await until(() => expect(told).toEqual(["a true"]));
  leases.failure = new Error("connect ECONNREFUSED");
  await until(() => expect(told).toEqual(["a true", "a false"]));
  leases.failure = undefined;
  await until(() => expect(told).toEqual(["a true", "a false", "a true"]));
});
