import { PoolError, type PoolSource } from "../pool-source.ts";
import { POOL_GROUP } from "./custom-resources.ts";
import { connectKubernetes, type KubeClient } from "./kube-client.ts";
import { KubernetesPool } from "./kubernetes-pool.ts";
import { LeaderElection } from "./leader-election.ts";
import { ScraperReview } from "./scraper-review.ts";

/** Kubernetes discovery, as the command line asks for it: a pool or a selector, not both. */
export interface KubernetesDiscovery {
  readonly poolName?: string;
  /** A label selector in Kubernetes' syntax. */
  readonly endpointSelector?: string;
  /** Default: `NAMESPACE` in the environment, then the credentials' own, then `default`. */
  readonly namespace?: string;
  readonly poolGroup: string;
  /** 1 to 8, with a selector. */
  readonly endpointTargetPorts: readonly number[];
  readonly report: (message: string) => void;
}

/** Connects to Kubernetes. @throws PoolError */
export async function kubernetesPool(options: KubernetesDiscovery): Promise<PoolSource> {
  const { poolName, endpointSelector, poolGroup, endpointTargetPorts, report } = options;
  if (poolGroup !== POOL_GROUP) {
    throw new PoolError(`--pool-group: "${poolGroup}" is not known (allowed: ${POOL_GROUP})`);
  }
  const client = await connectKubernetes();
  const namespace = namespaceOf(options.namespace, client);
  for (const [flag, name] of [
    ["--pool-name", poolName ?? "x"],
    ["--pool-namespace", namespace],
  ] as const) {
    if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
      throw new PoolError(
        `${flag}: ${JSON.stringify(name)} is no name of an object (lower-case letters, digits, "-", ".")`,
      );
    }
  }
  if (poolName !== undefined) return new KubernetesPool({ client, namespace, target: { poolName }, report });
  if (endpointSelector === undefined)
    throw new PoolError("Kubernetes discovery needs --pool-name or --endpoint-selector");
  return new KubernetesPool({ client, namespace, target: { endpointSelector, endpointTargetPorts }, report });
}

/** Leader election among the replicas of an Endpoint Picker. */
export interface KubernetesLeaderElection {
  /** As for discovery. */
  readonly namespace?: string;
  readonly poolName?: string;
  /** Told when this replica begins or stops to lead. */
  readonly onChange: (leading: boolean) => void;
  readonly report: (message: string) => void;
}

/**
 * Stands for election with the lease that `WINDTUNNEL_EPP_LEASE` names (the chart sets it), else `<pool>-epp`.
 *
 * @throws PoolError
 */
export async function kubernetesLeaderElection(options: KubernetesLeaderElection): Promise<LeaderElection> {
  const client = await connectKubernetes();
  const lease = process.env.WINDTUNNEL_EPP_LEASE || `${options.poolName ?? "windtunnel"}-epp`;
  const { onChange, report } = options;
  return new LeaderElection({ client, namespace: namespaceOf(options.namespace, client), lease, onChange, report });
}

/** Asks Kubernetes who may read the metrics. @throws PoolError */
export async function kubernetesScraperReview(): Promise<ScraperReview> {
  return new ScraperReview(await connectKubernetes());
}

function namespaceOf(given: string | undefined, client: KubeClient): string {
  return given || process.env.NAMESPACE || client.namespace || "default";
}
