import { GRPC_STATUS, type GrpcCall, type GrpcCallHandler, type GrpcMethod } from "./grpc.ts";
import { ProtobufReader, WireError } from "./protobuf-reader.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";

export const EXT_PROC_SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor";

export type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

/** Answers for a service's name. */
export type HealthState = (service: string) => ServingStatus;

/** What readiness depends on. */
export interface HealthFacts {
  /** Discovery has told the pool and its endpoints. */
  readonly synced: boolean;
  /** Every active parser speaks the pool's protocol. */
  readonly protocolMatches: boolean;
  readonly pluginsReady: boolean;
  readonly draining: boolean;
  /** Absent without leader election. */
  readonly leader?: boolean;
}

/** The services that a probe or a gateway asks for; `List` answers for them. */
const HEALTH_SERVICES = ["", "liveness", "readiness", EXT_PROC_SERVICE] as const;

/**
 * The health of a service by the Endpoint Picker's rules: without leader election every name is answered for, and
 * plugins count for the names of readiness only; with it, liveness is always there and other names are unknown.
 */
export function servingStatus(service: string, facts: HealthFacts): ServingStatus {
  const readiness = service === "" || service === "readiness" || service === EXT_PROC_SERVICE;
  const synced = facts.synced && facts.protocolMatches && !facts.draining;
  if (facts.leader === undefined) return synced && (!readiness || facts.pluginsReady) ? "SERVING" : "NOT_SERVING";
  if (service === "liveness") return "SERVING";
  if (!readiness) return "SERVICE_UNKNOWN";
  return synced && facts.pluginsReady && facts.leader ? "SERVING" : "NOT_SERVING";
}

const STATUS_NUMBER: Readonly<Record<ServingStatus, number>> = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 };

/** The methods of grpc.health.v1.Health; Watch is not implemented, as upstream's is not. */
export function healthMethods(state: HealthState): readonly GrpcMethod[] {
  return [
    unaryMethod("/grpc.health.v1.Health/Check", (request) => {
      const writer = new ProtobufWriter(8);
      writer.uint32(8, STATUS_NUMBER[state(readService(request))]);
      return writer.finish();
    }),
    unaryMethod("/grpc.health.v1.Health/List", () => {
      const writer = new ProtobufWriter(256);
      for (const service of HEALTH_SERVICES.toReversed()) {
        const entry = writer.mark;
        writer.uint32(8, STATUS_NUMBER[state(service)]);
        writer.message(18, entry);
        writer.string(10, service);
        writer.message(10, entry);
      }
      return writer.finish();
    }),
    {
      path: "/grpc.health.v1.Health/Watch",
      open: (call) => {
        call.fail(GRPC_STATUS.unimplemented, "Watch is not implemented: ask with Check");
        return { message: nothing, halfClosed: nothing, closed: nothing };
      },
    },
  ];
}

function readService(request: Uint8Array): string {
  const reader = new ProtobufReader(request);
  let service = "";
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) service = reader.string();
    else reader.skip(tag);
  }
  return service;
}

function unaryMethod(path: string, answer: (request: Uint8Array) => Uint8Array): GrpcMethod {
  return { path, open: (call) => new UnaryCall(call, answer) };
}

/** Answers the one message of a call. */
class UnaryCall implements GrpcCallHandler {
  readonly #call: GrpcCall;
  readonly #answer: (request: Uint8Array) => Uint8Array;

  constructor(call: GrpcCall, answer: (request: Uint8Array) => Uint8Array) {
    this.#call = call;
    this.#answer = answer;
  }

  message(bytes: Uint8Array): void {
    try {
      this.#call.send(this.#answer(bytes));
      this.#call.end();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#call.fail(GRPC_STATUS.invalidArgument, error.message);
    }
  }

  /** A call that has been answered takes no notice. */
  halfClosed(): void {
    this.#call.fail(GRPC_STATUS.invalidArgument, "a call without a message");
  }

  closed(): void {}
}

function nothing(): void {}
