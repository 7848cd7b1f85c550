import fc from "fast-check";
import { expect, test } from "vitest";
import type { Link } from "../../src/network/links.ts";
import { Links } from "../../src/network/links.ts";
import { plainEndsUs, type TrialTransfer } from "../support/plain-links.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 300);

interface Trial {
  readonly links: readonly Link[];
  readonly transfers: readonly TrialTransfer[];
}

const trials: fc.Arbitrary<Trial> = fc.integer({ min: 1, max: 6 }).chain((count) =>
  fc.record({
    links: fc.array(
      fc.record({
        name: fc.constant("link"),
        bytesPerSecond: fc.constantFrom(1e9, 1e9, 2e9, 3e9, 7.5e9, 50e9),
        latencyUs: fc.constantFrom(0, 10, 1000),
      }),
      { minLength: count, maxLength: count },
    ),
    transfers: fc.array(
      fc.record(
        {
          links: fc.uniqueArray(fc.nat(count - 1), { minLength: 1, maxLength: 3 }),
          bytes: fc.oneof(fc.integer({ min: 1, max: 3_000_000 }), fc.constantFrom(250_000, 500_000, 1_000_000)),
          startUs: fc.oneof(fc.nat(4000), fc.constantFrom(0, 500, 1000)),
          cancelUs: fc.integer({ min: 4001, max: 6000 }),
        },
        { requiredKeys: ["links", "bytes", "startUs"] },
      ),
      { minLength: 1, maxLength: 14 },
    ),
  }),
);

interface Outcome {
  /** By transfer; NaN for one given up. */
  readonly endsUs: readonly number[];
  readonly links: Links;
}

/** Runs a trial as a host does: starts, cancels and ends in order of time. */
function run({ links: table, transfers }: Trial, order: readonly number[] = transfers.map((_, i) => i)): Outcome {
  const links = new Links(table);
  const endsUs = transfers.map(() => Number.NaN);
  const ids = new Map<number, number>();
  const starts = order.map((row) => ({ row, atUs: transfers[row]!.startUs, cancels: false }));
  const cancels = order.flatMap((row) => {
    const { cancelUs } = transfers[row]!;
    return cancelUs === undefined ? [] : [{ row, atUs: cancelUs, cancels: true }];
  });
  const events = [...starts, ...cancels].sort((a, b) => a.atUs - b.atUs);
  for (;;) {
    const event = events[0];
    const nowUs = Math.min(event?.atUs ?? Infinity, links.nextEndUs);
    if (nowUs === Infinity) return { endsUs, links };
    for (let id = links.takeEnded(nowUs); id >= 0; id = links.takeEnded(nowUs)) {
      endsUs[links.tagOf(id)] = nowUs;
      ids.delete(links.tagOf(id));
    }
    if (!event || event.atUs > nowUs) continue;
    events.shift();
    const { links: path, bytes } = transfers[event.row]!;
    if (!event.cancels) ids.set(event.row, links.start(links.path(path), bytes, nowUs, event.row));
    else if (ids.has(event.row)) links.cancel(ids.get(event.row)!, nowUs);
  }
}

const never = (endUs: number) => Number.isNaN(endUs);

test("ends are those of shares worked out anew at every change, rounded up once", () => {
  fc.assert(
    fc.property(trials, (trial) => {
      const plain = plainEndsUs(trial.links, trial.transfers);
      for (const [row, endUs] of run(trial).endsUs.entries()) {
        const exactUs = plain[row]!;
        const { cancelUs = Infinity } = trial.transfers[row]!;
        // Given up on its way, after its last byte was sent, as the plain one does not look at.
        if (never(endUs)) expect(never(exactUs) || exactUs > cancelUs - 1).toBe(true);
        else {
          expect(endUs).toBeGreaterThan(exactUs - 0.01);
          expect(endUs).toBeLessThan(exactUs + 1.01);
        }
      }
    }),
    { numRuns },
  );
});

test("bytes on a link never exceed its bandwidth times the time in which it is busy", () => {
  fc.assert(
    fc.property(trials, (trial) => {
      const { links } = run(trial);
      for (const [link, { bytesPerSecond }] of trial.links.entries()) {
        const most = (bytesPerSecond / 1e6) * links.busyUs(link, 1e9);
        expect(links.carriedBytes(link)).toBeLessThanOrEqual(most * (1 + 1e-9) + 1e-3);
      }
    }),
    { numRuns },
  );
});

test("work is conserved: a link that holds all its transfers back is full while it is busy", () => {
  fc.assert(
    fc.property(trials, ({ links: [link], transfers }) => {
      const trial = { links: [link!], transfers: transfers.map((transfer) => ({ ...transfer, links: [0] })) };
      const { links } = run(trial);
      const full = (link!.bytesPerSecond / 1e6) * links.busyUs(0, 1e9);
      expect(Math.abs(links.carriedBytes(0) - full)).toBeLessThan(1e-3 + full * 1e-9);
    }),
    { numRuns },
  );
});

test("every transfer that is not given up ends, and carries its bytes over each of its links", () => {
  fc.assert(
    fc.property(trials, ({ links: table, transfers }) => {
      const kept = transfers.map(({ cancelUs: _, ...transfer }) => transfer);
      const { endsUs, links } = run({ links: table, transfers: kept });
      expect(endsUs.some(never)).toBe(false);
      for (const link of table.keys()) {
        const bytes = kept.reduce((sum, transfer) => sum + (transfer.links.includes(link) ? transfer.bytes : 0), 0);
        expect(links.carriedBytes(link)).toBe(bytes);
      }
      expect(links.size).toBe(0);
    }),
    { numRuns },
  );
});

test("the order of starts in a microsecond does not matter", () => {
  fc.assert(
    fc.property(trials, fc.infiniteStream(fc.nat(1000)), (trial, numbers) => {
      const shuffled = trial.transfers
        .map((_, row) => ({ row, by: numbers.next().value as number }))
        .sort((a, b) => a.by - b.by || a.row - b.row)
        .map(({ row }) => row);
      const one = run(trial).endsUs;
      const other = run(trial, shuffled).endsUs;
      for (const [row, endUs] of one.entries()) {
        if (never(endUs)) expect(never(other[row]!)).toBe(true);
        else expect(Math.abs(endUs - other[row]!)).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns },
  );
});
