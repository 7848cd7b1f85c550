import { Backoff, type BackoffOptions, pause } from "./backoff.ts";
import { type KubeReader, KubeStatusError, oneLine } from "./kube-client.ts";

/** The metadata that following an object needs. */
export interface KubeObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** What to follow and whom to tell. */
export interface ReflectorOptions<T> {
  readonly client: KubeReader;
  /** The list, such as `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  /** `labelSelector` or `fieldSelector`. */
  readonly selector: Readonly<Record<string, string>>;
  /** What is kept of an object; undefined leaves it out. Must not throw. */
  readonly convert: (object: KubeObject) => T | undefined;
  /** The state may have changed; after a list it is whole. */
  readonly onChange: () => void;
  /** Told one line when the API fails, once until it works again or fails otherwise, and when it works again. */
  readonly report: (message: string) => void;
  readonly backoff?: BackoffOptions;
  /** Objects in a page of a list. Default 500. */
  readonly pageSize?: number;
}

interface ListAnswer {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubeObject[];
}

interface WatchEvent {
  readonly type?: string;
  readonly object?: KubeObject & { readonly code?: number; readonly message?: string };
}

/** The server ends a watch after this long, and one that would be silent for ever is noticed. */
const WATCH_SECONDS = 300;
/** A watch that lived so long was a success, whatever ended it. */
const HEALTHY_WATCH_MS = 5000;

/**
 * Keeps a copy of a list of objects: lists it, watches from there, watches on from the last version that it heard of
 * (bookmarks included), and lists again where that version is gone (410). While the API fails, the copy stays.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #objects = new Map<string, T>();
  #version: string | undefined;
  #listed = false;
  #problem: string | undefined;
  #settle: () => void = () => {};
  readonly #settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });
  #running: Promise<void> | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
  }

  /** Whether the list was seen whole at least once. */
  get listed(): boolean {
    return this.#listed;
  }

  get objects(): Iterable<T> {
    return this.#objects.values();
  }

  /** Starts following; resolves when the first list was seen or the first attempt failed. */
  start(): Promise<void> {
    this.#running ??= this.#follow();
    return this.#settled;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#settle();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        if (this.#version === undefined) await this.#list();
        await this.#watch();
        // The server ends watches as a matter of course, but one that ends at once must not make a busy loop.
        if (performance.now() - began >= HEALTHY_WATCH_MS) this.#backoff.reset();
        else await pause(this.#backoff.nextMs(), signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error)) this.#version = undefined;
        else this.#failed(error);
        await pause(this.#backoff.nextMs(), signal);
      }
    }
  }

  async #list(): Promise<void> {
    const { client, path, selector, convert, pageSize } = this.#options;
    const objects = new Map<string, T>();
    let next = "";
    let version: string | undefined;
    do {
      const query = new URLSearchParams({ ...selector, limit: String(pageSize ?? 500) });
      if (next !== "") query.set("continue", next);
      const answer = (await client.get(path, query, this.#stop.signal)) as ListAnswer;
      for (const item of answer.items ?? []) {
        const kept = convert(item);
        if (kept !== undefined) objects.set(keyOf(item), kept);
      }
      next = answer.metadata?.continue ?? "";
      version = answer.metadata?.resourceVersion;
    } while (next !== "");
    this.#objects = objects;
    this.#version = version;
    this.#listed = true;
    this.#works();
    this.#options.onChange();
    this.#settle();
  }

  async #watch(): Promise<void> {
    const { client, path, selector } = this.#options;
    const query = new URLSearchParams({
      ...selector,
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS),
    });
    if (this.#version !== undefined) query.set("resourceVersion", this.#version);
    const tooLong = AbortSignal.timeout((WATCH_SECONDS + 60) * 1000);
    const signal = AbortSignal.any([this.#stop.signal, tooLong]);
    try {
      for await (const event of client.watch(path, query, signal)) {
        if (this.#stop.signal.aborted) return;
        this.#apply(event as WatchEvent);
        this.#works();
        this.#backoff.reset();
      }
    } catch (error) {
      if (!tooLong.aborted) throw error;
    }
  }

  #apply({ type, object }: WatchEvent): void {
    if (object === undefined || typeof type !== "string") throw new Error("a watch event without type or object");
    if (type === "ERROR") throw new KubeStatusError(object.code ?? 0, object.message ?? "the watch failed");
    if (object.metadata?.resourceVersion !== undefined) this.#version = object.metadata.resourceVersion;
    if (type === "BOOKMARK") return;
    const kept = type === "DELETED" ? undefined : this.#options.convert(object);
    if (kept === undefined) this.#objects.delete(keyOf(object));
    else this.#objects.set(keyOf(object), kept);
    this.#options.onChange();
  }

  #failed(error: unknown): void {
    const problem = `Kubernetes: ${this.#options.path}: ${oneLine(error)}`;
    if (problem !== this.#problem) this.#options.report(`${problem}; what was known stays`);
    this.#problem = problem;
    this.#settle();
  }

  #works(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#options.report(`Kubernetes: ${this.#options.path}: answers again`);
  }
}

/** The version to go on from is no longer there: 410, in a watch's event or as its answer. */
function isGone(error: unknown): boolean {
  return error instanceof KubeStatusError && error.status === 410;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
}
