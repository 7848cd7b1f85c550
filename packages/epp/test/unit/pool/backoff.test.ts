import { expect, test } from "vitest";
import { Backoff, pause } from "../../../src/pool/kubernetes/backoff.ts";

test("waits double up to the longest, and begin anew after a success", () => {
  const backoff = new Backoff({ firstMs: 100, longestMs: 1000, random: () => 1 });
  expect(Array.from({ length: 6 }, () => backoff.nextMs())).toEqual([100, 200, 400, 800, 1000, 1000]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(100);
});

test("a wait is drawn from its upper half", () => {
  expect(new Backoff({ firstMs: 100, random: () => 0 }).nextMs()).toBe(50);
  expect(new Backoff({ firstMs: 100, random: () => 0.5 }).nextMs()).toBe(75);
});

test("waits stay finite after ever so many failures", () => {
  const backoff = new Backoff({ random: () => 1 });
  for (let i = 0; i < 5000; i++) backoff.nextMs();
  expect(backoff.nextMs()).toBe(30_000);
});

test("a pause ends when it is aborted", async () => {
  const stop = new AbortController();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  await pause(60_000, stop.signal);
});
