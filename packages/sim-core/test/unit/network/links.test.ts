import { describe, expect, test } from "vitest";
import { Links } from "../../../src/network/links.ts";

const GIGABYTE = 1e9;

/** Takes transfers as they end: `[tag, µs]`. */
function drain(links: Links): [tag: number, endUs: number][] {
  const ended: [number, number][] = [];
  while (links.nextEndUs < Infinity) {
    const nowUs = links.nextEndUs;
    for (let id = links.takeEnded(nowUs); id >= 0; id = links.takeEnded(nowUs)) ended.push([links.tagOf(id), nowUs]);
  }
  return ended;
}

/** One link of 1 GB/s (1,000 bytes a microsecond), without latency unless said. */
const oneLink = (latencyUs = 0) => new Links([{ name: "nic", bytesPerSecond: GIGABYTE, latencyUs }]);

describe("one link", () => {
  test("a transfer on an idle link takes its bytes over the bandwidth, and the latency", () => {
    const links = oneLink(10);
    links.start(links.path([0]), 2_000_000, 100, 7);
    expect(links.nextEndUs).toBe(2110);
    expect(links.takeEnded(2109)).toBe(-1);
    expect(drain(links)).toEqual([[7, 2110]]);
    expect(links.size).toBe(0);
  });

  test("a fraction of a microsecond is rounded up, once", () => {
    const links = oneLink();
    links.start(links.path([0]), 1_500, 0, 0);
    expect(drain(links)).toEqual([[0, 2]]);
  });

  test("n equal transfers take n times as long, and end in the order of their tags", () => {
    const links = oneLink();
    for (const tag of [3, 1, 2]) links.start(links.path([0]), 1_000_000, 0, tag);
    expect(drain(links)).toEqual([
      [1, 3000],
      [2, 3000],
      [3, 3000],
    ]);
  });

  // 0–1000 a alone (1 MB), 1000–2000 a and b share: a done with 1.5 MB at 2000; b has 0.5 of 2 MB. 2000–2500 b alone
  // (1 MB in all); from 2500 b and c share: c has its 0.25 MB at 3000, b 1.25 MB then, and the rest alone by 3750.
  test("staggered transfers share by hand", () => {
    const links = oneLink();
    const path = links.path([0]);
    links.start(path, 1_500_000, 0, 0);
    links.start(path, 2_000_000, 1000, 1);
    expect(links.nextEndUs).toBe(2000);
    expect(links.tagOf(links.takeEnded(2000))).toBe(0);
    links.start(path, 250_000, 2500, 2);
    expect(drain(links)).toEqual([
      [2, 3000],
      [1, 3750],
    ]);
    expect(links.carriedBytes(0)).toBe(3_750_000);
    expect(links.busyUs(0, 9000)).toBe(3750);
  });

  test("looking at a transfer says what is left of it and changes nothing", () => {
    const links = oneLink();
    const path = links.path([0]);
    const first = links.start(path, 1_000_000, 0, 0);
    links.start(path, 3_000_000, 500, 1);
    expect(links.remainingBytes(first, 700)).toBe(400_000);
    for (let nowUs = 501; nowUs < 1500; nowUs++) expect(links.takeEnded(nowUs)).toBe(-1);
    expect(drain(links)).toEqual([
      [0, 1500],
      [1, 4000],
    ]);
  });

  test("what a given-up transfer leaves goes to the others", () => {
    const links = oneLink();
    const path = links.path([0]);
    const first = links.start(path, 1_000_000, 0, 0);
    links.start(path, 1_000_000, 0, 1);
    links.cancel(first, 1000);
    expect(links.size).toBe(1);
    expect(drain(links)).toEqual([[1, 1500]]);
    expect(links.carriedBytes(0)).toBe(1_500_000);
  });

  test("one given up between its last byte's sending and arrival is not taken", () => {
    const links = oneLink(50);
    const id = links.start(links.path([0]), 1000, 0, 0);
    links.cancel(id, 10);
    expect(drain(links)).toEqual([]);
  });

  test("a protocol that uses 0.8 of the link takes 1.25 times as long, and as much of it", () => {
    const links = oneLink();
    links.start(links.path([0], { efficiencyFraction: 0.8 }), 1_000_000, 0, 0);
    expect(drain(links)).toEqual([[0, 1250]]);
    expect(links.carriedBytes(0)).toBe(1_250_000);
  });

  test("nothing to carry and nowhere to go take no time on a link", () => {
    const links = oneLink(5);
    links.start(links.path([0]), 0, 100, 0);
    links.start(links.path([]), 1_000_000, 100, 1);
    expect(drain(links)).toEqual([
      [1, 100],
      [0, 105],
    ]);
  });

  test("time that runs back is refused", () => {
    const links = oneLink();
    links.start(links.path([0]), 1000, 100, 0);
    expect(() => links.start(links.path([0]), 1000, 50, 1)).toThrow(/time ran back from 100 to 50/);
  });
});

