import { encode } from "@msgpack/msgpack";
import { Publisher } from "zeromq";

/** A stored run of blocks, as an engine tells of it. */
export interface StoredBlocks {
  readonly kind: "stored";
  readonly hashes: readonly bigint[];
  readonly parent: bigint | undefined;
  readonly tokens: readonly number[];
  readonly blockSizeTokens: number;
  readonly medium?: string;
}

export type EngineEvent =
  | StoredBlocks
  | { readonly kind: "removed"; readonly hashes: readonly bigint[]; readonly medium?: string }
  | { readonly kind: "cleared" };

/** Publishes KV events as a vLLM engine does: topic, sequence number, msgpack. */
export class KvPublisher {
  readonly #socket = new Publisher({ linger: 0 });
  readonly #model: string;
  #sequence = 0n;

  constructor(model: string) {
    this.#model = model;
  }

  /** @param endpoint such as `tcp://127.0.0.1:5557` */
  bind(endpoint: string): Promise<void> {
    return this.#socket.bind(endpoint);
  }

  /**
   * @param pod `ip:port` of the model server
   * @param maps events with named fields, as newer engines send them; else positional
   */
  async publish(pod: string, events: readonly EngineEvent[], maps: boolean): Promise<void> {
    const batch = [Date.now() / 1000, events.map((event) => (maps ? mapOf(event) : arrayOf(event))), 0];
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(this.#sequence++);
    await this.#socket.send([`kv@${pod}@${this.#model}`, sequence, encode(batch, { useBigInt64: true })]);
  }

  close(): void {
    this.#socket.close();
  }
}

function arrayOf(event: EngineEvent): unknown[] {
  if (event.kind === "cleared") return ["AllBlocksCleared"];
  const { hashes, medium = null } = event;
  if (event.kind === "removed") return ["BlockRemoved", hashes, medium];
  const { parent = null, tokens, blockSizeTokens } = event;
  return ["BlockStored", hashes, parent, tokens, blockSizeTokens, null, medium, null];
}

function mapOf(event: EngineEvent): object {
  if (event.kind === "cleared") return { type: "AllBlocksCleared" };
  const { hashes: block_hashes, medium = null } = event;
  if (event.kind === "removed") return { type: "BlockRemoved", block_hashes, medium };
  const { parent = null, tokens, blockSizeTokens } = event;
  return {
    type: "BlockStored",
    block_hashes,
    parent_block_hash: parent,
    token_ids: tokens,
    block_size: blockSizeTokens,
    lora_id: null,
    medium,
    lora_name: null,
  };
}
