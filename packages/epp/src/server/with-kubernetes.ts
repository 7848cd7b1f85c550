import type { Log } from "../host/log.ts";
import type { ScraperVerdict } from "../operations/metrics-server.ts";
import type { LeaderElection } from "../pool/kubernetes/leader-election.ts";
import { type EppOptions, OptionsError } from "./options.ts";

/** Stands for election, with `--ha-enable-leader-election`. @throws OptionsError without Kubernetes */
export async function stoodForElection(
  options: EppOptions,
  usesKubernetes: boolean,
  log: Log,
): Promise<LeaderElection | undefined> {
  if (!options.flag("ha-enable-leader-election")) return undefined;
  if (!usesKubernetes) throw new OptionsError("--ha-enable-leader-election needs endpoints from Kubernetes");
  const { kubernetesLeaderElection } = await import("../pool/kubernetes/index.ts");
  const namespace = options.text("pool-namespace");
  const poolName = options.text("pool-name");
  const election = await kubernetesLeaderElection({
    ...(namespace === undefined ? {} : { namespace }),
    ...(poolName === undefined ? {} : { poolName }),
    onChange: (leading) => log.info({ leading }, "leader election"),
    report: (message) => log.warn({ source: "leader election" }, message),
  });
  election.start();
  return election;
}

/** Who may read the metrics: as Kubernetes says, with `--metrics-endpoint-auth`; everyone where there is none, as upstream. */
export async function metricsReview(
  options: EppOptions,
  usesKubernetes: boolean,
): Promise<((token: string, path: string) => Promise<ScraperVerdict>) | undefined> {
  if (!usesKubernetes || !options.flag("metrics-endpoint-auth")) return undefined;
  const { kubernetesScraperReview } = await import("../pool/kubernetes/index.ts");
  const review = await kubernetesScraperReview();
  return (token, path) => review.verdict(token, path);
}
