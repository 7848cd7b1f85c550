import type { EndpointFacts } from "@windtunnel/router-policies";
import type { ModelRewrite, Objective, PoolSink, PoolSource } from "../pool-source.ts";
import type { BackoffOptions } from "./backoff.ts";
import { type InferencePool, inferencePool, objectiveOf, POOL_GROUP, rewriteOf } from "./custom-resources.ts";
import type { KubeReader } from "./kube-client.ts";
import { endpointsOf, type ServingPod, servingPod } from "./pods.ts";
import { type KubeObject, Reflector } from "./reflector.ts";

/** What is followed: a pool by its name, or pods by labels and ports. */
export type KubernetesTarget =
  | { readonly poolName: string }
  | { readonly endpointSelector: string; readonly endpointTargetPorts: readonly number[] };

/** How a {@link KubernetesPool} works. */
export interface KubernetesPoolOptions {
  readonly client: KubeReader;
  readonly namespace: string;
  readonly target: KubernetesTarget;
  readonly report: (message: string) => void;
  readonly backoff?: BackoffOptions;
  /** Changes within so many milliseconds are told as one. Default 50. */
  readonly debounceMs?: number;
}

/**
 * Endpoints, objectives and model rewrites from the Kubernetes API. While the API is away, what was known stays; an
 * InferencePool that is gone takes its endpoints with it.
 */
export class KubernetesPool implements PoolSource {
  readonly #options: KubernetesPoolOptions;
  readonly #pools: Reflector<InferencePool> | undefined;
  readonly #objectives: Reflector<readonly [string, Objective]> | undefined;
  readonly #rewrites: Reflector<ModelRewrite> | undefined;
  #pods: { readonly selector: string; readonly reflector: Reflector<ServingPod> } | undefined;
  /** Pods by the selector before, until those by the new one are known. */
  #outgoing: Reflector<ServingPod> | undefined;
  #sink: PoolSink | undefined;
  /** Before, part of the state is still on its way: telling it would say that there is no pool. */
  #started = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #told = new Map<string, string>();
  readonly #stopping: Promise<void>[] = [];

  constructor(options: KubernetesPoolOptions) {
    this.#options = options;
    const { target } = options;
    if (!("poolName" in target)) return;
    const { poolName } = target;
    const group = (kind: string): string => `/apis/${kind.replace("NS", `namespaces/${options.namespace}`)}`;
    const byName = { fieldSelector: `metadata.name=${poolName}` };
    this.#pools = this.#reflector(group(`${POOL_GROUP}/v1/NS/inferencepools`), byName, inferencePool);
    this.#objectives = this.#reflector(group("llm-d.ai/v1alpha2/NS/inferenceobjectives"), {}, objectiveOf(poolName));
    this.#rewrites = this.#reflector(group("llm-d.ai/v1alpha2/NS/inferencemodelrewrites"), {}, rewriteOf(poolName));
  }

  /** Resolves when the state is known, or when the API failed to give it: then it is told as not synced, and tried on. */
  async start(sink: PoolSink): Promise<void> {
    this.#sink = sink;
    await Promise.all([this.#pools?.start(), this.#objectives?.start(), this.#rewrites?.start()]);
    this.#followPods();
    await this.#pods?.reflector.start();
    this.#started = true;
    this.#tell();
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    clearTimeout(this.#timer);
    const reflectors = [this.#pools, this.#objectives, this.#rewrites, this.#pods?.reflector, this.#outgoing];
    await Promise.all([...reflectors.map((reflector) => reflector?.stop()), ...this.#stopping]);
  }

  #reflector<T>(
    path: string,
    selector: Readonly<Record<string, string>>,
    convert: (object: KubeObject) => T | undefined,
  ): Reflector<T> {
    const { client, report, backoff } = this.#options;
    const onChange = (): void => this.#changed();
    return new Reflector({ client, path, selector, convert, onChange, report, ...(backoff && { backoff }) });
  }

  #changed(): void {
    if (this.#timer !== undefined || this.#sink === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#started) return;
      this.#followPods();
      this.#tell();
    }, this.#options.debounceMs ?? 50);
  }

  /** The pool; undefined while it is not known or not there. */
  #pool(): InferencePool | undefined {
    const [pool] = this.#pools?.objects ?? [];
    return pool;
  }

  /** Follows the pods that the selector in force selects. */
  #followPods(): void {
    const { target, namespace } = this.#options;
    const selector = "poolName" in target ? selectorOf(this.#pool()) : target.endpointSelector;
    if (selector === this.#pods?.selector) return;
    if (this.#pods !== undefined) this.#retire(this.#pods.reflector);
    this.#pods = undefined;
    if (selector === undefined) {
      // Of a pool that comes back nothing is known: it may select other pods.
      this.#outgoing = undefined;
      return;
    }
    const path = `/api/v1/namespaces/${namespace}/pods`;
    this.#pods = { selector, reflector: this.#reflector(path, { labelSelector: selector }, servingPod) };
    if (this.#sink !== undefined) void this.#pods.reflector.start();
  }

  /** Keeps what a reflector that is no longer followed knew, where there is nothing newer. */
  #retire(reflector: Reflector<ServingPod>): void {
    if (reflector.listed || this.#outgoing === undefined) this.#outgoing = reflector;
    this.#stopping.push(reflector.stop());
    if (this.#stopping.length > 16) this.#stopping.shift();
  }

  #tell(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    if (this.#objectives?.listed !== false) {
      const objectives = [...(this.#objectives?.objects ?? [])];
      this.#tellOnce("objectives", objectives, () => sink.objectives(new Map(objectives)));
    }
    if (this.#rewrites?.listed !== false) {
      const rewrites = [...(this.#rewrites?.objects ?? [])];
      this.#tellOnce("rewrites", rewrites, () => sink.rewrites(rewrites));
    }
    const endpoints = this.#endpoints();
    if (endpoints !== undefined) this.#tellOnce("endpoints", endpoints, () => sink.endpoints(endpoints));
    const appProtocol = this.#pool()?.appProtocol;
    const state = { synced: this.#synced(), ...(appProtocol === undefined ? {} : { appProtocol }) };
    this.#tellOnce("pool", state, () => sink.pool(state));
  }

  /** The endpoints; undefined where nothing new is known of them. */
  #endpoints(): EndpointFacts[] | undefined {
    const { target } = this.#options;
    const ports = "poolName" in target ? this.#pool()?.targetPorts : target.endpointTargetPorts;
    if (ports === undefined) return this.#pools?.listed ? [] : undefined;
    if (this.#pods?.reflector.listed) {
      this.#outgoing = undefined;
      return endpointsOf(this.#pods.reflector.objects, ports);
    }
    return this.#outgoing === undefined ? undefined : endpointsOf(this.#outgoing.objects, ports);
  }

  #synced(): boolean {
    const known = this.#pools === undefined || this.#pool() !== undefined;
    return known && (this.#pods?.reflector.listed === true || this.#outgoing?.listed === true);
  }

  #tellOnce(what: string, state: unknown, tell: () => void): void {
    const text = JSON.stringify(state);
    if (this.#told.get(what) === text) return;
    this.#told.set(what, text);
    tell();
  }
}

function selectorOf(pool: InferencePool | undefined): string | undefined {
  if (pool === undefined) return undefined;
  return Object.entries(pool.matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}
