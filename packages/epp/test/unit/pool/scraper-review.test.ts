import { expect, test } from "vitest";
import type { KubeClient } from "../../../src/pool/kubernetes/kube-client.ts";
import { ScraperReview } from "../../../src/pool/kubernetes/scraper-review.ts";

interface Body {
  readonly kind: string;
  readonly spec: { readonly token?: string; readonly user?: string; readonly groups?: readonly string[] };
}

/** Knows tokens that are names; only "reader" may read. */
class FakeReviews implements KubeClient {
  readonly namespace = undefined;
  readonly bodies: Body[] = [];
  failure: Error | undefined;

  async send(_method: string, _path: string, body: object): Promise<unknown> {
    const given = body as Body;
    this.bodies.push(given);
    if (this.failure !== undefined) throw this.failure;
    if (given.kind === "SubjectAccessReview") return { status: { allowed: given.spec.user === "reader" } };
    const known = /^[a-z]+$/.test(given.spec.token ?? "");
    return { status: known ? { authenticated: true, user: { username: given.spec.token, groups: ["g"] } } : {} };
  }

  async get(): Promise<unknown> {
    throw new Error("nothing is read");
  }

  async *watch(): AsyncIterable<unknown> {}
}

test("a known reader may, a known stranger may not, an unknown one is not known", async () => {
  const client = new FakeReviews();
  const review = new ScraperReview(client);
  expect(await review.verdict("reader", "/metrics")).toBe("allowed");
  expect(client.bodies.at(-1)?.spec).toEqual({
    user: "reader",
    uid: undefined,
    groups: ["g"],
    extra: undefined,
    nonResourceAttributes: { path: "/metrics", verb: "get" },
  });
  expect(await review.verdict("stranger", "/metrics")).toBe("forbidden");
  expect(await review.verdict("123", "/metrics")).toBe("unknown");
});

test("a verdict is asked for once, by token and path", async () => {
  const client = new FakeReviews();
  const review = new ScraperReview(client);
  await review.verdict("reader", "/metrics");
  await review.verdict("reader", "/metrics");
  expect(client.bodies).toHaveLength(2);
  await review.verdict("reader", "/other");
  expect(client.bodies).toHaveLength(4);
});

test("no verdict is kept where Kubernetes does not say, and strangers do not fill the memory", async () => {
  const client = new FakeReviews();
  const review = new ScraperReview(client);
  client.failure = new Error("connect ECONNREFUSED");
  await expect(review.verdict("reader", "/metrics")).rejects.toThrow("ECONNREFUSED");
  client.failure = undefined;
  expect(await review.verdict("reader", "/metrics")).toBe("allowed");
  for (let i = 0; i < 1001; i++) await review.verdict(String(i), "/metrics");
  const before = client.bodies.length;
  await review.verdict("reader", "/metrics");
  expect(client.bodies).toHaveLength(before + 2);
  await review.verdict("1000", "/metrics");
  expect(client.bodies).toHaveLength(before + 2);
});
