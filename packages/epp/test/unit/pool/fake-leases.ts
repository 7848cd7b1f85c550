import { type KubeClient, KubeStatusError } from "../../../src/pool/kubernetes/kube-client.ts";

interface Stored {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string; readonly leaseDurationSeconds: number };
}

/** One lease in memory, with optimistic locking as the API has it. */
export class FakeLeases implements KubeClient {
  readonly namespace = "ns";
  readonly sent: string[] = [];
  lease: Stored | undefined;
  failure: Error | undefined;
  reads = 0;
  #version = 0;

  async get(path: string): Promise<unknown> {
    this.reads += 1;
    if (this.failure !== undefined) throw this.failure;
    if (this.lease === undefined) throw new KubeStatusError(404, `${path} not found`);
    return this.lease;
  }

  async send(method: "POST" | "PUT", path: string, body: object): Promise<unknown> {
    this.sent.push(`${method} ${path}`);
    if (this.failure !== undefined) throw this.failure;
    const given = body as { metadata: { resourceVersion?: string }; spec: Stored["spec"] };
    if (method === "POST" && this.lease !== undefined) throw new KubeStatusError(409, "already exists");
    if (method === "PUT" && given.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) {
      throw new KubeStatusError(409, "the object has been modified");
    }
    this.lease = { ...given, metadata: { ...given.metadata, resourceVersion: String(++this.#version) } };
    return this.lease;
  }

  async *watch(): AsyncIterable<unknown> {}
}
