import type { InferenceRequest } from "@windtunnel/router-policies";

/** `fairnessId` of a request that names no flow. */
export const DEFAULT_FLOW = "default-flow";

/** What the Endpoint Picker knows of a request when the router decides on it. Never its content. */
export interface ArrivedRequest extends InferenceRequest {
  readonly id: string;
  /** `:path` without its query. */
  readonly path: string;
  /** The model that the client named; `targetModel` is the one after rewrites. */
  readonly model: string;
  readonly streaming: boolean;
  readonly bodyBytes: number;
  /** Name of the InferenceObjective that the client asked for. */
  readonly objective?: string;
  readonly ttftSloMs?: number;
  readonly tpotSloMs?: number;
  /** When the request's headers came. */
  readonly receivedAtUs: number;
}
