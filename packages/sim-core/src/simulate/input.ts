import type { DecisionRecord, EndpointPickerConfig } from "@windtunnel/router-policies";
import type { EncoderTimeModel } from "../engine/encoder-time-model.ts";
import type { LoraProfile } from "../engine/lora-profile.ts";
import type { EngineProfile } from "../engine/profile.ts";
import type { StepTimeModel } from "../engine/step-time-model.ts";
import type { FleetNetwork } from "../network/fleet-network.ts";
import type { KvTiersInput } from "../tiers/tier-input.ts";
import type { Workload } from "../workload/workload.ts";
import type { DisaggregationInput } from "./disaggregation-input.ts";
import type { GatewayInput } from "./gateway.ts";
import type { PatienceInput } from "./patience.ts";

/** A pool of alike replicas. */
export interface PoolInput {
  readonly name: string;
  readonly replicas: number;
  /**
   * So many replicas at a time, in their order, are ranks that share their experts and step together; `replicas` is a
   * multiple of it. Absent: each steps by itself.
   */
  readonly lockstepRanks?: number;
  readonly profile: EngineProfile;
  readonly stepTime: StepTimeModel;
  /** What encodes images, audio and video; needed where prompts have some. */
  readonly encoder?: EncoderTimeModel;
  /** It has the encoder alone, without the language model (vLLM's `--mm-encoder-only`): no request can be served. */
  readonly encoderOnly?: boolean;
  /** KV blocks of one replica, vLLM's null block included. */
  readonly numGpuBlocks: number;
  /** Labels of its endpoints, e.g. `llm-d.ai/role`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Labels of each endpoint instead, where they are not alike. */
  readonly replicaLabels?: readonly Readonly<Record<string, string>>[];
  /** Where its replicas keep KV blocks below HBM; absent: nowhere. */
  readonly kvTiers?: KvTiersInput;
  /** Absent: its replicas serve no LoRA adapters, and a request for one gets the model itself. */
  readonly lora?: LoraProfile;
}

/** Everything a run depends on: same input, same bytes out. */
export interface SimulationInput {
  readonly workload: Workload;
  readonly pools: readonly PoolInput[];
  /** Resolved router configuration, as `loadEndpointPickerConfig` gives it. */
  readonly router: EndpointPickerConfig;
  readonly modelName: string;
  readonly seed: number | string;
  readonly scrapeIntervalUs: number;
  readonly kvEventDelayUs: number;
  /** Absent: it lets everything through. */
  readonly gateway?: GatewayInput;
  /** Absent: clients wait for ever. */
  readonly patience?: PatienceInput;
  /** Needed where the router has requests prefilled elsewhere. */
  readonly disaggregation?: DisaggregationInput;
  /** Over which replicas, in the order of the pools, send each other KV blocks; absent: nothing holds those back. */
  readonly network?: FleetNetwork;
  /** By replica, the place in the network that it shares with others; absent: each has its own. */
  readonly places?: readonly number[];
  /** `plain` steps one by one and block by block: the reference that the fast path is tested against. */
  readonly path?: "fast" | "plain";
  /** Sampling interval of the time series; absent = none. */
  readonly seriesIntervalUs?: number;
  /** Rows whose routing decision is recorded; absent = none. */
  readonly recordDecision?: (row: number) => boolean;
}

/** How the caller follows and stops a run. */
export interface SimulationControl {
  /** Asked every few thousand events; true ends the run with what it has. */
  readonly shouldStop?: () => boolean;
  /** Called every few thousand events. */
  readonly onProgress?: (progress: { readonly nowUs: number; readonly ended: number; readonly total: number }) => void;
  readonly onDecision?: (row: number, record: DecisionRecord) => void;
}
