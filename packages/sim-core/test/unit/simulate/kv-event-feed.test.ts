import type { HostEndpoint, KvEvent, Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../../src/engine/engine-listener.ts";
import { KvEventLog } from "../../../src/engine/kv-event-log.ts";
import { KvEventFeed } from "../../../src/simulate/kv-event-feed.ts";
import { SimulatedRequest } from "../../../src/simulate/simulated-request.ts";
import { rows } from "../../support/rows.ts";

type Seen = [endpoint: string, type: string, nowUs: number, keys: [number, number][]];

/** Two endpoints with a log each, and what the router is told. */
function setUp() {
  const seen: Seen[] = [];
  const brought: number[] = [];
  const router = {
    kvEvent: ({ name }: HostEndpoint, { type, keys }: KvEvent, nowUs: number) => {
      // The keys belong to the feed, which reuses them.
      const pairs = Array.from({ length: keys!.length }, (_, at): [number, number] => [keys!.hi[at]!, keys!.lo[at]!]);
      seen.push([name, type, nowUs, pairs]);
    },
  } as unknown as Router;
  const logs = [new KvEventLog(true, 100), new KvEventLog(true, 100)] as const;
  const engine = { blockSizeTokens: 4, publishUntil: (us: number) => brought.push(us) } as unknown as Engine;
  const sources = logs.map((log, at) => ({ engine, log, endpoint: { name: `pod-${at}` } as HostEndpoint }));
  return { seen, brought, logs, feed: new KvEventFeed(router, sources) };
}

describe("KvEventFeed", () => {
  it("tells the router what has arrived by now, endpoint by endpoint", () => {
    const { seen, brought, logs, feed } = setUp();
    logs[1].add(true, 7, 0, 2);
    logs[1].publish(50);
    logs[0].add(true, 8, 1, 2);
    logs[0].add(false, 9, 3, 4);
    logs[0].publish(60);
    feed.refresh(149);
    expect(seen).toEqual([]);
    feed.refresh(155);
    feed.refresh(200);
    expect(seen).toEqual([
      [
        "pod-1",
        "stored",
        155,
        [
          [7, 4],
          [7, 8],
        ],
      ],
      ["pod-0", "stored", 200, [[8, 8]]],
      ["pod-0", "removed", 200, [[9, 16]]],
    ]);
    // Every engine is brought up to date each time, whether or not its log has something.
    expect(brought).toEqual([149, 149, 155, 155, 200, 200]);
  });

  it("names blocks as requests do", () => {
    const { seen, logs, feed } = setUp();
    const request = new SimulatedRequest(rows([{ atUs: 0, prompt: [[5, 2_000]], output: 1 }]), "model");
    logs[0].add(true, 5, 0, 500);
    logs[0].publish(0);
    feed.refresh(100);
    const { length, hi, lo } = request.promptKeys(4, false);
    expect(length).toBe(500);
    expect(seen[0]![3]).toEqual(Array.from({ length }, (_, at) => [hi[at], lo[at]]));
  });
});
