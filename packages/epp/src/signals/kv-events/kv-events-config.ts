import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import { PreciseKeys, preciseKeysConfig, preciseProducers } from "../../tokens/precise-keys.ts";

const DEFAULT_TOPIC_FILTER = "kv@";
const DEFAULT_SOCKET_PORT = 5557;

/** Where one precise producer's KV-cache events come from (`kvEventsConfig`), and how its keys are made. */
export interface KvEventsConfig {
  readonly keys: PreciseKeys;
  readonly topicFilter: string;
  /** Engines connect to it; undefined: nothing is bound. */
  readonly bindEndpoint: string | undefined;
  /** Each endpoint is connected to, at this port plus its rank; undefined: none is. */
  readonly socketPort: number | undefined;
  /** Missed events are asked for there, plus the rank; undefined: never. */
  readonly replaySocketPort: number | undefined;
}

/** Of each precise producer in the configuration, in order. */
export function kvEventsConfigs(config: EndpointPickerConfig): KvEventsConfig[] {
  return preciseProducers(config).map((producer) => {
    const given = (producer.parameters.kvEventsConfig ?? {}) as {
      zmqEndpoint?: string;
      topicFilter?: string;
      discoverPods?: boolean;
      podDiscoveryConfig?: { socketPort?: number; replaySocketPort?: number };
    };
    const pods = given.podDiscoveryConfig ?? {};
    return {
      keys: new PreciseKeys(preciseKeysConfig(producer)),
      topicFilter: given.topicFilter ?? DEFAULT_TOPIC_FILTER,
      bindEndpoint: given.zmqEndpoint || undefined,
      socketPort: (given.discoverPods ?? true) ? pods.socketPort || DEFAULT_SOCKET_PORT : undefined,
      replaySocketPort: pods.replaySocketPort || undefined,
    };
  });
}
