import type { Exchange } from "../../../src/exchange/exchange.ts";
import type { ProcessingRequest } from "../../../src/wire/ext-proc.ts";
import type { Answer, Peer } from "./case-player.ts";
import type { ExchangeRig } from "./exchange-rig.ts";

/** Speaks with an exchange by plain calls. */
export class InProcessPeer implements Peer {
  readonly answers: Answer[] = [];
  readonly #exchange: Exchange;

  constructor(rig: ExchangeRig) {
    this.#exchange = rig.open({
      send: (response) => this.answers.push(response),
      end: () => this.answers.push({ end: "clean" }),
      fail: () => this.answers.push({ end: "failed" }),
    });
  }

  send(message: ProcessingRequest): void {
    this.#exchange.message(message);
  }

  async next(): Promise<Answer | undefined> {
    // Tokens that come from elsewhere take a turn.
    if (this.answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    return this.answers.shift();
  }

  /** As the server does it. */
  halfClose(): void {
    this.#exchange.closed();
    this.answers.push({ end: "clean" });
  }
}
