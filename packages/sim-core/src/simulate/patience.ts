import { counterUniform, hashSeed, streamId } from "../kernel/random.ts";
import { ReleaseHeap } from "../kernel/release-heap.ts";
import { Outcome } from "./result.ts";

/** For how long clients wait for the end of a response. */
export interface PatienceInput {
  /** Clients give up this long after they sent a request; 1 or more. */
  readonly clientTimeoutUs?: number;
  /** A share of the requests is cancelled by its client some time after it was sent; 1 or more. */
  readonly cancel?: { readonly fraction: number; readonly afterUs: number };
}

/** When clients go, in order. Requests that have ended by then are still named: they are asked about anyway. */
export class Patience {
  readonly #input: PatienceInput;
  readonly #seed: number;
  readonly #stream = streamId("client-cancel");
  readonly #leaving = new ReleaseHeap();

  constructor(input: PatienceInput, seed: number | string) {
    this.#input = input;
    this.#seed = hashSeed(seed);
  }

  /** When the next client goes, Infinity for never. */
  get nextUs(): number {
    return this.#leaving.firstTimeUs;
  }

  arrived(row: number, nowUs: number): void {
    const { clientTimeoutUs = Infinity } = this.#input;
    const afterUs = this.#cancels(row) ? Math.min(this.#input.cancel!.afterUs, clientTimeoutUs) : clientTimeoutUs;
    if (afterUs < Infinity) this.#leaving.push(nowUs + afterUs, row);
  }

  /** Row of the next client to go. */
  take(): number {
    return this.#leaving.pop();
  }

  /** Why a client goes that does: of two reasons at once it is the client's own. */
  reasonOf(row: number): Outcome {
    const { cancel, clientTimeoutUs = Infinity } = this.#input;
    return this.#cancels(row) && cancel!.afterUs <= clientTimeoutUs ? Outcome.cancelled : Outcome.timedOut;
  }

  /** The same whatever else happens. */
  #cancels(row: number): boolean {
    const { cancel } = this.#input;
    return cancel !== undefined && counterUniform(this.#seed, this.#stream, row) < cancel.fraction;
  }
}
