import { encode } from "@msgpack/msgpack";
import { expect, it } from "vitest";
import type { EngineBlocks } from "../../../../src/signals/kv-events/engine-blocks.ts";
import type { EngineEvent } from "../../../../src/signals/kv-events/engine-event.ts";
import type { EventMessage } from "../../../../src/signals/kv-events/event-frames.ts";
import { EventStream, newStreamCounters, type Replay } from "../../../../src/signals/kv-events/event-stream.ts";

/** A message whose one event removes a block of its own number: what was applied can be read off. */
const message = (sequence: number, topic: string | undefined = "kv@pod@m"): EventMessage => ({
  topic,
  sequence: BigInt(sequence),
  payload: Buffer.from(encode([0, [["BlockRemoved", [sequence]]]])),
});
const unnamed = (sequence: number): EventMessage => ({ ...message(sequence), topic: undefined });

/** A stream, and what it did in order: `3 m` = message 3 of model m applied. */
function stream(replay?: Replay) {
  const log: string[] = [];
  const counters = newStreamCounters();
  const time = { us: 0 };
  const blocks = {
    apply: (event: EngineEvent, model: string) =>
      log.push(event.type === "removed" ? `${event.hashes[0]} ${model}` : event.type),
    clear: () => log.push("clear"),
  };
  const events = new EventStream(blocks as unknown as EngineBlocks, counters, () => time.us, replay);
  const take = (): string[] => log.splice(0);
  return { events, counters, take, time };
}

/** An engine that still has these messages; asked for more than once it logs from where. */
function engine(kept: EventMessage[], complete = true) {
  const asked: bigint[] = [];
  const replay: Replay = async (from, take) => {
    asked.push(from);
    for (const one of kept) if (one.sequence >= from && !take(one)) return false;
    return complete;
  };
  return { asked, replay, kept };
}

it("applies what comes, and each message once", async () => {
  const { events, counters, take } = stream();
  for (const sequence of [0, 1, 1, 2]) await events.message(message(sequence));
  await events.message(message(3, "kv@pod@other"));
  expect(take()).toEqual(["0 m", "1 m", "2 m", "3 other"]);
  expect(counters).toMatchObject({ messages: 5, missed: 0, restarts: 0 });
});

it("counts what it misses where nobody can be asked", async () => {
  const { events, counters, take } = stream();
  for (const sequence of [7, 8, 12]) await events.message(message(sequence));
  expect(take()).toEqual(["7 m", "8 m", "12 m"]);
  expect(counters.missed).toBe(3);
});

it("begins anew when the sequence goes back", async () => {
  const { events, counters, take } = stream();
  for (const sequence of [5, 6, 0, 1]) await events.message(message(sequence));
  expect(take()).toEqual(["5 m", "6 m", "clear", "0 m", "1 m"]);
  expect(counters).toMatchObject({ restarts: 1, missed: 0 });
});

it("asks for what it has missed, and passes over what then comes live too", async () => {
  const { asked, replay } = engine([0, 1, 2, 3, 4, 5].map((sequence) => message(sequence)));
  const { events, counters, take } = stream(replay);
  for (const sequence of [0, 3, 4, 5, 6]) await events.message(message(sequence));
  expect(take()).toEqual(["0 m", "1 m", "2 m", "3 m", "4 m", "5 m", "6 m"]);
  expect(asked).toEqual([1n]);
  expect(counters).toMatchObject({ replays: 1, missed: 0, restarts: 0 });
});

it("catches up before anything comes, where the replay names the model", async () => {
  const { replay } = engine([message(0), message(1)]);
  const { events, take } = stream(replay);
  await events.catchUp();
  await events.message(message(2));
  expect(take()).toEqual(["0 m", "1 m", "2 m"]);
});

it("waits for the model's name where the replay has no topics", async () => {
  const { asked, replay } = engine([unnamed(0), unnamed(1), unnamed(2)]);
  const { events, counters, take } = stream(replay);
  await events.catchUp();
  expect(take()).toEqual([]);
  await events.message(message(2));
  await events.message(message(3));
  expect(take()).toEqual(["0 m", "1 m", "2 m", "3 m"]);
  expect(asked).toEqual([0n, 0n]);
  expect(counters.replayFailures).toBe(0);
});

it("forgets what it knew when messages are lost for good", async () => {
  const { replay } = engine([message(4), message(5)]);
  const { events, take } = stream(replay);
  await events.message(message(0));
  await events.message(message(6));
  expect(take()).toEqual(["0 m", "clear", "4 m", "5 m", "6 m"]);
});

it("goes on after a replay that fails, and tries again when the cool-down is over", async () => {
  const broken = engine([], false);
  const { events, counters, take, time } = stream(broken.replay);
  await events.message(message(3));
  await events.message(message(4));
  await events.message(message(9));
  expect(take()).toEqual(["3 m", "4 m", "9 m"]);
  expect(counters).toMatchObject({ replays: 1, replayFailures: 1, missed: 4 });
  broken.kept.push(...[0, 1].map((sequence) => message(sequence)));
  time.us = 30_000_000;
  await events.message(message(10));
  expect(take()).toEqual(["clear", "0 m", "1 m", "10 m"]);
  expect(broken.asked).toEqual([0n, 0n]);
});

it("counts payloads that are none", async () => {
  const { events, counters, take } = stream();
  await events.message({ ...message(0), payload: Buffer.from([0xc1]) });
  await events.message({ ...message(1), payload: Buffer.from(encode([0, [["Later"], [4]]])) });
  expect(take()).toEqual([]);
  expect(counters).toMatchObject({ malformed: 1, unknownEvents: 1, malformedEvents: 1 });
});
