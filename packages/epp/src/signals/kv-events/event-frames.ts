/** A message of a KV-event publisher. */
export interface EventMessage {
  /** `kv@<pod>@<model>`; undefined in a replay without topics. */
  readonly topic: string | undefined;
  readonly sequence: bigint;
  readonly payload: Buffer;
}

const LONGEST_TOPIC_BYTES = 1024;
const NO_SEQUENCE = 2n ** 64n - 1n;

/** A live message: topic, sequence, payload. Undefined for anything else. */
export function liveMessage(frames: readonly Buffer[]): EventMessage | undefined {
  const [topic, sequence, payload] = frames;
  if (frames.length !== 3 || topic === undefined || payload === undefined) return undefined;
  if (sequence === undefined || sequence.length < 8 || topic.length > LONGEST_TOPIC_BYTES) return undefined;
  return { topic: topic.toString("utf8"), sequence: sequence.readBigUInt64BE(0), payload };
}

/**
 * A message of a replay, after the empty frame that a ROUTER puts first: sequence and payload as vLLM sends them, or with
 * the topic before them as llm-d-inference-sim does; `end` after the last one.
 */
export function replayMessage(frames: readonly Buffer[]): EventMessage | "end" | undefined {
  const rest = frames[0]?.length === 0 ? frames.slice(1) : frames;
  const topic = rest.length === 3 ? rest[0] : undefined;
  const [sequence, payload] = rest.slice(-2);
  if (rest.length < 2 || rest.length > 3 || sequence === undefined || payload === undefined) return undefined;
  if (payload.length === 0) return "end";
  if (sequence.length < 8 || (topic?.length ?? 0) > LONGEST_TOPIC_BYTES) return undefined;
  const number = sequence.readBigUInt64BE(0);
  if (number === NO_SEQUENCE) return "end";
  return { topic: topic?.toString("utf8") || undefined, sequence: number, payload };
}

/** Pod and model of a topic; one that has not exactly two `@` is all pod. */
export function topicParts(topic: string): { pod: string; model: string } {
  const parts = topic.split("@");
  return parts.length === 3 ? { pod: parts[1]!, model: parts[2]! } : { pod: topic, model: "" };
}

/** What a replay from a sequence is asked for with. */
export function replayRequest(from: bigint): [Buffer, Buffer] {
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64BE(from);
  return [Buffer.alloc(0), sequence];
}
