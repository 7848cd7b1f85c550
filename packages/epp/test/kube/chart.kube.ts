import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envoyBinary } from "../../src/demo/envoy-binary.ts";
import { eppOptions } from "../../src/server/options.ts";
import { Cluster, clusterPrograms, type Manifest } from "./cluster.ts";

const programs = await clusterPrograms();
const envoy = await envoyBinary().catch((error: Error) => ({ skip: error.message }));
if ("skip" in programs) process.stderr.write(`skipped: the chart on a real API server: ${programs.skip}\n`);
if (typeof envoy !== "string") process.stderr.write(`skipped: the chart's Envoy configuration: ${envoy.skip}\n`);

const CHART = join(import.meta.dirname, "../../../../deploy/chart");
const GUIDES = resolve(
  process.env.WINDTUNNEL_DATA ?? join(import.meta.dirname, "../../../../../shared"),
  "epp-configs/guides",
);
const LABELS = "router.modelServers.matchLabels.app=vllm";
const set = (...values: string[]): string[] => [LABELS, ...values].flatMap((value) => ["--set", value]);

/** Ways to install, each with what it must bring. */
const VARIANTS: readonly (readonly [string, string[], string[]])[] = [
  ["standalone", set(), ["InferencePool", "Deployment", "Service", "ServiceAccount", "Role", "RoleBinding"]],
  ["standalone without a pool", set("router.inferencePool.create=false"), ["Deployment", "ConfigMap"]],
  [
    "a proxy as a service, several replicas",
    set("router.proxy.mode=service", "router.epp.replicas=3", "router.proxy.failOpen=false"),
    ["PodDisruptionBudget"],
  ],
  [
    "gateway with everything",
    set(
      "router.proxy.enabled=false",
      "router.monitoring.prometheus.enabled=true",
      "router.tracing.enabled=true",
      "httpRoute.create=true",
      "router.inferenceObjectives[0].name=high",
      "router.inferenceObjectives[0].priority=10",
      "router.modelServers.targetPorts[0].number=8000",
      "router.modelServers.targetPorts[1].number=8001",
      "router.modelServers.protocol=grpc",
      "router.epp.env.A=1",
      "router.epp.flags.v=4",
      "router.epp.parsers={openai-parser}",
    ),
    ["ServiceMonitor", "HTTPRoute", "InferenceObjective", "Secret", "ClusterRole"],
  ],
  ...guideValues(),
];

/** Values of llm-d's guides, as they are. */
function guideValues(): [string, string[], string[]][] {
  const names = ["flow-control", "optimized-baseline", "pd-disaggregation", "precise-prefix-cache-routing"];
  return [...names, "tiered-prefix-cache-cpu"]
    .map((name) => ({ name, path: join(GUIDES, `${name}.values.yaml`) }))
    .filter(({ path }) => existsSync(path))
    .map(({ name, path }) => [name, ["-f", path], ["InferencePool"]]);
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly containerPort: number }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: object;
  readonly lifecycle: object;
  readonly readinessProbe: object;
  readonly livenessProbe?: object;
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly securityContext: object;
  readonly terminationGracePeriodSeconds: number;
}

const podOf = (manifest: Manifest): PodSpec => (manifest.spec as { template: { spec: PodSpec } }).template.spec;
const named = (manifests: readonly Manifest[], kind: string, name: string): Manifest =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;

/** Kinds of other projects, whose definitions are not here: any content is accepted. */
const STAND_INS = [
  ["monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"],
  ["gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"],
] as const;

