import { type FSWatcher, realpathSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";

/** How a file is watched. */
export interface FileWatchOptions {
  /** Called after things have been quiet for `debounceMs`; whether the file really changed is the callee's to see. */
  readonly onChange: () => void;
  /** Default 50. */
  readonly debounceMs?: number;
  /**
   * How often to look even though nothing was told (network file systems tell nothing), and to watch again what was
   * gone. Default 2000.
   */
  readonly pollMs?: number;
}

/** A burst of changes is told at latest after this many quiet times. */
const LONGEST_BURST = 10;

/**
 * Watches a file through the directories that hold it and what it links to, so that an atomic rename, the swap of a link
 * on the way (a mounted ConfigMap changes so) and a delete with a later create are all seen. Watching a file itself
 * would lose it at the first rename.
 */
export class FileWatch {
  readonly #path: string;
  readonly #onChange: () => void;
  readonly #debounceMs: number;
  readonly #poll: NodeJS.Timeout;
  readonly #watchers = new Map<string, FSWatcher>();
  #pending: NodeJS.Timeout | undefined;
  #burst = 0;

  constructor(path: string, options: FileWatchOptions) {
    this.#path = resolve(path);
    this.#onChange = options.onChange;
    this.#debounceMs = options.debounceMs ?? 50;
    this.#arm();
    this.#poll = setInterval(() => this.#changed(), options.pollMs ?? 2000);
    this.#poll.unref();
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#pending);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Watches the directories that matter now, and no others. */
  #arm(): void {
    const wanted = this.#directories();
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#watch(directory);
  }

  #directories(): Set<string> {
    const directories = new Set([dirname(this.#path)]);
    try {
      directories.add(dirname(realpathSync(this.#path)));
    } catch {
      // It is gone for now; its directory tells when it comes back.
    }
    return directories;
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (kind) => {
        // A directory that was itself replaced tells so once and then nothing more: watch its name again.
        if (kind === "rename") this.#forget(directory, watcher);
        this.#changed();
      });
      watcher.on("error", () => this.#forget(directory, watcher));
      this.#watchers.set(directory, watcher);
    } catch {
      // Not there, or no watches left: the poll looks instead.
    }
  }

  #forget(directory: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(directory) === watcher) this.#watchers.delete(directory);
  }

  #changed(): void {
    if (this.#pending !== undefined && this.#burst < LONGEST_BURST) {
      this.#burst += 1;
      this.#pending.refresh();
      return;
    }
    if (this.#pending !== undefined) return;
    this.#burst = 0;
    this.#pending = setTimeout(() => {
      this.#pending = undefined;
      this.#arm();
      this.#onChange();
    }, this.#debounceMs);
  }
}
