/** How prefill and decode pods work together; durations in microseconds. */
export interface DisaggregationInput {
  /**
   * `pull`: the decode pod gets the request when its prefill has ended, takes blocks for it and reads them over (NIXL, as
   * llm-d's sidecar drives it). `push`: it gets the request at once, and the prefill pod writes into its blocks.
   */
  readonly transfer: "pull" | "push";
  /** With `push`: parts, one a layer, that are sent as soon as they are computed; 1 = all at the end of the prefill. */
  readonly overlapLayers: number;
  /** KV cache of a token over all devices of a replica. */
  readonly kvBytesPerToken: number;
  /** What a request takes over whatever its length: the states of linear and state-space layers, over all devices. */
  readonly stateBytes: number;
  /** Embeddings of one placeholder token of an image, audio or video; 0 or absent where there are none. */
  readonly embeddingBytesPerToken?: number;
  /** Before the bytes of a transfer flow. */
  readonly setUpUs: number;
  /** From the sidecar of the decode pod to the prefill pod, and as much back. */
  readonly sidecarLegUs: number;
  /** Share of the calls of a prefill pod that fail as from a gateway (502 to 504). */
  readonly prefillFailureFraction: number;
  /** Further calls after one that failed; after these the decode pod prefills. */
  readonly prefillMaxRetries: number;
  readonly prefillRetryBackoffUs: number;
  /** After which a prefill pod gives up blocks that nobody has read (vLLM's `VLLM_NIXL_ABORT_REQUEST_TIMEOUT`). */
  readonly holdTimeoutUs: number;
}
