import type { EndpointPickerConfig } from "@windtunnel/router-policies";
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

/** Whether every configured parser reads what the pool's servers speak; without a protocol it does. */
export function protocolMatches(config: EndpointPickerConfig, pool: PoolState): boolean {
  const { appProtocol } = pool;
  if (appProtocol === undefined || appProtocol === "") return true;
  const types = config.requestHandler.parsers.map(
    (name) => config.plugins.find((plugin) => plugin.name === name)?.type ?? name,
  );
  return types.every((type) => PROTOCOLS[type]?.includes(appProtocol) ?? true);
}
