import { type KubeReader, KubeStatusError } from "../../../src/pool/kubernetes/kube-client.ts";
import type { KubeObject } from "../../../src/pool/kubernetes/reflector.ts";

type Item = KubeObject & Record<string, unknown>;

interface Watcher {
  readonly path: string;
  readonly query: URLSearchParams;
  push(event: unknown): void;
  end(error?: Error): void;
}

/** A Kubernetes API in memory: lists and watches of objects that a test puts in, and failures on demand. */
export class FakeKube implements KubeReader {
  readonly namespace = "default";
  /** Each call, as `list path` or `watch path@version`. */
  readonly calls: string[] = [];
  readonly watchers = new Set<Watcher>();
  /** Thrown by every call while set. */
  failure: Error | undefined;
  /** How long the lists of a path take. */
  readonly delaysMs = new Map<string, number>();
  #version = 100;
  readonly #items = new Map<string, Map<string, Item>>();

  /** Adds or replaces an object, and tells the watches. */
  put(path: string, item: Item): void {
    const items = this.#items.get(path) ?? new Map<string, Item>();
    this.#items.set(path, items);
    const known = items.get(item.metadata!.name!);
    const stored = { ...item, metadata: { ...item.metadata, resourceVersion: String(++this.#version) } };
    items.set(item.metadata!.name!, stored);
    for (const watcher of this.#of(path)) {
      const [before, now] = [known, stored].map((it) => it !== undefined && selected(it, watcher.query));
      if (before || now) watcher.push({ type: now ? (before ? "MODIFIED" : "ADDED") : "DELETED", object: stored });
    }
  }

  remove(path: string, name: string): void {
    const item = this.#items.get(path)?.get(name);
    if (item === undefined) return;
    this.#items.get(path)!.delete(name);
    const object = { ...item, metadata: { ...item.metadata, resourceVersion: String(++this.#version) } };
    for (const watcher of this.#of(path)) if (selected(item, watcher.query)) watcher.push({ type: "DELETED", object });
  }

  /** Forgets an object without telling the watches, as if they had missed it. */
  removeSilently(path: string, name: string): void {
    this.#items.get(path)?.delete(name);
  }

  bookmark(path: string, resourceVersion: string): void {
    for (const watcher of this.#of(path)) watcher.push({ type: "BOOKMARK", object: { metadata: { resourceVersion } } });
  }

  /** Sends an event as it is. */
  raw(path: string, event: unknown): void {
    for (const watcher of this.#of(path)) watcher.push(event);
  }

  endWatches(path: string, error?: Error): void {
    for (const watcher of this.#of(path)) watcher.end(error);
  }

  async get(path: string, query: URLSearchParams, _signal: AbortSignal): Promise<unknown> {
    this.calls.push(`list ${path}`);
    await new Promise((resolve) => setTimeout(resolve, this.delaysMs.get(path) ?? 0));
    if (this.failure !== undefined) throw this.failure;
    const items = [...(this.#items.get(path)?.values() ?? [])].filter((item) => selected(item, query));
    const from = Number(query.get("continue") ?? 0);
    const upTo = from + Number(query.get("limit") ?? items.length);
    return {
      metadata: { resourceVersion: String(this.#version), ...(upTo < items.length ? { continue: String(upTo) } : {}) },
      items: items.slice(from, upTo),
    };
  }

  async *watch(path: string, query: URLSearchParams, signal: AbortSignal): AsyncIterable<unknown> {
    this.calls.push(`watch ${path}@${query.get("resourceVersion")}`);
    if (this.failure !== undefined) throw this.failure;
    const events: unknown[] = [];
    let wake: () => void = () => {};
    let ended: { error?: Error } | undefined;
    const watcher: Watcher = {
      path,
      query,
      push: (event) => {
        events.push(event);
        wake();
      },
      end: (error) => {
        ended = error === undefined ? {} : { error };
        wake();
      },
    };
    signal.addEventListener("abort", () => watcher.end());
    this.watchers.add(watcher);
    try {
      for (;;) {
        while (events.length > 0) yield events.shift();
        if (ended?.error !== undefined) throw ended.error;
        if (ended !== undefined) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.watchers.delete(watcher);
    }
  }

  #of(path: string): Watcher[] {
    return [...this.watchers].filter((watcher) => watcher.path === path);
  }
}

export const gone = (): Error => new KubeStatusError(410, "too old resource version");

function selected(item: Item, query: URLSearchParams): boolean {
  const labels = (query.get("labelSelector") ?? "").split(",").filter((term) => term !== "");
  const name = /^metadata\.name=(.*)$/.exec(query.get("fieldSelector") ?? "")?.[1];
  return (
    (name === undefined || name === item.metadata?.name) &&
    labels.every((term) => item.metadata?.labels?.[term.split("=")[0]!] === term.split("=")[1])
  );
}
