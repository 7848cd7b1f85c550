import fc from "fast-check";
import type { HttpBody, HttpHeaders, ProcessingRequest } from "../../../src/wire/ext-proc.ts";

/** `ip:port` of every endpoint that ever is; two share an address. */
export const ADDRESSES = ["10.0.0.1:8000", "10.0.0.1:8001", "10.0.0.2:8000", "10.0.0.3:8000"];
const STRANGERS = ["10.9.9.9:8000", "10.0.0.1:9999", "", "nonsense", "10.0.0.2"];
const SUBSET_NAMESPACE = "envoy.lb.subset_hint";
const SUBSET_KEY = "x-gateway-destination-endpoint-subset";

/** One request and its response as a gateway in order tells of them. */
export interface Script {
  readonly messages: readonly ProcessingRequest[];
  /** Bytes of the request's body; undefined without one. */
  readonly body: Buffer | undefined;
  readonly subset: readonly string[] | undefined;
}

/** What happens next. */
export type Move =
  /** The stream's next message in order. */
  | { readonly kind: "next"; readonly stream: number }
  /** The last message of the stream once more. */
  | { readonly kind: "again"; readonly stream: number }
  | { readonly kind: "rogue"; readonly stream: number; readonly message: ProcessingRequest }
  | { readonly kind: "abort"; readonly stream: number }
  /** Tokens that were awaited come. */
  | { readonly kind: "tokens" }
  | { readonly kind: "endpoints"; readonly addresses: readonly string[] };

const bytes = (text: string): Buffer => Buffer.from(text);
const headerMap = (headers: Record<string, string>): HttpHeaders => ({
  headers: { headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: bytes(value) })) },
});

const path = fc.constantFrom("/v1/completions", "/v1/chat/completions", "/v1/messages/count_tokens", "/other");
const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(2000) },
  { weight: 1, arbitrary: fc.constantFrom(61_974, 61_975, 61_976, 62_000, 124_000, 150_000) },
);
const body = fc.oneof(
  { weight: 6, arbitrary: size.map((length) => bytes(`{"model":"m","prompt":"${"x".repeat(length)}"}`)) },
  {
    weight: 2,
    arbitrary: size.map((length) =>
      bytes(`{"model":"m","messages":[{"role":"user","content":"${"y".repeat(length)}"}]}`),
    ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map((each) => Buffer.from(each)) },
);
const subset = fc.option(fc.uniqueArray(fc.constantFrom(...ADDRESSES, ...STRANGERS), { maxLength: 4 }), {
  nil: undefined,
  freq: 2,
});

/** A body's messages: cut anywhere, with empty pieces, ended by its last piece or by trailers. */
function pieces(
  phase: "requestBody" | "responseBody",
  whole: Buffer,
  cuts: readonly number[],
  trailers: boolean,
): ProcessingRequest[] {
  const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  const parts = at.slice(1).map((to, index) => whole.subarray(at[index], to));
  const messages: ProcessingRequest[] = parts.map((part, index) => ({
    [phase]: { body: part, endOfStream: !trailers && index === parts.length - 1 } satisfies HttpBody,
  }));
  return trailers
    ? [...messages, { [phase === "requestBody" ? "requestTrailers" : "responseTrailers"]: {} }]
    : messages;
}

const cuts = fc.array(fc.nat(), { maxLength: 4 });
const response = fc
  .record({
    status: fc.constantFrom("200", "200", "500", "nonsense"),
    type: fc.constantFrom("application/json", "text/event-stream"),
    body: fc.oneof(
      fc.constant(bytes('{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}')),
      fc.constant(bytes('data: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n')),
      fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each)),
      size.map((length) => Buffer.alloc(length, "z")),
    ),
    cuts,
    trailers: fc.boolean(),
    bodyless: fc.boolean(),
  })
  .map((made): ProcessingRequest[] => {
    const headers = headerMap({ ":status": made.status, "content-type": made.type });
    if (made.bodyless) return [{ responseHeaders: { ...headers, endOfStream: true } }];
    return [{ responseHeaders: headers }, ...pieces("responseBody", made.body, made.cuts, made.trailers)];
  });

export const script: fc.Arbitrary<Script> = fc
  .record({ path, body, cuts, subset, trailers: fc.boolean(), bodyless: fc.nat(7), asList: fc.boolean(), response })
  .map((made) => {
    const headers = headerMap({ ":path": made.path });
    const value = made.asList
      ? { listValue: { values: (made.subset ?? []).map((stringValue) => ({ stringValue })) } }
      : { stringValue: (made.subset ?? []).join(", ") };
    const hint =
      made.subset === undefined
        ? {}
        : { metadataContext: { filterMetadata: { [SUBSET_NAMESPACE]: { fields: { [SUBSET_KEY]: value } } } } };
    const isBodyless = made.bodyless === 0;
    const request: ProcessingRequest[] = isBodyless
      ? [{ requestHeaders: { ...headers, endOfStream: true } }]
      : [{ requestHeaders: headers }, ...pieces("requestBody", made.body, made.cuts, made.trailers)];
    const messages = [...request.map((message) => ({ ...message, ...hint })), ...made.response];
    return { messages, body: isBodyless ? undefined : made.body, subset: made.subset?.filter((each) => each !== "") };
  });

const rogue: fc.Arbitrary<ProcessingRequest> = fc.oneof(
  fc.constantFrom<ProcessingRequest>(
    {},
    { requestTrailers: {} },
    { responseTrailers: {} },
    { requestHeaders: {} },
    { responseHeaders: {} },
  ),
  fc
    .record({ body: fc.uint8Array({ maxLength: 20 }), endOfStream: fc.boolean() })
    .chain((part) => fc.constantFrom<ProcessingRequest>({ requestBody: part }, { responseBody: part })),
  fc.constantFrom<ProcessingRequest>(
    { responseHeaders: { ...headerMap({ ":status": "504" }), endOfStream: true } },
    { requestHeaders: { ...headerMap({ ":path": "/v1/completions" }), endOfStream: true } },
  ),
);

/** Moves on so many streams, most of them in order. */
export function moves(streams: number): fc.Arbitrary<Move[]> {
  const stream = fc.nat(streams - 1);
  const move: fc.Arbitrary<Move> = fc.oneof(
    { weight: 40, arbitrary: fc.record({ kind: fc.constant("next" as const), stream }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("again" as const), stream }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("rogue" as const), stream, message: rogue }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), stream }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("tokens" as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("endpoints" as const),
        addresses: fc.subarray([...ADDRESSES], { minLength: 1 }),
      }),
    },
  );
  return fc.array(move, { maxLength: 60, size: "max" });
}
