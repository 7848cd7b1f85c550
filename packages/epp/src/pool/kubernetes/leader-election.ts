import { randomUUID } from "node:crypto";
import { pause } from "./backoff.ts";
import { type KubeClient, KubeStatusError, oneLine } from "./kube-client.ts";

/** How a {@link LeaderElection} works. */
export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The lease that the candidates share. */
  readonly lease: string;
  /** This candidate; default: `POD_NAME` and a random suffix. */
  readonly identity?: string;
  /** Told whenever it changes. */
  readonly onChange: (leading: boolean) => void;
  readonly report: (message: string) => void;
  /** A leader that did not renew for so long is over. Default 15,000, as controller-runtime. */
  readonly leaseMs?: number;
  /** A leader that could not renew for so long stops leading; less than `leaseMs`. Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** Between attempts. Default 2000. */
  readonly retryMs?: number;
}

interface Lease {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/**
 * Elects one of several replicas through a Lease (`coordination.k8s.io/v1`), as client-go's `leaderelection` does: a
 * lease is over when it was not seen to change for its duration, by this candidate's own clock.
 */
export class LeaderElection {
  readonly identity: string;
  readonly #options: LeaderElectionOptions;
  readonly #path: string;
  readonly #leaseMs: number;
  readonly #stop = new AbortController();
  #leading = false;
  #lease: Lease | undefined;
  #changedAtMs = 0;
  #renewedAtMs = 0;
  #problem = "";
  #running: Promise<void> | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
    this.identity = options.identity ?? `${process.env.POD_NAME ?? "epp"}_${randomUUID()}`;
  }

  get leading(): boolean {
    return this.#leading;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops standing, and gives the lease back so that another need not wait for its end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (!this.#leading) return;
    this.#become(false);
    await this.#write("", 1, AbortSignal.timeout(2000)).catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { retryMs = 2000, renewDeadlineMs = 10_000 } = this.#options;
    while (!signal.aborted) {
      try {
        const attempt = AbortSignal.any([signal, AbortSignal.timeout(renewDeadlineMs / 2)]);
        if (await this.#tryToLead(attempt)) {
          this.#renewedAtMs = performance.now();
          this.#become(true);
        } else this.#become(false);
        this.#problem = "";
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        if (this.#leading && performance.now() - this.#renewedAtMs > renewDeadlineMs) this.#become(false);
      }
      await pause(retryMs * (1 + Math.random() * 0.2), signal);
    }
  }

  async #tryToLead(signal: AbortSignal): Promise<boolean> {
    const seen = await this.#read(signal);
    const nowMs = performance.now();
    if (seen?.metadata?.resourceVersion !== this.#lease?.metadata?.resourceVersion) this.#changedAtMs = nowMs;
    this.#lease = seen;
    const holder = seen?.spec?.holderIdentity ?? "";
    const lastsMs = (seen?.spec?.leaseDurationSeconds ?? 0) * 1000;
    if (holder !== "" && holder !== this.identity && nowMs - this.#changedAtMs < lastsMs) return false;
    try {
      await this.#write(this.identity, Math.ceil(this.#leaseMs / 1000), signal);
      return true;
    } catch (error) {
      // Another candidate was quicker.
      if (error instanceof KubeStatusError && error.status === 409) return false;
      throw error;
    }
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      const path = `${this.#path}/${this.#options.lease}`;
      return (await this.#options.client.get(path, new URLSearchParams(), signal)) as Lease;
    } catch (error) {
      if (error instanceof KubeStatusError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #write(holderIdentity: string, leaseDurationSeconds: number, signal: AbortSignal): Promise<void> {
    const before = this.#lease?.spec;
    const mine = before?.holderIdentity === holderIdentity;
    // Leases count microseconds.
    const now = new Date().toISOString().replace("Z", "000Z");
    const spec = {
      holderIdentity,
      leaseDurationSeconds,
      acquireTime: mine ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions:
        (before?.leaseTransitions ?? 0) + (mine || before === undefined || holderIdentity === "" ? 0 : 1),
    };
    const { client, namespace, lease } = this.#options;
    const resourceVersion = this.#lease?.metadata?.resourceVersion;
    const metadata = { name: lease, namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    const written =
      this.#lease === undefined
        ? client.send("POST", this.#path, body, signal)
        : client.send("PUT", `${this.#path}/${lease}`, body, signal);
    this.#lease = (await written) as Lease;
    this.#changedAtMs = performance.now();
  }

  #become(leading: boolean): void {
    if (leading === this.#leading) return;
    this.#leading = leading;
    this.#options.report(`leader election: ${leading ? "leading" : "standing by"} (lease ${this.#options.lease})`);
    this.#options.onChange(leading);
  }

  #failed(error: unknown): void {
    const problem = oneLine(error);
    if (problem !== this.#problem) this.#options.report(`leader election: lease ${this.#options.lease}: ${problem}`);
    this.#problem = problem;
  }
}
