import { createHmac, randomBytes } from "node:crypto";
import type { BlockKeys } from "@windtunnel/router-policies";

const ROUNDS = 27;
const SECRET_BYTES = 16;
const KEY_BYTES = 8;
/** Texts whose hashes are kept: flows and sessions come back. */
const MAX_KEPT = 4096;

/**
 * Replaces block keys and texts by others that say nothing without a secret, which exists in this object's memory only.
 * Equal stays equal and different keys stay different: block keys go through a block cipher (Speck64/128; Beaulieu et al.,
 * "The SIMON and SPECK Families of Lightweight Block Ciphers", 2013), texts through HMAC-SHA-256.
 */
export class Salt {
  readonly #secret: Buffer;
  readonly #roundKeys: Int32Array;
  readonly #kept = new Map<string, string>();
  #scratch = Buffer.alloc(1024);

  constructor(secret: Buffer = randomBytes(SECRET_BYTES)) {
    this.#secret = secret;
    this.#roundKeys = speckRoundKeys(secret);
  }

  /** The keys, salted, as base64: for each key its low and its high half, little-endian. */
  keys({ length, hi, lo }: BlockKeys): string {
    const bytes = length * KEY_BYTES;
    if (this.#scratch.length < bytes) this.#scratch = Buffer.alloc(2 * bytes);
    const out = this.#scratch;
    const roundKeys = this.#roundKeys;
    for (let i = 0; i < length; i++) {
      let x = hi[i]!;
      let y = lo[i]!;
      for (let round = 0; round < ROUNDS; round++) {
        x = ((((x >>> 8) | (x << 24)) + y) | 0) ^ roundKeys[round]!;
        y = ((y << 3) | (y >>> 29)) ^ x;
      }
      out.writeInt32LE(y, i * KEY_BYTES);
      out.writeInt32LE(x, i * KEY_BYTES + 4);
    }
    return out.toString("base64", 0, bytes);
  }

  /** `#` and 16 hexadecimal digits. */
  text(text: string): string {
    const kept = this.#kept.get(text);
    if (kept !== undefined) return kept;
    const salted = `#${createHmac("sha256", this.#secret).update(text).digest("hex").slice(0, 16)}`;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(text, salted);
    return salted;
  }
}

/** Block keys from what `Salt.keys` wrote. */
export function recordedKeys(base64: string): BlockKeys {
  const bytes = Buffer.from(base64, "base64");
  const length = Math.floor(bytes.length / KEY_BYTES);
  const keys: BlockKeys = { length, hi: new Int32Array(length), lo: new Int32Array(length) };
  for (let i = 0; i < length; i++) {
    keys.lo[i] = bytes.readInt32LE(i * KEY_BYTES);
    keys.hi[i] = bytes.readInt32LE(i * KEY_BYTES + 4);
  }
  return keys;
}

function speckRoundKeys(secret: Buffer): Int32Array {
  const keys = new Int32Array(ROUNDS);
  const rest = [secret.readInt32LE(4), secret.readInt32LE(8), secret.readInt32LE(12)];
  keys[0] = secret.readInt32LE(0);
  for (let i = 0; i < ROUNDS - 1; i++) {
    const left = rest[i % 3]!;
    const next = ((keys[i]! + ((left >>> 8) | (left << 24))) | 0) ^ i;
    rest[i % 3] = next;
    keys[i + 1] = ((keys[i]! << 3) | (keys[i]! >>> 29)) ^ next;
  }
  return keys;
}
