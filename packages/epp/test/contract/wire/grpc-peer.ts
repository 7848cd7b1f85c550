import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { GrpcCall, GrpcCallHandler, GrpcMethod } from "../../../src/wire/grpc.ts";

/** A gRPC client of another make, with bytes as messages. */
export class GrpcPeer {
  readonly client: Client;

  constructor(port: number, security: ChannelCredentials = credentials.createInsecure(), options = {}) {
    this.client = new Client(`127.0.0.1:${port}`, security, {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  }

  stream(path: string, options = {}): ClientDuplexStream<Buffer, Buffer> {
    return this.client.makeBidiStreamRequest(path, identity, identity, new Metadata(), options);
  }

  unary(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(path, identity, identity, message, (error: ServiceError | null, answer?: Buffer) => {
        if (error === null) resolve(answer!);
        else reject(error);
      });
    });
  }

  close(): void {
    this.client.close();
  }
}

const identity = (bytes: Buffer): Buffer => bytes;

/** Messages and status of a stream, when it is over. */
export function outcome(
  stream: ClientDuplexStream<Buffer, Buffer>,
): Promise<{ messages: Buffer[]; code: number; details: string }> {
  return new Promise((resolve) => {
    const messages: Buffer[] = [];
    stream.on("data", (message: Buffer) => messages.push(message));
    stream.on("error", () => {});
    stream.on("status", (status) => resolve({ messages, code: status.code, details: status.details }));
  });
}

/** A method that sends each message back and ends after the peer has. */
export function echoMethod(path: string): GrpcMethod {
  return {
    path,
    open: (call: GrpcCall): GrpcCallHandler => ({
      message: (bytes) => void call.send(Uint8Array.from(bytes)),
      halfClosed: () => call.end(),
      closed: () => {},
    }),
  };
}
