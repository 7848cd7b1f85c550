/** Status codes of gRPC that this server answers with. */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;
export type GrpcStatus = (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS];

/** The server's side of one call. After `end` or `fail`, nothing more is sent. */
export interface GrpcCall {
  /** Sends one message; gives false when the peer is slow and `drained` will say when it has caught up. */
  send(message: Uint8Array): boolean;
  /** `send` of a message that already has gRPC's prefix of five bytes before it. The bytes are not to change after. */
  sendFrame(frame: Uint8Array): boolean;
  /** Ends with status OK. */
  end(): void;
  fail(status: GrpcStatus, message: string): void;
}

/** What a method does with one call. */
export interface GrpcCallHandler {
  /** One message; its bytes hold until the call returns. */
  message(bytes: Uint8Array): void;
  /** The peer sends no more. */
  halfClosed(): void;
  /** The call is over, in whatever way; called exactly once, last. */
  closed(): void;
  /** The peer has caught up after `send` gave false. */
  drained?(): void;
}

/** A method by its path, `/package.Service/Method`. */
export interface GrpcMethod {
  readonly path: string;
  open(call: GrpcCall): GrpcCallHandler;
}
