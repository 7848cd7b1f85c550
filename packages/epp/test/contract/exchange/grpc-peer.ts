import { extProcMethod } from "../../../src/server/ext-proc-method.ts";
import type { ProcessingRequest, ProcessingResponse } from "../../../src/wire/ext-proc.ts";
import { createGrpcServer, type GrpcServer } from "../../../src/wire/grpc-server.ts";
import { EnvoyClient, type GatewayStream } from "../../support/envoy-client.ts";
import type { Answer, Peer } from "./case-player.ts";
import type { ExchangeRig } from "./exchange-rig.ts";

const WITHIN_MS = 5000;

/** Speaks with a server over gRPC, by another make of it. */
export class GrpcPeer implements Peer {
  readonly #stream: GatewayStream;
  readonly #withinMs: number;

  constructor(stream: GatewayStream, withinMs = WITHIN_MS) {
    this.#stream = stream;
    this.#withinMs = withinMs;
  }

  send(message: ProcessingRequest): void {
    this.#stream.send(message as unknown as Readonly<Record<string, unknown>>);
  }

  async next(): Promise<Answer | undefined> {
    try {
      const message = await this.#stream.next(this.#withinMs);
      if (message !== undefined) return message as unknown as ProcessingResponse;
    } catch {
      return undefined;
    }
    // Nothing comes any more: what is said now is how it ended.
    const { failed } = await this.#stream.routing();
    return { end: failed === undefined ? "clean" : "failed" };
  }

  halfClose(): void {
    this.#stream.finish();
  }

  /** Waits for the stream's end. */
  async over(): Promise<void> {
    this.#stream.finish();
    while ((await this.#stream.next(this.#withinMs)) !== undefined);
    // The server hears of the end a little later.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Our gRPC server on loopback with a client; each stream speaks with the rig that it was opened for. */
export class GrpcGateway {
  #rig: ExchangeRig | undefined;
  #server: GrpcServer | undefined;
  #client: EnvoyClient | undefined;

  async start(): Promise<void> {
    const path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
    this.#server = createGrpcServer({
      methods: [{ path, open: (call) => extProcMethod(this.#rig!.parts).open(call) }],
    });
    const { port } = await this.#server.listen("127.0.0.1", 0);
    this.#client = new EnvoyClient(`127.0.0.1:${port}`);
  }

  /** One stream at a time. */
  open(rig: ExchangeRig): GrpcPeer {
    this.#rig = rig;
    return new GrpcPeer(this.#client!.open());
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await this.#server?.close();
  }
}
