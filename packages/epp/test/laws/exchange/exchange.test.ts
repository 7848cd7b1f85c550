import fc from "fast-check";
import { expect, test } from "vitest";
import type { PromptTokens, Tokenizer } from "../../../src/tokens/prompt-tokens.ts";
import { ExchangeRig } from "../../contract/exchange/exchange-rig.ts";
import { InProcessPeer } from "../../contract/exchange/in-process-peer.ts";
import { ADDRESSES, type Move, moves, type Script, script } from "./gateway-moves.ts";
import { WatchedStream } from "./watched-stream.ts";

const STREAMS = 4;
const CONFIG = {
  plugins: [{ type: "active-request-scorer" }, { type: "inflight-load-producer" }, { type: "max-score-picker" }],
  schedulingProfiles: [
    { name: "default", plugins: [{ pluginRef: "active-request-scorer" }, { pluginRef: "max-score-picker" }] },
  ],
};
const NO_KEYS = { length: 0, hi: new Int32Array(0), lo: new Int32Array(0) };
const TOKENS: PromptTokens = { promptTokens: 1, promptCount: 1, keys: () => NO_KEYS };

/** Tokens come when the test says so. */
class HeldTokens implements Tokenizer {
  readonly #waiting: (() => void)[] = [];

  tokens(): Promise<PromptTokens> {
    return new Promise((resolve) => this.#waiting.push(() => resolve(TOKENS)));
  }

  come(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function play(held: HeldTokens | undefined, scripts: readonly Script[], all: readonly Move[]): Promise<void> {
  const rig = new ExchangeRig({
    endpoints: ADDRESSES.map((address) => ({ address })),
    configuration: CONFIG,
    strict: true,
    emitScores: true,
    ...(held === undefined ? {} : { tokenizer: held }),
  });
  const streams = scripts.map((each) => new WatchedStream(rig, each));
  for (const move of all) {
    if (move.kind === "endpoints") rig.setEndpoints(move.addresses.map((address) => ({ address })));
    else if (move.kind === "tokens") {
      held?.come();
      if (held !== undefined) await turn();
    } else {
      const stream = streams[move.stream]!;
      if (move.kind === "next") stream.next();
      else if (move.kind === "again") stream.again();
      else if (move.kind === "rogue") stream.rogue(move.message);
      else stream.close();
    }
    expect(rig.live.inFlight).toBe(rig.dispatched.length - rig.ended.length);
  }
  for (const stream of streams) stream.close();
  held?.come();
  if (held !== undefined) await turn();
  expect(rig.defects).toEqual([]);
  for (const stream of streams) checkBody(stream);
  await checkNothingInFlight(rig, held);
}

/** What was sent on is what came, whole or not at all. */
function checkBody({ inOrder, requestChunks, script: { body } }: WatchedStream): void {
  if (!inOrder || requestChunks.length === 0) return;
  expect(body).toBeDefined();
  expect(Buffer.concat(requestChunks).equals(body!)).toBe(true);
}

async function checkNothingInFlight(rig: ExchangeRig, held: HeldTokens | undefined): Promise<void> {
  expect(rig.live.inFlight).toBe(0);
  expect(new Set(rig.ended).size).toBe(rig.ended.length);
  expect(new Set(rig.ended)).toEqual(new Set(rig.dispatched));
  for (const flight of rig.ended) expect(flight.end).toBeDefined();
  // The router's own counters, by the scores of one more request: 1 says that nothing is in flight.
  const probe = new InProcessPeer(rig);
  probe.send({ requestHeaders: {} });
  probe.send({ requestBody: { body: Buffer.from('{"model":"m","prompt":"x"}'), endOfStream: true } });
  held?.come();
  const answer = await probe.next();
  probe.halfClose();
  const metadata = answer !== undefined && "dynamicMetadata" in answer ? answer.dynamicMetadata : undefined;
  const scores = metadata?.fields["envoy.lb"]?.structValue?.fields["x-gateway-destination-endpoint-scores"];
  const totals = Object.values(scores!.structValue!.fields).map(({ numberValue }) => numberValue);
  expect(totals).toEqual(rig.live.endpoints.map(() => 1));
}

const scripts = fc.array(script, { minLength: STREAMS, maxLength: STREAMS });

test("whatever a gateway sends, every flight ends once and answers keep their order", async () => {
  const property = fc.asyncProperty(scripts, moves(STREAMS), (each, all) => play(undefined, each, all));
  await fc.assert(property, { numRuns: 1500 });
});

test("so they do when tokens come late", async () => {
  const property = fc.asyncProperty(scripts, moves(STREAMS), (each, all) => play(new HeldTokens(), each, all));
  await fc.assert(property, { numRuns: 1500 });
});

test("a gateway that keeps the order gets an answer to each message of the request", async () => {
  let routed = 0;
  const property = fc.property(script, (each) => {
    const rig = new ExchangeRig({ endpoints: ADDRESSES.map((address) => ({ address })), configuration: CONFIG });
    const stream = new WatchedStream(rig, each);
    for (const _ of each.messages) stream.next();
    expect(stream.ended, "a whole response ends the stream").toBe("clean");
    expect(stream.refused).toBe(stream.destination === undefined);
    if (stream.destination === undefined) return;
    routed += 1;
    if (each.body !== undefined) expect(Buffer.concat(stream.requestChunks).equals(each.body)).toBe(true);
    expect(rig.live.inFlight).toBe(0);
  });
  fc.assert(property, { numRuns: 1000 });
  expect(routed).toBeGreaterThan(300);
});
