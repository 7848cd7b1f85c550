import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { kubernetesLeaderElection, kubernetesPool, kubernetesScraperReview } from "../../src/pool/kubernetes/index.ts";
import type { LeaderElection } from "../../src/pool/kubernetes/leader-election.ts";
import type { PoolSource } from "../../src/pool/pool-source.ts";
import { RecordingSink } from "../unit/pool/recording-sink.ts";
import { Cluster, clusterPrograms, type Manifest } from "./cluster.ts";

const programs = await clusterPrograms();
if ("skip" in programs) process.stderr.write(`skipped: the chart's rights on a real API server: ${programs.skip}\n`);

const NAMESPACE = "models";
const RELEASE = "chat";
const NAME = `${RELEASE}-epp`;
const ACCOUNT = `system:serviceaccount:${NAMESPACE}:${NAME}`;
const GROUP = "inference.networking.k8s.io";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

describe.skipIf("skip" in programs)("the chart's rights, on a real kube-apiserver", () => {
  let cluster: Cluster;
  let manifests: Manifest[];
  let token: string;
  let source: PoolSource;
  const candidates: LeaderElection[] = [];

  beforeAll(async () => {
    if ("skip" in programs) return;
    cluster = await Cluster.start(programs);
    for (const name of [NAMESPACE, "elsewhere"]) {
      await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    const values = ["router.modelServers.matchLabels.app=vllm", "router.epp.replicas=2"];
    manifests = await cluster.render(RELEASE, NAMESPACE, ...values.flatMap((value) => ["--set", value]));
    for (const manifest of manifests) await cluster.apply(manifest);
    token = await cluster.tokenOf(NAMESPACE, NAME);
    process.env.KUBECONFIG = cluster.kubeconfig(token, NAMESPACE);
  }, 180_000);

  afterAll(async () => {
    delete process.env.KUBECONFIG;
    await Promise.all(candidates.map((candidate) => candidate.stop()));
    await source?.stop();
    await cluster?.stop();
  });

  async function candidate(): Promise<{ election: LeaderElection; leads: boolean[] }> {
    const leads: boolean[] = [];
    const onChange = (leading: boolean): number => leads.push(leading);
    const election = await kubernetesLeaderElection({ poolName: RELEASE, onChange, report: () => {} });
    candidates.push(election);
    election.start();
    return { election, leads };
  }

  test("discovery works with the chart's role", async () => {
    const sink = new RecordingSink();
    const reports: string[] = [];
    const report = (message: string): number => reports.push(message);
    source = await kubernetesPool({ poolName: RELEASE, poolGroup: GROUP, endpointTargetPorts: [], report });
    await source.start(sink);
    expect(sink.synced).toEqual([true]);
    expect(reports).toEqual([]);
  });

  test("one replica leads, and another takes over at once when it is stopped", async () => {
    const first = await candidate();
    await vi.waitFor(() => expect(first.leads).toEqual([true]), { timeout: 20_000 });
    const second = await candidate();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(second.leads).toEqual([]);
    await first.election.stop();
    expect(first.leads).toEqual([true, false]);
    await vi.waitFor(() => expect(second.leads).toEqual([true]), { timeout: 10_000 });
  });

  test("Kubernetes tells who may read the metrics", async () => {
    const review = await kubernetesScraperReview();
    expect(await review.verdict("nonsense", "/metrics")).toBe("unknown");
    expect(await review.verdict(token, "/metrics")).toBe("forbidden");
    const flags = [
      "--set",
      "router.modelServers.matchLabels.app=vllm",
      "--set",
      "router.monitoring.prometheus.enabled=true",
    ];
    const wanted = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"];
    for (const manifest of await cluster.render(RELEASE, NAMESPACE, ...flags)) {
      if (wanted.includes(manifest.kind)) await cluster.apply(manifest);
    }
    const reader = await cluster.tokenOf(NAMESPACE, `${NAME}-metrics-reader`);
    await vi.waitFor(async () =>
      expect(await (await kubernetesScraperReview()).verdict(reader, "/metrics")).toBe("allowed"),
    );
    expect(await review.verdict(reader, "/debug")).toBe("forbidden");
  });

  test("every right of the role was used, and nothing was refused", async () => {
    const asked = cluster.audit().filter((event) => event.user.username === ACCOUNT);
    expect(asked.filter(({ responseStatus }) => responseStatus?.code === 403)).toEqual([]);
    const used = new Set(
      asked.map(({ verb, objectRef }) => `${verb} ${objectRef?.apiGroup ?? ""}/${objectRef?.resource}`),
    );
    const bound = manifests.filter(
      ({ kind, metadata }) => /^(Cluster)?Role$/.test(kind) && metadata.name.includes(NAME),
    );
    const granted = new Set(
      bound.flatMap(({ rules }) =>
        (rules as Rule[]).flatMap(({ apiGroups, resources, verbs }) =>
          apiGroups.flatMap((group) =>
            resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
          ),
        ),
      ),
    );
    expect(granted.size).toBeGreaterThan(0);
    expect([...used].sort()).toEqual([...granted].sort());
  });

  test.each([
    ["GET", `/api/v1/namespaces/${NAMESPACE}/secrets`],
    ["GET", `/api/v1/namespaces/${NAMESPACE}/configmaps`],
    ["GET", `/api/v1/namespaces/${NAMESPACE}/pods/x`],
    ["GET", `/api/v1/namespaces/${NAMESPACE}/pods/x/log`],
    ["POST", `/api/v1/namespaces/${NAMESPACE}/pods`],
    ["DELETE", `/api/v1/namespaces/${NAMESPACE}/pods/x`],
    ["GET", "/api/v1/namespaces/elsewhere/pods"],
    ["GET", "/api/v1/pods"],
    ["GET", "/api/v1/nodes"],
    ["GET", `/apis/${GROUP}/v1/namespaces/${NAMESPACE}/inferencepools/${RELEASE}`],
    ["GET", `/apis/${GROUP}/v1/inferencepools`],
    ["DELETE", `/apis/${GROUP}/v1/namespaces/${NAMESPACE}/inferencepools/${RELEASE}`],
    ["PATCH", `/apis/llm-d.ai/v1alpha2/namespaces/${NAMESPACE}/inferenceobjectives/x`],
    ["GET", `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`],
    ["GET", `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/other`],
    ["DELETE", `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${NAME}`],
    ["GET", "/metrics"],
  ])("no more than that: %s %s is 403", async (method, path) => {
    const body = method === "POST" ? { apiVersion: "v1", kind: "Pod", metadata: { name: "x" } } : undefined;
    expect((await cluster.as(token, method, path, body)).status).toBe(403);
  });

  test("without pool, leader election and metrics' auth the role is for pods alone", async () => {
    const set = ["router.modelServers.matchLabels.app=vllm", "router.inferencePool.create=false"];
    const flags = [...set, "router.monitoring.prometheus.auth.enabled=false"].flatMap((value) => ["--set", value]);
    const rendered = await cluster.render(RELEASE, NAMESPACE, ...flags);
    const roles = rendered.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
    expect(roles.map(({ rules }) => rules)).toEqual([
      [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] }],
    ]);
  });
});
