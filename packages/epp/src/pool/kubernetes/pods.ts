import { isIPv6 } from "node:net";
import type { EndpointFacts } from "@windtunnel/router-policies";
import type { KubeObject } from "./reflector.ts";

/** Which of the pool's ports of a pod serve; all of them without it. The second is the older name. */
const ACTIVE_PORTS = ["llm-d.ai/active-ports", "inference.networking.k8s.io/active-ports"];

/** A pod that can serve. */
export interface ServingPod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent = every port. */
  readonly activePorts?: ReadonlySet<number>;
}

interface Pod extends KubeObject {
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
}

/** What is kept of a pod: nothing of one that is not Ready, or being deleted, or without an address. */
export function servingPod(object: KubeObject): ServingPod | undefined {
  const { metadata, status } = object as Pod;
  const ready = status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True");
  const ip = status?.podIP;
  if (!ready || !ip || metadata?.name === undefined || metadata.deletionTimestamp !== undefined) return undefined;
  const active = ACTIVE_PORTS.map((annotation) => metadata.annotations?.[annotation]).find(
    (text) => text !== undefined,
  );
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    ip,
    labels: metadata.labels ?? {},
    ...(active === undefined ? {} : { activePorts: new Set(active.split(",").map((port) => Number(port.trim()))) }),
  };
}

/** One endpoint for each serving pod and active port, in order of name, so that equal states give equal lists. */
export function endpointsOf(pods: Iterable<ServingPod>, targetPorts: readonly number[]): EndpointFacts[] {
  const sorted = [...pods].sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
  return sorted.flatMap(({ name, namespace, ip, labels, activePorts }) =>
    targetPorts.flatMap((port, rank) => {
      if (activePorts !== undefined && !activePorts.has(port)) return [];
      const address = `${isIPv6(ip) ? `[${ip}]` : ip}:${port}`;
      return [{ name: `${name}-rank-${rank}`, namespace, address, labels }];
    }),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
