import type { RandomSource } from "@windtunnel/router-policies";
import type { ModelRewriteRule } from "../pool/pool-source.ts";
import { bufferOf } from "../wire/buffer-of.ts";

/** Draws a target by weight; when no weight is above 0, all are alike. */
export function rewriteTarget({ targets }: ModelRewriteRule, random: RandomSource): string | undefined {
  const total = targets.reduce((sum, { weight }) => sum + Math.max(0, weight), 0);
  if (total <= 0) return targets[Math.floor(random.next() * targets.length)]?.model;
  let left = random.next() * total;
  for (const { model, weight } of targets) {
    left -= Math.max(0, weight);
    if (left < 0) return model;
  }
  return targets.at(-1)?.model;
}

/**
 * Puts the model that the client named back into a response, chunk by chunk: `"model":"target"`, or with a space after
 * the colon (llm-d-router, `pkg/epp/handlers/response.go`). A name that a chunk border cuts is left, as upstream.
 */
export function restoreModel(body: Uint8Array, target: string, model: string): Uint8Array {
  const bytes = bufferOf(body);
  for (const separator of [":", ": "]) {
    const found = `"model"${separator}${JSON.stringify(target)}`;
    if (!bytes.includes(found)) continue;
    const text = bytes.toString("latin1");
    const restored = latin1(`"model"${separator}${JSON.stringify(model)}`);
    // A function: in a text, $ would have a meaning.
    return Buffer.from(
      text.replaceAll(latin1(found), () => restored),
      "latin1",
    );
  }
  return body;
}

/** The UTF-8 bytes of a text, one character each. */
function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}
