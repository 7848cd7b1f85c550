import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KubeStatusError } from "../../../src/pool/kubernetes/kube-client.ts";
import { KubernetesPool, type KubernetesTarget } from "../../../src/pool/kubernetes/kubernetes-pool.ts";
import { FakeKube, gone } from "./fake-kube.ts";
import { RecordingSink } from "./recording-sink.ts";

const PODS = "/api/v1/namespaces/ns/pods";
const POOLS = "/apis/inference.networking.k8s.io/v1/namespaces/ns/inferencepools";
const OBJECTIVES = "/apis/llm-d.ai/v1alpha2/namespaces/ns/inferenceobjectives";
const REWRITES = "/apis/llm-d.ai/v1alpha2/namespaces/ns/inferencemodelrewrites";

let kube: FakeKube;
let sink: RecordingSink;
let reports: string[];
let source: KubernetesPool;

beforeEach(() => {
  kube = new FakeKube();
  sink = new RecordingSink();
  reports = [];
});

afterEach(() => source.stop());

function make(target: KubernetesTarget = { poolName: "pool" }): KubernetesPool {
  const backoff = { firstMs: 5, longestMs: 20 };
  const report = (message: string): number => reports.push(message);
  source = new KubernetesPool({ client: kube, namespace: "ns", target, report, backoff, debounceMs: 10 });
  return source;
}

function pool(matchLabels: Record<string, string>, ...ports: number[]): void {
  const targetPorts = ports.map((number) => ({ number }));
  kube.put(POOLS, {
    metadata: { name: "pool" },
    spec: { selector: { matchLabels }, targetPorts, appProtocol: "http" },
  });
}

interface PodOptions {
  readonly labels?: Record<string, string>;
  readonly ready?: boolean;
  readonly ip?: string;
  readonly annotations?: Record<string, string>;
  readonly deleting?: boolean;
}

function pod(name: string, options: PodOptions = {}): void {
  const { labels = { app: "a" }, ready = true, ip = `10.0.0.${name.charCodeAt(0) - 96}`, annotations = {} } = options;
  const deleting = options.deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {};
  const status = { podIP: ip, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] };
  kube.put(PODS, { metadata: { name, namespace: "ns", labels, annotations, ...deleting }, status });
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 5 });
const told = (): string => sink.latest.map(({ name, address }) => `${name}=${address}`).join(" ");
const calls = (kind: string): number => kube.calls.filter((call) => call.startsWith(kind)).length;

test("tells the endpoints of Ready pods by port, and what the pool's servers speak", async () => {
  pool({ app: "a" }, 8000, 8001);
  pod("b", { annotations: { "llm-d.ai/active-ports": "8001, 9999" } });
  pod("a", { ip: "fd00::1" });
  pod("c", { ready: false });
  pod("d", { deleting: true });
  pod("e", { labels: { app: "other" } });
  pod("f", { ip: "" });
  pod("g", { annotations: { "inference.networking.k8s.io/active-ports": "8000" } });
  await make().start(sink);
  expect(sink.lists).toEqual([
    ["a-rank-0=[fd00::1]:8000", "a-rank-1=[fd00::1]:8001", "b-rank-1=10.0.0.2:8001", "g-rank-0=10.0.0.7:8000"],
  ]);
  expect(sink.latest[0]).toMatchObject({ namespace: "ns", labels: { app: "a" } });
  expect(sink.synced).toEqual([true]);
  expect(sink.appProtocol).toBe("http");
});

test("follows pods that come, go, lose readiness, start to end and change labels", async () => {
  pool({ app: "a" }, 80);
  pod("a");
  await make().start(sink);
  pod("b");
  await until(() => expect(told()).toBe("a-rank-0=10.0.0.1:80 b-rank-0=10.0.0.2:80"));
  pod("b", { ready: false });
  await until(() => expect(told()).toBe("a-rank-0=10.0.0.1:80"));
  pod("b", { labels: { app: "a", role: "x" } });
  await until(() => expect(sink.latest[1]?.labels).toEqual({ app: "a", role: "x" }));
  pod("b", { deleting: true });
  await until(() => expect(told()).toBe("a-rank-0=10.0.0.1:80"));
  pod("a", { labels: { app: "b" } });
  await until(() => expect(told()).toBe(""));
  pod("a");
  await until(() => expect(told()).toBe("a-rank-0=10.0.0.1:80"));
  kube.remove(PODS, "a");
  await until(() => expect(told()).toBe(""));
});