describe("paths over several links", () => {
  const linksOf = (...gigabytes: number[]) =>
    new Links(gigabytes.map((each, i) => ({ name: `link-${i}`, bytesPerSecond: each * GIGABYTE, latencyUs: 0 })));

  test("the narrowest link of an idle path sets the time", () => {
    const links = linksOf(4, 1, 2);
    links.start(links.path([0, 1, 2]), 1_000_000, 0, 0);
    expect(drain(links)).toEqual([[0, 1000]]);
  });

  // Link 0 of 1 GB/s holds a and b back to 0.5 each; link 1 of 2 GB/s then has 1.5 for c, not 1: 1.5 MB in 1000 µs.
  // Then b and c's successor are gone: a and b end at 2000 with 1 MB each.
  test("what one link's transfers cannot use is others'", () => {
    const links = linksOf(1, 2);
    links.start(links.path([0]), 1_000_000, 0, 0);
    links.start(links.path([0, 1]), 1_000_000, 0, 1);
    links.start(links.path([1]), 1_500_000, 0, 2);
    expect(drain(links)).toEqual([
      [2, 1000],
      [0, 2000],
      [1, 2000],
    ]);
  });

  // Both pairs share only the uplink of 1 GB/s; as soon as one is done the other is held back by its own 0.8 GB/s link.
  test("another link holds a transfer back once the shared one is free", () => {
    const links = linksOf(0.8, 0.8, 1);
    links.start(links.path([0, 2]), 500_000, 0, 0);
    links.start(links.path([1, 2]), 900_000, 0, 1);
    expect(drain(links)).toEqual([
      [0, 1000],
      [1, 1500],
    ]);
  });

  // Links 0 and 1 carry two each over three transfers in a row: all at 0.5 until a ends, then b still shares link 1.
  test("a chain of transfers, each sharing a link with the next", () => {
    const links = linksOf(1, 1);
    links.start(links.path([0]), 500_000, 0, 0);
    links.start(links.path([0, 1]), 1_000_000, 0, 1);
    links.start(links.path([1]), 1_000_000, 0, 2);
    expect(drain(links)).toEqual([
      [0, 1000],
      [1, 2000],
      [2, 2000],
    ]);
  });

  // Link 0 (1 GB/s) has a and b, link 1 (3 GB/s) a and c: a and b 0.5, c 2.5. b's 1,000 bytes are gone after 2 µs: then a
  // has 1 and c 2, until a's other 249,000 bytes are gone at 251; c has had 503,000, and the other 7,000 at 3 by 253.3.
  test("an end is felt through a transfer that came after, over a link that was idle", () => {
    const links = linksOf(1, 3);
    links.start(links.path([0, 1]), 250_000, 0, 0);
    links.start(links.path([0]), 1000, 0, 1);
    links.start(links.path([1]), 510_000, 0, 2);
    expect(drain(links)).toEqual([
      [1, 2],
      [0, 251],
      [2, 254],
    ]);
  });

  test("paths that share no link do not touch each other", () => {
    const links = linksOf(1, 1);
    links.start(links.path([0]), 1_000_000, 0, 0);
    links.start(links.path([1]), 1_000_000, 0, 1);
    expect(drain(links)).toEqual([
      [0, 1000],
      [1, 1000],
    ]);
  });

  test("the same links are the same path", () => {
    const links = linksOf(1, 1);
    expect(links.path([0, 1])).toBe(links.path([0, 1]));
    expect(links.path([0, 1])).not.toBe(links.path([0, 1], { efficiencyFraction: 0.5 }));
  });
});
