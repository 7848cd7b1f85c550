import type { Usage } from "../host/flight.ts";
import type { ProcessingResponse } from "../wire/ext-proc.ts";
import { Pieces } from "../wire/pieces.ts";
import { bodyChunks } from "./answers.ts";
import type { Routed } from "./director.ts";
import { restoreModel } from "./model-rewrite.ts";
import { UsageReader } from "./usage-reader.ts";

/**
 * A response on its way to the client: passes as it comes, its usage is read, and a rewritten model's name is put back.
 * For that a body that is no stream waits for its end, but no more than so many bytes of it: what is longer passes in
 * pieces, in which a name that a border cuts is left.
 */
export class ResponseRelay {
  readonly #usage: UsageReader | undefined;
  readonly #renamed: { readonly target: string; readonly model: string } | undefined;
  readonly #maxHeldBytes: number;
  #held: Pieces | undefined;

  /** @param routed absent for a reply of the gateway's own */
  constructor(routed: Routed | undefined, isEventStream: boolean, maxHeldBytes: number) {
    this.#maxHeldBytes = maxHeldBytes;
    if (routed?.parser !== undefined) this.#usage = new UsageReader(routed.parser, isEventStream);
    if (routed === undefined) return;
    const { model, targetModel, streaming } = routed.flight.request;
    // Where the client named no model, there is no name to put back.
    if (model === "" || model === targetModel) return;
    this.#renamed = { target: targetModel, model };
    if (!isEventStream && !streaming) this.#held = new Pieces();
  }

  /** What goes to the client, now that a piece of the body has come. */
  *body(body: Uint8Array, endOfStream: boolean): Generator<ProcessingResponse> {
    if (body.length > 0) this.#usage?.chunk(body);
    if (this.#held === undefined) {
      yield* this.#passed(body, endOfStream);
      return;
    }
    if (endOfStream || this.#held.bytes + body.length > this.#maxHeldBytes) {
      this.#held.add(body);
      yield* this.#released(endOfStream);
    }
    // A copy: the bytes are a view into what came.
    else this.#held.add(Buffer.from(body));
  }

  /** What still has to go before the trailers. */
  *beforeTrailers(): Generator<ProcessingResponse> {
    if (this.#held !== undefined) yield* this.#released(false);
  }

  /** As far as the response has come. */
  usage(): Usage | undefined {
    this.#usage?.ended();
    return this.#usage?.usage;
  }

  #released(endOfStream: boolean): Generator<ProcessingResponse> {
    const whole = this.#held!.take();
    this.#held = undefined;
    return this.#passed(whole, endOfStream);
  }

  #passed(body: Uint8Array, endOfStream: boolean): Generator<ProcessingResponse> {
    const renamed = this.#renamed;
    const restored =
      renamed === undefined || body.length === 0 ? body : restoreModel(body, renamed.target, renamed.model);
    return bodyChunks("responseBody", restored, endOfStream);
  }
}
