import type { BlockKeys } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "../host/arrived-request.ts";
import { cookieEntry, type RecordedKeys } from "./recording-line.ts";

/** What was read of a request beyond its plain facts. */
export interface NotedReads {
  readonly keys: RecordedKeys[];
  readonly headers: Map<string, string | undefined>;
}

/**
 * A request that notes which block keys and headers are read of it, for a replay to answer the same.
 *
 * @param salted the keys as they are recorded; asked at once, as keys are scratch
 * @param failed told when noting fails, which the reader must not feel
 */
export function notedRequest(
  request: ArrivedRequest,
  salted: (keys: BlockKeys) => string,
  failed: (error: unknown) => void,
): { readonly seen: ArrivedRequest; readonly reads: NotedReads } {
  const reads: NotedReads = { keys: [], headers: new Map() };
  const note = (block: number, partial: boolean, prompt: number, keys: BlockKeys): void => {
    const flag = partial ? 1 : 0;
    if (reads.keys.some(([size, kind, which]) => size === block && kind === flag && which === prompt)) return;
    reads.keys.push([block, flag, prompt, salted(keys)]);
  };
  const seen: ArrivedRequest = {
    ...request,
    header(name) {
      const value = request.header(name);
      reads.headers.set(name, value);
      return value;
    },
    cookie(name) {
      const value = request.cookie?.(name);
      reads.headers.set(cookieEntry(name), value);
      return value;
    },
    promptKeys(blockSizeTokens, withPartialBlock, prompt = 0) {
      const keys = request.promptKeys(blockSizeTokens, withPartialBlock, prompt);
      try {
        note(blockSizeTokens, withPartialBlock, prompt, keys);
      } catch (error) {
        failed(error);
      }
      return keys;
    },
  };
  return { seen, reads };
}
