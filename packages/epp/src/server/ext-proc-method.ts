import { Exchange, type ExchangeParts } from "../exchange/exchange.ts";
import { decodeProcessingRequest, encodeProcessingResponseFrame } from "../wire/ext-proc-codec.ts";
import { GRPC_STATUS, type GrpcCall, type GrpcCallHandler, type GrpcMethod } from "../wire/grpc.ts";

/** The ext_proc method: one exchange per call. */
export function extProcMethod(parts: ExchangeParts): GrpcMethod {
  return {
    path: "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
    open: (call) => new ExtProcCall(parts, call),
  };
}

class ExtProcCall implements GrpcCallHandler {
  readonly #call: GrpcCall;
  readonly #exchange: Exchange;

  constructor(parts: ExchangeParts, call: GrpcCall) {
    this.#call = call;
    this.#exchange = new Exchange(parts, {
      send: (response) => {
        call.sendFrame(encodeProcessingResponseFrame(response));
      },
      end: () => call.end(),
      fail: (message) => call.fail(GRPC_STATUS.invalidArgument, message),
    });
  }

  message(bytes: Uint8Array): void {
    let message: ReturnType<typeof decodeProcessingRequest>;
    try {
      message = decodeProcessingRequest(bytes);
    } catch (error) {
      this.#exchange.closed();
      this.#call.fail(GRPC_STATUS.invalidArgument, error instanceof Error ? error.message : "malformed message");
      return;
    }
    this.#exchange.message(message);
  }

  halfClosed(): void {
    this.#exchange.closed();
    this.#call.end();
  }

  closed(): void {
    this.#exchange.closed();
  }
}
