/** Maps the multimodal items that a step encodes to what that takes before the step's own work. */
export interface EncoderTimeModel {
  /**
   * Of a step that only encodes for other pods, beside what encoding takes: the language model does not run, as in vLLM
   * 0.19 on a pod that produces embeddings and consumes none (`v1/worker/gpu_model_runner.py`). Absent: it runs.
   */
  readonly encodeStepUs?: number;
  /**
   * @param items encoded together
   * @param tokens of them all
   * @param squaredTokens sum over the items of their tokens squared, as the patches of an item attend to one another
   * @returns microseconds with fractions; 0 for no items
   */
  encodeUs(items: number, tokens: number, squaredTokens: number): number;
}

/** Each item takes the same time. */
export function constantEncoderTime(itemUs: number): EncoderTimeModel {
  return { encodeUs: (items) => items * itemUs };
}
