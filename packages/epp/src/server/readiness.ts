import type { PoolState } from "../pool/pool-state.ts";

/**
 * The protocols of model servers that each parser reads (`InferencePool.spec.appProtocol`); a parser that is not here
 * reads any.
 */
const PROTOCOLS: Readonly<Record<string, readonly string[]>> = {
  "openai-parser": ["http", "kubernetes.io/h2c"],
  "anthropic-parser": ["http", "kubernetes.io/h2c"],
  "vllmhttp-parser": ["http", "kubernetes.io/h2c"],
  "sglanghttp-parser": ["http", "kubernetes.io/h2c"],
};

/**
 * Whether every configured parser reads what the pool's servers speak; without a protocol it does.
 *
 * @param parsers type names
 */
export function protocolMatches(parsers: readonly string[], { appProtocol }: PoolState): boolean {
  if (appProtocol === undefined || appProtocol === "") return true;
  return parsers.every((type) => PROTOCOLS[type]?.includes(appProtocol) ?? true);
}
