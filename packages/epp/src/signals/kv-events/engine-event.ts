import { MsgpackError, MsgpackReader } from "./msgpack-reader.ts";

/** A change of a model server's KV cache, in the engine's own block hashes. */
export type EngineEvent =
  | {
      readonly type: "stored";
      readonly hashes: readonly bigint[];
      /** The block before the first; undefined at the front of a prompt. */
      readonly parent: bigint | undefined;
      /** Unsigned ids as 32-bit words. Empty: the blocks are known, and now in this tier too. */
      readonly tokens: Int32Array;
      /** The engine's own. */
      readonly blockSizeTokens: number;
      /** Tier, lower case. */
      readonly medium: string;
      readonly loraName: string | undefined;
      /** By engine block: hashes of what else made it, such as images. */
      readonly extraKeys: readonly (readonly string[] | undefined)[] | undefined;
      /** Of a model with several kinds of caches. */
      readonly group: number | undefined;
      readonly cacheKind: string | undefined;
    }
  | {
      readonly type: "removed";
      readonly hashes: readonly bigint[];
      readonly medium: string;
      readonly group: number | undefined;
    }
  | { readonly type: "cleared" };

/** A batch, as far as it can be read. */
export interface EngineEventBatch {
  readonly events: readonly EngineEvent[];
  /** Events of a kind that nobody here knows. */
  readonly unknownEvents: number;
  /** Events that break the rules of their kind. */
  readonly malformedEvents: number;
}

/** Field order of events that come as lists, after the tag (vLLM 0.26 and SGLang). */
const STORED_FIELDS = [
  "block_hashes",
  "parent_block_hash",
  "token_ids",
  "block_size",
  "lora_id",
  "medium",
  "lora_name",
  "extra_keys",
  "group_idx",
  "kv_cache_spec_kind",
];
const REMOVED_FIELDS = ["block_hashes", "medium", "group_idx"];
const BATCH_FIELDS = ["ts", "events"];
const MASK_64 = 64;

/**
 * Reads a batch of KV-cache events. Lists and maps are taken at both levels, whichever engine version sends them; fields
 * beyond the known ones are passed over.
 *
 * @throws MsgpackError when the batch as a whole cannot be read
 */
export function decodeEventBatch(payload: Buffer): EngineEventBatch {
  const events = fieldOf(new MsgpackReader(payload).value(), BATCH_FIELDS, 0)("events");
  if (!Array.isArray(events)) throw new MsgpackError("no list of events");
  const read: EngineEvent[] = [];
  let unknownEvents = 0;
  let malformedEvents = 0;
  for (const value of events) {
    try {
      const event = eventOf(value);
      if (event === undefined) unknownEvents++;
      else read.push(event);
    } catch (error) {
      if (!(error instanceof MsgpackError)) throw error;
      malformedEvents++;
    }
  }
  return { events: read, unknownEvents, malformedEvents };
}

type FieldReader = (name: string) => unknown;

/** Fields by name, of a map or of a list in the given order from an index on. */
function fieldOf(value: unknown, order: readonly string[], from: number): FieldReader {
  if (value instanceof Map) return (name) => value.get(name) ?? undefined;
  if (!Array.isArray(value)) throw new MsgpackError("neither a list nor a map");
  return (name) => value[from + order.indexOf(name)] ?? undefined;
}

function eventOf(value: unknown): EngineEvent | undefined {
  const tag = value instanceof Map ? value.get("type") : Array.isArray(value) ? value[0] : undefined;
  if (typeof tag !== "string") throw new MsgpackError("an event without a tag");
  if (tag === "BlockStored") return storedOf(fieldOf(value, STORED_FIELDS, 1));
  if (tag === "BlockRemoved") return removedOf(fieldOf(value, REMOVED_FIELDS, 1));
  return tag === "AllBlocksCleared" ? { type: "cleared" } : undefined;
}

function storedOf(field: FieldReader): EngineEvent {
  const parent = field("parent_block_hash");
  const parentHash = parent === undefined ? 0n : hashOf(parent);
  return {
    type: "stored",
    hashes: listOf(field("block_hashes"), "block_hashes").map(hashOf),
    parent: parentHash === 0n ? undefined : parentHash,
    tokens: tokensOf(listOf(field("token_ids"), "token_ids")),
    blockSizeTokens: integerOf(field("block_size"), "block_size"),
    medium: mediumOf(field("medium")),
    loraName: textOf(field("lora_name"), "lora_name") || undefined,
    extraKeys: extraKeysOf(field("extra_keys")),
    group: groupOf(field("group_idx")),
    cacheKind: textOf(field("kv_cache_spec_kind"), "kv_cache_spec_kind") || undefined,
  };
}

function removedOf(field: FieldReader): EngineEvent {
  return {
    type: "removed",
    hashes: listOf(field("block_hashes"), "block_hashes").map(hashOf),
    medium: mediumOf(field("medium")),
    group: groupOf(field("group_idx")),
  };
}

/** An engine's hash as 64 bits: integers of either sign, or the last eight bytes. */
function hashOf(value: unknown): bigint {
  if (typeof value === "bigint") return BigInt.asUintN(MASK_64, value);
  if (typeof value === "number" && Number.isInteger(value)) return BigInt.asUintN(MASK_64, BigInt(value));
  if (!Buffer.isBuffer(value) || value.length === 0) throw new MsgpackError("a hash that is none");
  if (value.length >= 8) return value.readBigUInt64BE(value.length - 8);
  return BigInt(value.readUIntBE(0, Math.min(value.length, 6))) * (value.length > 6 ? 256n : 1n) + lastOfSeven(value);
}

const lastOfSeven = (value: Buffer): bigint => (value.length === 7 ? BigInt(value[6]!) : 0n);

function listOf(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new MsgpackError(`${name} is no list`);
  return value;
}

function tokensOf(list: readonly unknown[]): Int32Array {
  const tokens = new Int32Array(list.length);
  for (let i = 0; i < tokens.length; i++) {
    const token = list[i];
    if (typeof token === "number") tokens[i] = token;
    else if (typeof token === "bigint") tokens[i] = Number(BigInt.asIntN(32, token));
    else throw new MsgpackError("a token id that is none");
  }
  return tokens;
}

function integerOf(value: unknown, name: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) throw new MsgpackError(`${name} is no integer`);
  return number;
}

function groupOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const group = integerOf(value, "group_idx");
  if (group < 0) throw new MsgpackError("group_idx is negative");
  return group;
}

function textOf(value: unknown, name: string): string {
  if (value === undefined) return "";
  if (typeof value !== "string") throw new MsgpackError(`${name} is no text`);
  return value;
}

const mediumOf = (value: unknown): string => textOf(value, "medium").toLowerCase() || "gpu";

/** Of each block the texts, alone or first in a list; anything else (LoRA ids, salts) is no part of the router's keys. */
function extraKeysOf(value: unknown): readonly (readonly string[] | undefined)[] | undefined {
  if (value === undefined) return undefined;
  return listOf(value, "extra_keys").map((keys) => {
    if (keys === null || keys === undefined) return undefined;
    const texts = listOf(keys, "extra_keys").flatMap((key) => {
      const text = Array.isArray(key) ? key[0] : key;
      return typeof text === "string" ? [text] : [];
    });
    return texts.length === 0 ? undefined : texts;
  });
}