test("a burst of events is told once, and what changes nothing is not told", async () => {
  pool({ app: "a" }, 80);
  await make().start(sink);
  expect(sink.lists).toEqual([[]]);
  for (let i = 0; i < 200; i++) pod(`p${i}`, { ip: `10.0.${i >> 7}.${1 + (i & 127)}` });
  await until(() => expect(sink.latest).toHaveLength(200));
  expect(sink.lists).toHaveLength(2);
  pod("p0", { ip: "10.0.0.1" });
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(sink.lists).toHaveLength(2);
});

test("a changed selector selects other pods, without an empty list between", async () => {
  pool({ app: "a" }, 80);
  pod("a");
  pod("b", { labels: { app: "b" } });
  await make().start(sink);
  pool({ app: "b" }, 80);
  await until(() => expect(told()).toBe("b-rank-0=10.0.0.2:80"));
  expect(sink.lists).toEqual([["a-rank-0=10.0.0.1:80"], ["b-rank-0=10.0.0.2:80"]]);
  pool({ app: "b" }, 80, 81);
  await until(() => expect(told()).toBe("b-rank-0=10.0.0.2:80 b-rank-1=10.0.0.2:81"));
  expect(calls(`list ${PODS}`)).toBe(2);
});

test("a pool that is gone takes its endpoints with it, and one that comes back is followed again", async () => {
  pool({ app: "a" }, 80);
  pod("a");
  await make().start(sink);
  kube.remove(POOLS, "pool");
  await until(() => expect(sink.synced).toEqual([true, false]));
  expect(told()).toBe("");
  pod("b", { labels: { app: "b" } });
  pool({ app: "b" }, 80);
  await until(() => expect(told()).toBe("b-rank-0=10.0.0.2:80"));
  expect(sink.synced.at(-1)).toBe(true);
  expect(sink.lists).toEqual([["a-rank-0=10.0.0.1:80"], [], ["b-rank-0=10.0.0.2:80"]]);
});

test("tells nothing before the whole of the first state is there", async () => {
  pool({ app: "a" }, 80);
  pod("a");
  kube.delaysMs.set(OBJECTIVES, 80);
  await make().start(sink);
  expect(sink.synced).toEqual([true]);
  expect(sink.lists).toEqual([["a-rank-0=10.0.0.1:80"]]);
});

test("starts without a pool, and is synced when it appears", async () => {
  await make().start(sink);
  expect(sink.synced).toEqual([false]);
  pod("a");
  pool({ app: "a" }, 80);
  await until(() => expect(sink.synced.at(-1)).toBe(true));
  expect(told()).toBe("a-rank-0=10.0.0.1:80");
});

test("tells the pool's objectives and rewrites, and nobody else's", async () => {
  pool({ app: "a" }, 80);
  const poolRef = { name: "pool" };
  kube.put(OBJECTIVES, { metadata: { name: "high" }, spec: { priority: 10, poolRef } });
  kube.put(OBJECTIVES, { metadata: { name: "plain" }, spec: { poolRef } });
  kube.put(OBJECTIVES, { metadata: { name: "other" }, spec: { priority: 1, poolRef: { name: "x" } } });
  kube.put(OBJECTIVES, { metadata: { name: "kind" }, spec: { priority: 1, poolRef: { name: "pool", kind: "X" } } });
  kube.put(REWRITES, {
    metadata: { name: "r", creationTimestamp: "2026-01-02T03:04:05Z" },
    spec: {
      poolRef,
      rules: [
        { matches: [{ model: { type: "Exact", value: "m" } }], targets: [{ modelRewrite: "t", weight: 3 }] },
        { targets: [{ modelRewrite: "u" }] },
        { matches: [{ model: { value: "m" } }, {}], targets: [{ modelRewrite: "v" }] },
      ],
    },
  });
  await make().start(sink);
  expect([...sink.priorities]).toEqual([
    ["high", { priority: 10 }],
    ["plain", { priority: 0 }],
  ]);
  expect(sink.modelRewrites).toEqual([
    {
      name: "r",
      createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      rules: [
        { models: ["m"], targets: [{ model: "t", weight: 3 }] },
        { models: [], targets: [{ model: "u", weight: 0 }] },
        { models: [], targets: [{ model: "v", weight: 0 }] },
      ],
    },
  ]);
  kube.remove(REWRITES, "r");
  kube.put(OBJECTIVES, { metadata: { name: "high" }, spec: { priority: -1, poolRef } });
  await until(() => expect(sink.priorities.get("high")).toEqual({ priority: -1 }));
  expect(sink.modelRewrites).toEqual([]);
});

