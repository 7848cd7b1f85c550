import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ChildProgram } from "../../src/demo/child-program.ts";
import { freePorts, ourEpp } from "../support/epp-program.ts";
import { healthStatus } from "../support/health-client.ts";
import { Cluster, clusterPrograms, type Manifest } from "./cluster.ts";

const programs = await clusterPrograms();
if ("skip" in programs) process.stderr.write(`skipped: the program in a real cluster: ${programs.skip}\n`);

const SERVING = 1;
const NAMESPACE = "models";

describe.skipIf("skip" in programs)(
  "the program with the chart's arguments and rights, on a real kube-apiserver",
  () => {
    let cluster: Cluster;
    let folder: string;
    let epp: ChildProgram;
    let healthPort: number;

    beforeAll(async () => {
      if ("skip" in programs) return;
      folder = mkdtempSync(join(tmpdir(), "windtunnel-program-"));
      cluster = await Cluster.start(programs);
      await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
      const [grpc, health, metrics] = (await freePorts(3)) as [number, number, number];
      healthPort = health;
      const values = [
        `extProcPort=${grpc}`,
        `grpcHealthPort=${health}`,
        `metricsPort=${metrics}`,
        "flags.debug-port=0",
        "flags.drain-timeout=1s",
      ];
      const flags = values.flatMap((value) => ["--set", `router.epp.${value}`]);
      const manifests = await cluster.render(
        "chat",
        NAMESPACE,
        "--set",
        "router.modelServers.matchLabels.app=vllm",
        ...flags,
      );
      for (const manifest of manifests.filter(({ kind }) => kind !== "InferencePool")) await cluster.apply(manifest);
      epp = await startedAs(manifests);
    }, 180_000);

    afterAll(async () => {
      await epp?.stop();
      await cluster?.stop();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    /** The container of the rendered Deployment, as a process. */
    async function startedAs(manifests: readonly Manifest[]): Promise<ChildProgram> {
      const find = (kind: string): Manifest =>
        manifests.find((it) => it.kind === kind && it.metadata.name === "chat-epp")!;
      const { template } = find("Deployment").spec as { template: { spec: { containers: { args: string[] }[] } } };
      for (const [name, text] of Object.entries(find("ConfigMap").data as Record<string, string>)) {
        writeFileSync(join(folder, name), text);
      }
      const args = template.spec.containers[0]!.args.map((argument) => argument.replace("=/config/", `=${folder}/`));
      const { command, args: before } = ourEpp();
      const kubeconfig = cluster.kubeconfig(await cluster.tokenOf(NAMESPACE, "chat-epp"), NAMESPACE);
      return new ChildProgram(command, [...before, ...args], { env: { KUBECONFIG: kubeconfig } });
    }

    const ready = (): Promise<number> => healthStatus(healthPort, "readiness").catch(() => -1);

    test("lives without its pool, but is not ready; is ready once it is there", async () => {
      await epp.until(
        "alive",
        async () => ((await healthStatus(healthPort, "liveness")) > 0 ? true : undefined),
        60_000,
      );
      expect(await ready()).not.toBe(SERVING);
      const pool = (await cluster.render("chat", NAMESPACE, "--set", "router.modelServers.matchLabels.app=vllm")).find(
        ({ kind }) => kind === "InferencePool",
      )!;
      await cluster.apply(pool);
      await vi.waitFor(async () => expect(await ready()).toBe(SERVING), { timeout: 30_000, interval: 100 });
    }, 120_000);

    test("stays ready while the API server is away", async () => {
      cluster.shutDoor();
      await cluster.killApiServer();
      await vi.waitFor(() => expect(epp.output).toContain("what was known stays"), { timeout: 30_000, interval: 100 });
      expect(await ready()).toBe(SERVING);
      await cluster.startApiServer();
      cluster.openDoor();
      await vi.waitFor(() => expect(epp.output).toContain("answers again"), { timeout: 60_000, interval: 100 });
      expect(await ready()).toBe(SERVING);
    }, 150_000);

    test("is not ready when the pool is deleted", async () => {
      await cluster.must("DELETE", `/apis/inference.networking.k8s.io/v1/namespaces/${NAMESPACE}/inferencepools/chat`);
      await vi.waitFor(async () => expect(await ready()).not.toBe(SERVING), { timeout: 30_000, interval: 100 });
    });

    test("ends when it is told to", async () => {
      expect(await epp.stop("SIGTERM", 90_000)).toBe(0);
    }, 120_000);
  },
);
