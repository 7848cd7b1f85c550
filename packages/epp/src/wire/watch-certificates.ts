import { type FSWatcher, watch } from "node:fs";
import { loadCertificates } from "./tls.ts";

/** Kubernetes swaps a mounted secret in several steps; they are one change. */
const DEBOUNCE_MS = 200;

/**
 * Follows the certificates of a folder, by whatever way they are replaced: written in place, renamed, or behind the
 * swapped symbolic link of a Kubernetes mount. A pair that cannot be used is reported, and the old one stays.
 *
 * @returns what ends the watch.
 */
export function watchCertificates(
  folder: string,
  changed: (pair: { readonly key: string; readonly cert: string }) => void,
  failed: (error: Error) => void,
  debounceMs: number = DEBOUNCE_MS,
): () => void {
  let present = presentPair(folder);
  let timer: NodeJS.Timeout | undefined;
  const reload = (): void => {
    timer = undefined;
    try {
      const pair = loadCertificates(folder);
      if (pair.cert === present?.cert && pair.key === present.key) return;
      changed(pair);
      present = pair;
    } catch (error) {
      failed(error as Error);
    }
  };
  // Only the folder tells of links that are swapped in it.
  const watcher: FSWatcher = watch(folder, { persistent: false }, () => {
    clearTimeout(timer);
    timer = setTimeout(reload, debounceMs).unref();
  });
  watcher.on("error", failed);
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

function presentPair(folder: string): { readonly key: string; readonly cert: string } | undefined {
  try {
    return loadCertificates(folder);
  } catch {
    return undefined;
  }
}
