import type { PromptSegments } from "./workload.ts";

/**
 * The segments with those that prompts of different adapters share made different ones: what an adapter computes of a
 * text is not what another does, so vLLM hashes its name into each block (`_gen_lora_extra_hash_keys` in
 * `v1/core/kv_cache_utils.py`, 0.19), and llm-d's router hashes the model's. The adapter that has a segment first keeps
 * its id; ids of the others come after all that there were.
 */
export function separateByAdapter(segments: PromptSegments, adapterOf: Int32Array): PromptSegments {
  const ids = segments.ids.slice();
  const outputIds = segments.outputIds?.slice();
  const none = -2;
  const firstAdapter = new Int32Array(segments.idCount).fill(none);
  const others = new Map<string, number>();
  let idCount = segments.idCount;
  const idFor = (id: number, adapter: number): number => {
    if (firstAdapter[id] === none) firstAdapter[id] = adapter;
    if (firstAdapter[id] === adapter) return id;
    const key = `${id} ${adapter}`;
    const known = others.get(key) ?? idCount++;
    others.set(key, known);
    return known;
  };
  for (let row = 0; row < adapterOf.length; row++) {
    const adapter = adapterOf[row]!;
    for (let entry = segments.offsets[row]!; entry < segments.offsets[row + 1]!; entry++) {
      ids[entry] = idFor(ids[entry]!, adapter);
    }
    if (outputIds !== undefined && outputIds[row]! >= 0) outputIds[row] = idFor(outputIds[row]!, adapter);
  }
  return { ...segments, ids, idCount, ...(outputIds === undefined ? {} : { outputIds }) };
}