describe.skipIf("skip" in programs)("the chart", () => {
  let cluster: Cluster;
  let folder: string;

  beforeAll(async () => {
    if ("skip" in programs) return;
    folder = mkdtempSync(join(tmpdir(), "windtunnel-chart-"));
    cluster = await Cluster.start(programs);
    await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "models" } });
    for (const [group, version, kind, plural] of STAND_INS) await cluster.define(standIn(group, version, kind, plural));
  }, 180_000);

  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cluster?.stop();
  });

  const render = (flags: readonly string[]): Promise<Manifest[]> => cluster.render("chat", "models", ...flags);

  test("helm lint finds nothing", () => {
    const flags = ["lint", CHART, "--strict", "--kube-version", "1.34.4", ...set()];
    expect(execFileSync((programs as { helm: string }).helm, flags, { encoding: "utf8" })).toContain(
      "0 chart(s) failed",
    );
  });

  test.each(VARIANTS)(
    "%s: accepted by the API server, with flags and configuration that the program accepts",
    async (_, flags, kinds) => {
      const manifests = await render(flags);
      expect(manifests.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
      for (const manifest of manifests) await cluster.apply(manifest, "&dryRun=All");
      const epp = podOf(named(manifests, "Deployment", "chat-epp")).containers[0]!;
      const options = eppOptions(epp.args, {});
      const file = options.text("config-file")!.replace("/config/", "");
      const config = named(manifests, "ConfigMap", "chat-epp").data as Record<string, string>;
      expect(() => loadEndpointPickerConfig(config[file]!, { file })).not.toThrow();
      expect(epp.ports.map(({ containerPort }) => containerPort)).toEqual([
        options.number("grpc-port"),
        options.number("grpc-health-port"),
        options.number("metrics-port"),
      ]);
    },
  );

  test.skipIf(typeof envoy !== "string").each(VARIANTS.slice(0, 3))(
    "%s: Envoy accepts its configuration",
    async (_, flags) => {
      const manifests = await render(flags);
      const text = (named(manifests, "ConfigMap", "chat-proxy").data as Record<string, string>)["envoy.yaml"]!;
      const path = join(folder, "envoy.yaml");
      writeFileSync(path, text);
      const checked = spawnSync(envoy as string, ["--mode", "validate", "--config-path", path], { encoding: "utf8" });
      expect(`${checked.stdout}${checked.stderr}`).toMatch(/configuration '.*' OK/);
      expect(text.includes("failure_mode_allow: true")).toBe(text.includes("name: any"));
    },
  );

  test("every container runs without root and writes nowhere, and ends slowly", async () => {
    for (const flags of [set(), set("router.proxy.mode=service")]) {
      for (const manifest of (await render(flags)).filter(({ kind }) => kind === "Deployment")) {
        const { containers, securityContext, terminationGracePeriodSeconds } = podOf(manifest);
        expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
        for (const container of containers) {
          expect(container.securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          });
          const { sleep } = (container.lifecycle as { preStop: { sleep: { seconds: number } } }).preStop;
          expect(sleep.seconds).toBeLessThan(terminationGracePeriodSeconds);
        }
      }
    }
  });

  test("probes ask the health port, and the pool names the Service", async () => {
    const manifests = await render(set());
    const epp = podOf(named(manifests, "Deployment", "chat-epp")).containers[0]!;
    expect(epp.readinessProbe).toMatchObject({ grpc: { port: 9003, service: "readiness" } });
    expect(epp.livenessProbe).toMatchObject({ grpc: { port: 9003, service: "liveness" } });
    expect(named(manifests, "InferencePool", "chat").spec).toMatchObject({
      selector: { matchLabels: { app: "vllm" } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: "chat-epp", port: { number: 9002 }, failureMode: "FailOpen" },
    });
    expect(named(manifests, "Service", "chat-epp").spec).toMatchObject({
      selector: { "app.kubernetes.io/name": "chat-epp" },
      ports: [{ port: 9002 }, { port: 9090 }, { port: 8081 }],
    });
  });

  test("several replicas elect a leader, unless the flag says otherwise", async () => {
    const deployment = async (...values: string[]): Promise<Manifest> =>
      named(await render(set(...values)), "Deployment", "chat-epp");
    const many = await deployment("router.epp.replicas=2");
    expect(podOf(many).containers[0]!.args).toContain("--ha-enable-leader-election=true");
    expect(many.spec).toMatchObject({ replicas: 2, strategy: { type: "Recreate" } });
    const active = await deployment("router.epp.replicas=2", "router.epp.flags.ha-enable-leader-election=false");
    expect(podOf(active).containers[0]!.args).toContain("--ha-enable-leader-election=false");
    expect(active.spec).toMatchObject({ strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
  });

  test.each([
    [["--set", "x=1"], "additional properties 'x' not allowed"],
    [set("router.proxy.proxyType=agentgateway"), "proxyType"],
    [set("router.epp.replicas=0"), "replicas"],
    [set("router.epp.imgae.tag=1"), "imgae"],
    [set("router.inferencePool.failureMode=Open"), "failureMode"],
    [[], "router.modelServers.matchLabels: give the labels"],
    [
      set("router.proxy.enabled=false", "router.inferencePool.create=false"),
      "gateway mode (router.proxy.enabled=false) needs the pool",
    ],
    [
      set("router.epp.pluginsConfigFile=mine.yaml"),
      "mine.yaml is neither default-plugins.yaml nor in pluginsCustomConfig",
    ],
    [set("httpRoute.create=true"), "httpRoute.create"],
  ])("refuses values that cannot be: %j", async (flags, message) => {
    await expect(render(flags)).rejects.toThrow(message);
  });
});

function standIn(group: string, version: string, kind: string, plural: string): Manifest {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      // The group is protected: a definition must say who approved it.
      annotations: { "api-approved.kubernetes.io": "unapproved, for a test" },
    },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: "Namespaced",
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
}
