import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { kubernetesPool } from "../../src/pool/kubernetes/index.ts";
import type { PoolSource } from "../../src/pool/pool-source.ts";
import { RecordingSink } from "../unit/pool/recording-sink.ts";
import { Cluster, clusterPrograms } from "./cluster.ts";

const programs = await clusterPrograms();
if ("skip" in programs)
  process.stderr.write(`skipped: Kubernetes discovery against a real API server: ${programs.skip}\n`);

const NAMESPACE = "models";
const RELEASE = "chat";
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const GROUP = "inference.networking.k8s.io";
const POOL = `/apis/${GROUP}/v1/namespaces/${NAMESPACE}/inferencepools/${RELEASE}`;
const ACCOUNT = `system:serviceaccount:${NAMESPACE}:${RELEASE}-epp`;

describe.skipIf("skip" in programs)("with a real kube-apiserver", () => {
  let cluster: Cluster;
  let token: string;
  let sink: RecordingSink;
  let reports: string[];
  let source: PoolSource | undefined;

  beforeAll(async () => {
    if ("skip" in programs) return;
    cluster = await Cluster.start(programs);
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
    for (const manifest of await cluster.render(
      RELEASE,
      NAMESPACE,
      "--set",
      "router.modelServers.matchLabels.app=vllm",
    )) {
      await cluster.apply(manifest);
    }
    token = await cluster.tokenOf(NAMESPACE, `${RELEASE}-epp`);
    process.env.KUBECONFIG = cluster.kubeconfig(token, NAMESPACE);
  }, 180_000);

  afterAll(async () => {
    delete process.env.KUBECONFIG;
    await cluster?.stop();
  });

  beforeEach(() => {
    sink = new RecordingSink();
    reports = [];
  });

  afterEach(async () => {
    await source?.stop();
    source = undefined;
    cluster.openDoor();
    await cluster.must("DELETE", `${PODS}?gracePeriodSeconds=0`);
    await selector({ app: "vllm" }, 8000);
  });

  async function start(
    options: { endpointSelector?: string; endpointTargetPorts?: readonly number[] } = {},
  ): Promise<void> {
    const target = options.endpointSelector === undefined ? { poolName: RELEASE } : {};
    const common = { poolGroup: GROUP, endpointTargetPorts: [], report: (message: string) => reports.push(message) };
    source = await kubernetesPool({ ...common, ...target, ...options });
    await source.start(sink);
  }

  async function pod(name: string, ip: string, labels: Record<string, string> = { app: "vllm" }): Promise<void> {
    const spec = { containers: [{ name: "c", image: "i" }], nodeName: "n" };
    await cluster.must("POST", PODS, { apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec });
    await status(name, ip, true);
  }

  async function status(name: string, ip: string, ready: boolean): Promise<void> {
    const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
    const patch = { status: { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions } };
    await cluster.must("PATCH", `${PODS}/${name}/status`, patch, "application/strategic-merge-patch+json");
  }

  async function merge(path: string, patch: unknown): Promise<void> {
    await cluster.must("PATCH", path, patch, "application/merge-patch+json");
  }

  async function selector(matchLabels: Record<string, string | null>, ...ports: number[]): Promise<void> {
    await merge(POOL, { spec: { selector: { matchLabels }, targetPorts: ports.map((number) => ({ number })) } });
  }

  const told = (): string => sink.latest.map(({ name, address }) => `${name}=${address}`).join(" ");
  const seen = (expected: string, timeout = 20_000): Promise<void> =>
    vi.waitFor(() => expect(told()).toBe(expected), { timeout, interval: 20 });
  const asked = (verb: string, resource: string): number =>
    cluster
      .audit()
      .filter((it) => it.user.username === ACCOUNT && it.verb === verb && it.objectRef?.resource === resource).length;

  test("pods come, go, become unready, start to end and change labels", async () => {
    await start();
    expect(sink.synced).toEqual([true]);
    expect(sink.appProtocol).toBe("http");
    await pod("a", "10.1.0.1");
    await seen("a-rank-0=10.1.0.1:8000");
    await pod("b", "10.1.0.2");
    await seen("a-rank-0=10.1.0.1:8000 b-rank-0=10.1.0.2:8000");
    await status("a", "10.1.0.1", false);
    await seen("b-rank-0=10.1.0.2:8000");
    await status("a", "10.1.0.1", true);
    await seen("a-rank-0=10.1.0.1:8000 b-rank-0=10.1.0.2:8000");
    await merge(`${PODS}/b`, { metadata: { labels: { app: "other" } } });
    await seen("a-rank-0=10.1.0.1:8000");
    await merge(`${PODS}/b`, { metadata: { labels: { app: "vllm", "llm-d.ai/role": "decode" } } });
    await vi.waitFor(() => expect(sink.latest[1]?.labels["llm-d.ai/role"]).toBe("decode"), { timeout: 20_000 });
    // With grace the pod stays, marked: nothing new may be sent to it.
    await cluster.must("DELETE", `${PODS}/b?gracePeriodSeconds=600`);
    await seen("a-rank-0=10.1.0.1:8000");
    expect((await cluster.admin("GET", `${PODS}/b`)).status).toBe(200);
    await cluster.must("DELETE", `${PODS}/a?gracePeriodSeconds=0`);
    await seen("");
    expect(reports).toEqual([]);
  });

  test("the pool's selector and ports change, and a pod names its active ports", async () => {
    await pod("a", "10.1.0.1");
    await pod("z", "10.1.0.9", { app: "new" });
    await start();
    expect(told()).toBe("a-rank-0=10.1.0.1:8000");
    await selector({ app: "new" }, 8000);
    await seen("z-rank-0=10.1.0.9:8000");
    expect(sink.lists).toEqual([["a-rank-0=10.1.0.1:8000"], ["z-rank-0=10.1.0.9:8000"]]);
    await selector({ app: "new" }, 8000, 8001);
    await seen("z-rank-0=10.1.0.9:8000 z-rank-1=10.1.0.9:8001");
    await merge(`${PODS}/z`, { metadata: { annotations: { "llm-d.ai/active-ports": "8001" } } });
    await seen("z-rank-1=10.1.0.9:8001");
  });

  test("objectives and rewrites of the pool come and change", async () => {
    const base = `/apis/llm-d.ai/v1alpha2/namespaces/${NAMESPACE}`;
    const object = (kind: string, name: string, spec: object): object => ({
      apiVersion: "llm-d.ai/v1alpha2",
      kind,
      metadata: { name },
      spec,
    });
    const poolRef = { name: RELEASE };
    await start();
    await cluster.must(
      "POST",
      `${base}/inferenceobjectives`,
      object("InferenceObjective", "high", { priority: 7, poolRef }),
    );
    const rules = [{ matches: [{ model: { value: "m" } }], targets: [{ modelRewrite: "t", weight: 2 }] }];
    await cluster.must(
      "POST",
      `${base}/inferencemodelrewrites`,
      object("InferenceModelRewrite", "r", { poolRef, rules }),
    );
    await vi.waitFor(() => expect(sink.priorities.get("high")).toEqual({ priority: 7 }), { timeout: 20_000 });
    await vi.waitFor(() => expect(sink.modelRewrites).toHaveLength(1), { timeout: 20_000 });
    expect(sink.modelRewrites[0]).toMatchObject({
      name: "r",
      rules: [{ models: ["m"], targets: [{ model: "t", weight: 2 }] }],
    });
    expect(Math.abs(Date.now() - sink.modelRewrites[0]!.createdAtMs)).toBeLessThan(600_000);
    await merge(`${base}/inferenceobjectives/high`, { spec: { priority: -1 } });
    await vi.waitFor(() => expect(sink.priorities.get("high")).toEqual({ priority: -1 }), { timeout: 20_000 });
    await cluster.must("DELETE", `${base}/inferencemodelrewrites/r`);
    await vi.waitFor(() => expect(sink.modelRewrites).toEqual([]), { timeout: 20_000 });
  });

  test("without a pool, pods are followed by a selector in Kubernetes' own syntax", async () => {
    await pod("a", "10.1.0.1", { app: "x", tier: "gold" });
    await pod("b", "10.1.0.2", { app: "y", tier: "lead" });
    await start({ endpointSelector: "app in (x, y), tier!=lead", endpointTargetPorts: [80, 81] });
    expect(told()).toBe("a-rank-0=10.1.0.1:80 a-rank-1=10.1.0.1:81");
    expect(sink.synced).toEqual([true]);
  });

  test("a lost connection goes on where it was: no new list, nothing missed", async () => {
    await pod("a", "10.1.0.1");
    await start();
    const listed = asked("list", "pods");
    cluster.shutDoor();
    await vi.waitFor(() => expect(reports.join("\n")).toContain("what was known stays"), { timeout: 20_000 });
    await cluster.must("DELETE", `${PODS}/a?gracePeriodSeconds=0`);
    await pod("b", "10.1.0.2");
    expect(told()).toBe("a-rank-0=10.1.0.1:8000");
    cluster.openDoor();
    await seen("b-rank-0=10.1.0.2:8000", 60_000);
    expect(asked("list", "pods")).toBe(listed);
    expect(sink.synced).toEqual([true]);
  }, 120_000);

  test("the API server is killed and returns with its history gone (410): what was known stays, then it is listed anew", async () => {
    await pod("a", "10.1.0.1");
    await pod("b", "10.1.0.2");
    await start();
    cluster.shutDoor();
    await cluster.killApiServer();
    await vi.waitFor(() => expect(reports.join("\n")).toContain("what was known stays"), { timeout: 20_000 });
    await cluster.startApiServer();
    // Missed by the watch, and older than what a fresh API server remembers once it is started again.
    await cluster.must("DELETE", `${PODS}/a?gracePeriodSeconds=0`);
    await pod("c", "10.1.0.3");
    await cluster.killApiServer();
    await cluster.startApiServer();
    expect(told()).toBe("a-rank-0=10.1.0.1:8000 b-rank-0=10.1.0.2:8000");
    const listed = asked("list", "pods");
    cluster.openDoor();
    await seen("b-rank-0=10.1.0.2:8000 c-rank-0=10.1.0.3:8000", 90_000);
    expect(asked("list", "pods")).toBe(listed + 1);
    expect(sink.synced).toEqual([true]);
    await vi.waitFor(() => expect(reports.join("\n")).toContain("answers again"), { timeout: 60_000 });
  }, 240_000);

  test("started while the API server is away, it waits unsynced and then is synced", async () => {
    await pod("a", "10.1.0.1");
    cluster.shutDoor();
    await start();
    expect(sink.synced).toEqual([false]);
    expect(sink.lists).toEqual([]);
    cluster.openDoor();
    await seen("a-rank-0=10.1.0.1:8000", 60_000);
    expect(sink.synced.at(-1)).toBe(true);
  }, 90_000);

  test("a burst of pods is told in few lists", async () => {
    await start();
    await Promise.all(Array.from({ length: 40 }, (_, i) => pod(`p${String(i).padStart(2, "0")}`, `10.2.0.${i + 1}`)));
    await vi.waitFor(() => expect(sink.latest).toHaveLength(40), { timeout: 30_000 });
    expect(sink.lists.length).toBeLessThan(40);
  });

  test("a pool that is deleted takes its endpoints with it", async () => {
    await pod("a", "10.1.0.1");
    await start();
    const pool = await cluster.must("GET", POOL);
    await cluster.must("DELETE", POOL);
    await seen("");
    expect(sink.synced.at(-1)).toBe(false);
    const { name, namespace, labels } = pool.metadata as Record<string, unknown>;
    await cluster.must("POST", POOL.replace(/\/[^/]+$/, ""), { ...pool, metadata: { name, namespace, labels } });
    await seen("a-rank-0=10.1.0.1:8000");
    expect(sink.synced.at(-1)).toBe(true);
  });
});
