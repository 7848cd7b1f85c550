import type { ModelArchitecture } from "../../model/architecture.ts";
import { stepOverhead } from "../profiles.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import type { RooflineOptions } from "./options.ts";

const SEND_LATENCY_US = 10;
const SENT_NUMBER_BYTES = 2;

/** Part of the layers that the largest of so many stages has. */
export function largestStageFraction(layers: number, stages: number): number {
  return Math.ceil(layers / stages) / layers;
}

/**
 * Stage times that `microbatches` take through `stages`, drained before and after: m + p - 1, of which p - 1 are the bubble
 * (GPipe, Huang et al. 2019, section 2.3).
 */
export function drainedStageTimes(microbatches: number, stages: number): number {
  return microbatches + stages - 1;
}

/** Stage times between two tokens of a sequence, when the pipeline is kept full: no bubble from m = p microbatches on. */
export function steadyStageTimes(microbatches: number, stages: number): number {
  return Math.max(microbatches, stages);
}

/** A model with the layers of one stage, on average over alike ones. */
function stageModel(model: ModelArchitecture, stages: number): ModelArchitecture {
  const share = largestStageFraction(model.layers, stages);
  const cut = <T extends { readonly layers: number }>(group: T): T => ({ ...group, layers: group.layers * share });
  return {
    ...model,
    layers: model.layers * share,
    attention: model.attention.map(cut),
    states: model.states.map(cut),
    dense: model.dense.map(cut),
    ...(model.moe === undefined ? {} : { moe: cut(model.moe) }),
  };
}

/** Bytes a microsecond between neighbouring stages: over the device link while all devices are within its domain. */
function sendBytesPerUs({ accelerator, tensorParallel, pipelineParallel = 1 }: RooflineOptions): number {
  const { deviceLink, nicBytesPerSecond } = accelerator;
  const near = tensorParallel * pipelineParallel <= deviceLink.domainDevices;
  return (near ? deviceLink.bytesPerSecond : nicBytesPerSecond).value / 1e6;
}

/**
 * Pipeline parallelism: a step's batch is cut into equal microbatches that pass the stages one after the other. A run of
 * pure-decode steps keeps the pipeline full, as vLLM's engine does with as many batches in flight as there are stages. A
 * step with prefill chunks changes the batch: it fills and drains the pipeline, and pays the bubble (p - 1) / (m + p - 1).
 * Each microbatch has its share of every chunk, at the mean number of cached tokens, which keeps the sum of pairs.
 */
class PipelineStepTime implements StepTimeModel {
  readonly floorUs: StepTimeModel["floorUs"];
  readonly #stage: StepTimeModel;
  readonly #stages: number;
  readonly #microbatches: number;
  readonly #overhead: ReturnType<typeof stepOverhead>;
  readonly #sendPerTokenUs: number;
  readonly #curves: (DecodeCurve | undefined)[] = [];
  #scratch: PrefillChunks = { count: 0, newTokens: new Int32Array(0), cachedTokens: new Int32Array(0), completing: 0 };

  constructor(options: RooflineOptions, stage: StepTimeModel) {
    this.#stage = stage;
    // A stage does its part of the whole batch, at best.
    this.floorUs = (seqs, context, chunks) => stage.floorUs(seqs, context, chunks);
    this.#stages = options.pipelineParallel ?? 1;
    this.#microbatches = options.microbatches ?? this.#stages;
    this.#overhead = stepOverhead(options.engineVersion, options.stepOverheadUs);
    // Hidden states and residuals, or all streams of hyper-connections.
    const widths = options.model.residualStreams ?? 2;
    this.#sendPerTokenUs = (SENT_NUMBER_BYTES * widths * options.model.hiddenSize) / sendBytesPerUs(options);
  }

  #overheadUs(rows: number): number {
    return this.#overhead.stepUs + this.#overhead.perSequenceUs * rows;
  }

  /** Time of the stages' sends that a microbatch waits for. */
  #sendsUs(tokens: number): number {
    return (this.#stages - 1) * (SEND_LATENCY_US + tokens * this.#sendPerTokenUs);
  }

  /** Microbatches of a batch of so many sequences and chunks: never more than there is to cut. */
  #cut(parts: number): number {
    return Math.max(1, Math.min(this.#microbatches, parts));
  }

  decodeCurve(seqs: number): DecodeCurve {
    const known = this.#curves[seqs];
    if (known !== undefined) return known;
    const microbatches = this.#cut(seqs);
    const each = Math.ceil(seqs / microbatches);
    const { contextTokens, timeUs } = this.#stage.decodeCurve(each);
    const times = steadyStageTimes(microbatches, this.#stages);
    const fixedUs = this.#overheadUs(seqs) + this.#sendsUs(each);
    const curve = {
      contextTokens: contextTokens.map((context) => (context / each) * seqs),
      timeUs: timeUs.map((us) => fixedUs + times * us),
    };
    this.#curves[seqs] = curve;
    return curve;
  }

  mixedStepUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number {
    let fresh = 0;
    for (let i = 0; i < chunks.count; i++) fresh += chunks.newTokens[i]!;
    const microbatches = this.#cut(decodeSeqs + fresh);
    const seqs = Math.ceil(decodeSeqs / microbatches);
    const context = decodeSeqs === 0 ? 0 : (decodeContextTokens / decodeSeqs) * seqs;
    const part = this.#part(chunks, microbatches);
    const stageUs = this.#stage.mixedStepUs(seqs, context, part);
    const times =
      chunks.count > 0 ? drainedStageTimes(microbatches, this.#stages) : steadyStageTimes(microbatches, this.#stages);
    return (
      this.#overheadUs(decodeSeqs + chunks.completing) +
      this.#sendsUs(seqs + Math.ceil(fresh / microbatches)) +
      times * stageUs
    );
  }

  /** One microbatch's share of the chunks. */
  #part(chunks: PrefillChunks, microbatches: number): PrefillChunks {
    if (this.#scratch.newTokens.length < chunks.count) {
      const size = 2 * chunks.count;
      this.#scratch = { ...this.#scratch, newTokens: new Int32Array(size), cachedTokens: new Int32Array(size) };
    }
    const part = this.#scratch;
    part.count = chunks.count;
    part.completing = Math.ceil(chunks.completing / microbatches);
    for (let i = 0; i < chunks.count; i++) {
      const newTokens = chunks.newTokens[i]!;
      part.newTokens[i] = Math.ceil(newTokens / microbatches);
      const before = (newTokens * (microbatches - 1)) / (2 * microbatches);
      part.cachedTokens[i] = chunks.cachedTokens[i]! + Math.round(before);
    }
    return part;
  }
}

/**
 * The step times of a pipeline.
 *
 * @param create makes the step-time model of one stage
 */
export function createPipelineStepTime(
  options: RooflineOptions,
  create: (stage: RooflineOptions) => StepTimeModel,
): StepTimeModel {
  const stages = options.pipelineParallel ?? 1;
  const stage = create({
    ...options,
    model: stageModel(options.model, stages),
    pipelineParallel: 1,
    stepOverheadUs: 0,
  });
  return new PipelineStepTime(options, stage);
}
