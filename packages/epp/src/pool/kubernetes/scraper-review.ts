import { createHash } from "node:crypto";
import type { ScraperVerdict } from "../../operations/metrics-server.ts";
import type { KubeClient } from "./kube-client.ts";

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/** How long a verdict holds: a scraper comes every few seconds. */
const VERDICT_MS = 60_000;
/** Verdicts kept; strangers with ever new tokens push out the oldest. */
const MAX_VERDICTS = 1000;
const TIMEOUT_MS = 10_000;

/**
 * Asks Kubernetes who shows a token (TokenReview) and whether they may `get` a path (SubjectAccessReview), as upstream's
 * metrics port does. Needs `create` on both.
 */
export class ScraperReview {
  readonly #client: KubeClient;
  readonly #verdicts = new Map<string, { readonly untilMs: number; readonly verdict: ScraperVerdict }>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** @throws KubeStatusError, or what the connection throws, when Kubernetes does not say. */
  async verdict(token: string, path: string): Promise<ScraperVerdict> {
    // A digest: the tokens themselves are not kept.
    const key = createHash("sha256").update(path).update("\0").update(token).digest("base64");
    const nowMs = performance.now();
    const known = this.#verdicts.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.verdict;
    const verdict = await this.#ask(token, path);
    this.#verdicts.delete(key);
    this.#verdicts.set(key, { untilMs: nowMs + VERDICT_MS, verdict });
    if (this.#verdicts.size > MAX_VERDICTS) this.#verdicts.delete(this.#verdicts.keys().next().value!);
    return verdict;
  }

  async #ask(token: string, path: string): Promise<ScraperVerdict> {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
    const { status } = (await this.#create("authentication.k8s.io/v1/tokenreviews", review)) as TokenReview;
    if (status?.authenticated !== true || status.user?.username === undefined) return "unknown";
    const { username, uid, groups, extra } = status.user;
    const access = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user: username, uid, groups, extra, nonResourceAttributes: { path, verb: "get" } },
    };
    const answer = (await this.#create("authorization.k8s.io/v1/subjectaccessreviews", access)) as AccessReview;
    return answer.status?.allowed === true ? "allowed" : "forbidden";
  }

  #create(resource: string, body: object): Promise<unknown> {
    return this.#client.send("POST", `/apis/${resource}`, body, AbortSignal.timeout(TIMEOUT_MS));
  }
}