test("while the API is away what was known stays, is reported once, and goes on from the last version", async () => {
  pool({ app: "a" }, 80);
  pod("a");
  await make().start(sink);
  kube.bookmark(PODS, "555");
  await new Promise((resolve) => setTimeout(resolve, 20));
  kube.failure = new Error("connect ECONNREFUSED");
  for (const path of [PODS, POOLS, OBJECTIVES, REWRITES]) kube.endWatches(path, new Error("socket hang up"));
  await until(() => expect(calls("watch")).toBeGreaterThan(20));
  expect(told()).toBe("a-rank-0=10.0.0.1:80");
  expect(sink.synced).toEqual([true]);
  expect(reports.filter((line) => line.includes("/pods: connect ECONNREFUSED"))).toEqual([
    `Kubernetes: ${PODS}: connect ECONNREFUSED; what was known stays`,
  ]);
  kube.failure = undefined;
  await until(() => expect(kube.watchers.size).toBe(4));
  expect(kube.calls.filter((call) => call.startsWith(`watch ${PODS}`)).at(-1)).toBe(`watch ${PODS}@555`);
  expect(calls(`list ${PODS}`)).toBe(1);
  pod("b");
  await until(() => expect(told()).toContain("b-rank-0"));
  expect(reports.at(-1)).toContain("answers again");
});

test.each(["as an event", "as an answer"])("lists again where the version is gone (410 %s)", async (how) => {
  pool({ app: "a" }, 80);
  pod("a");
  pod("b");
  await make().start(sink);
  kube.removeSilently(PODS, "a");
  if (how === "as an event")
    kube.raw(PODS, { type: "ERROR", object: { kind: "Status", code: 410, message: "too old" } });
  else kube.endWatches(PODS, gone());
  await until(() => expect(told()).toBe("b-rank-0=10.0.0.2:80"));
  expect(calls(`list ${PODS}`)).toBe(2);
  expect(reports).toEqual([]);
});

test("an API that refuses at the start leaves it unsynced, and is tried on", async () => {
  kube.failure = new KubeStatusError(403, "pods is forbidden");
  await make().start(sink);
  expect(sink.synced).toEqual([false]);
  expect(sink.lists).toEqual([]);
  expect(reports[0]).toContain("HTTP 403: pods is forbidden");
  pool({ app: "a" }, 80);
  pod("a");
  kube.failure = undefined;
  await until(() => expect(sink.synced.at(-1)).toBe(true));
  expect(told()).toBe("a-rank-0=10.0.0.1:80");
});

test("follows pods by selector and ports, without any resource of the extension", async () => {
  pod("a");
  pod("b", { labels: { app: "b" } });
  await make({ endpointSelector: "app=a", endpointTargetPorts: [80, 81] }).start(sink);
  expect(sink.lists).toEqual([["a-rank-0=10.0.0.1:80", "a-rank-1=10.0.0.1:81"]]);
  expect(sink.synced).toEqual([true]);
  expect(kube.calls.every((call) => call.includes(PODS))).toBe(true);
});

test("reads a long list in pages", async () => {
  pool({ app: "a" }, 80);
  for (let i = 0; i < 1201; i++) pod(`p${i}`, { ip: `10.1.${i >> 7}.${1 + (i & 127)}` });
  await make().start(sink);
  expect(sink.latest).toHaveLength(1201);
  expect(calls(`list ${PODS}`)).toBe(3);
});

test("after stop nothing is told and nothing is asked", async () => {
  pool({ app: "a" }, 80);
  await make().start(sink);
  await source.stop();
  const before = kube.calls.length;
  pod("a");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(sink.lists).toEqual([[]]);
  expect(kube.calls).toHaveLength(before);
  expect(kube.watchers.size).toBe(0);
});
