import type { BlockKeys, InferenceRequest } from "@windtunnel/router-policies";
import { cookieEntry, type RecordedFacts } from "./recording-line.ts";
import { recordedKeys } from "./salt.ts";

const NO_KEYS: BlockKeys = { length: 0, hi: new Int32Array(0), lo: new Int32Array(0) };

/** A recorded request as a router sees it; `missing` is told of what the recording cannot answer. */
export function replayedRequest(
  number: number,
  facts: RecordedFacts,
  missing: (what: string) => void,
): InferenceRequest {
  const { maxOutputTokens, subset } = facts;
  const answered = new Map<string, BlockKeys>();
  const header = (name: string): string | undefined => {
    const value = facts.headers?.[name];
    if (value === undefined) missing(`header ${name}`);
    return value ?? undefined;
  };
  return {
    id: `request ${number}`,
    targetModel: facts.model,
    promptTokens: facts.promptTokens,
    promptCount: facts.promptCount,
    priority: facts.priority,
    fairnessId: facts.fairness,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(subset === undefined ? {} : { subset }),
    ...(facts.onlyIfCached === true ? { onlyIfCached: true } : {}),
    ...(facts.multimodal === true ? { hasMultimodal: true } : {}),
    header,
    cookie: (name) => header(cookieEntry(name)),
    promptKeys(blockSizeTokens, withPartialBlock, prompt = 0) {
      const asked = `${blockSizeTokens}/${withPartialBlock}/${prompt}`;
      let keys = answered.get(asked);
      if (keys === undefined) {
        keys = keysOf(facts, blockSizeTokens, withPartialBlock, prompt) ?? NO_KEYS;
        if (keys === NO_KEYS) {
          missing(`blocks of ${blockSizeTokens} tokens${withPartialBlock ? "" : " as KV events have them"}`);
        }
        answered.set(asked, keys);
      }
      return keys;
    },
  };
}

/**
 * The recorded keys, or larger blocks made of them: a key stands for the whole prefix up to its block's end, so that every
 * m-th key of blocks of s tokens is a key of blocks of m · s tokens. Keys of full blocks are those of KV events and must be
 * the recorded ones.
 */
function keysOf(
  { keys = [], promptTokens, promptCount }: RecordedFacts,
  blockSizeTokens: number,
  withPartialBlock: boolean,
  prompt: number,
): BlockKeys | undefined {
  const flag = withPartialBlock ? 1 : 0;
  const ofPrompt = keys.filter(([, , which]) => which === prompt);
  const same = ofPrompt.find(([size, kind]) => size === blockSizeTokens && kind === flag);
  if (same !== undefined) return recordedKeys(same[3]);
  if (!withPartialBlock) return undefined;
  const finer = ofPrompt
    .filter(([size, kind]) => kind === 1 && blockSizeTokens % size === 0)
    .sort(([a], [b]) => b - a)[0];
  if (finer === undefined) return undefined;
  const fine = recordedKeys(finer[3]);
  const step = blockSizeTokens / finer[0];
  const tokens = promptCount === 1 ? promptTokens : fine.length * finer[0];
  const length = Math.min(Math.ceil(tokens / blockSizeTokens), Math.ceil(fine.length / step));
  const at = (block: number): number => Math.min((block + 1) * step, fine.length) - 1;
  return {
    length,
    hi: Int32Array.from({ length }, (_, block) => fine.hi[at(block)]!),
    lo: Int32Array.from({ length }, (_, block) => fine.lo[at(block)]!),
  };
}
