import { fileURLToPath } from "node:url";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProcessingRequest, ProcessingResponse, StructValue } from "../../../src/wire/ext-proc.ts";
import { decodeProcessingRequest, encodeProcessingResponse, WireError } from "../../../src/wire/ext-proc-codec.ts";

const definitions = loadSync(fileURLToPath(new URL("../../../proto/ext_proc.proto", import.meta.url)), {
  keepCase: false,
  longs: Number,
  enums: Number,
});
/** Another make's reading of our .proto. */
const messageType = (name: string) =>
  definitions[`envoy.service.ext_proc.v3.${name}`] as unknown as MessageTypeDefinition<object, object>;
const Request = messageType("ProcessingRequest");
const Response = messageType("ProcessingResponse");

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const filled = bytes.filter((value) => value.length > 0);
const header = fc.oneof(
  fc.record({ key: text.filter((key) => key !== ""), rawValue: filled }),
  fc.record({ key: text.filter((key) => key !== ""), value: text.filter((value) => value !== "") }),
);
const key = text.filter((name) => name !== "__proto__");
const { value: structValue } = fc.letrec<{ value: StructValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ stringValue: text }),
    fc.record({ numberValue: fc.double({ noNaN: true }) }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ nullValue: fc.constant(0) }),
    fc.record({ structValue: fc.record({ fields: fc.dictionary(key, tie("value"), { maxKeys: 3 }) }) }),
    fc.record({ listValue: fc.record({ values: fc.array(tie("value"), { maxLength: 3 }) }) }),
  ),
}));
const struct = fc.record({ fields: fc.dictionary(key, structValue, { maxKeys: 4 }) });
const flag = fc.constant(true);
const headerMap = fc.record({ headers: fc.array(header, { maxLength: 30 }) });

const requestPart: fc.Arbitrary<ProcessingRequest> = fc.oneof(
  ...(["requestHeaders", "responseHeaders"] as const).map((phase) =>
    fc
      .record({ headers: headerMap, endOfStream: flag }, { requiredKeys: ["headers"] })
      .map((part) => ({ [phase]: part })),
  ),
  ...(["requestBody", "responseBody"] as const).map((phase) =>
    fc.record({ body: filled, endOfStream: flag }, { requiredKeys: [] }).map((part) => ({ [phase]: part })),
  ),
  ...(["requestTrailers", "responseTrailers"] as const).map((phase) =>
    fc.record({ trailers: headerMap }).map((part) => ({ [phase]: part })),
  ),
);
const request = fc
  .tuple(requestPart, fc.option(fc.dictionary(key, struct, { maxKeys: 3 }), { nil: undefined }))
  .map(([part, filterMetadata]) =>
    filterMetadata === undefined ? part : { ...part, metadataContext: { filterMetadata } },
  );

const mutation = fc.record(
  {
    setHeaders: fc.array(fc.record({ header, appendAction: fc.constantFrom(1, 2, 3) }, { requiredKeys: ["header"] }), {
      maxLength: 20,
    }),
    removeHeaders: fc.array(text, { maxLength: 4 }),
  },
  { requiredKeys: [] },
);
const common = fc.record(
  {
    headerMutation: mutation,
    bodyMutation: fc.record({ streamedResponse: fc.record({ body: bytes, endOfStream: fc.boolean() }) }),
    clearRouteCache: flag,
  },
  { requiredKeys: [] },
);
const responsePart = fc.oneof(
  ...(["requestHeaders", "responseHeaders", "requestBody", "responseBody"] as const).map((phase) =>
    common.map((response) => ({ [phase]: { response } })),
  ),
  ...(["requestTrailers", "responseTrailers"] as const).map((phase) =>
    mutation.map((headerMutation) => ({ [phase]: { headerMutation } })),
  ),
  fc.record({
    immediateResponse: fc.record(
      { status: fc.record({ code: fc.integer({ min: 1, max: 599 }) }), headers: mutation, body: filled, details: text },
      { requiredKeys: ["status"] },
    ),
  }),
);
const response = fc
  .tuple(responsePart, fc.option(struct, { nil: undefined }))
  .map(([part, dynamicMetadata]) =>
    dynamicMetadata === undefined ? part : { ...part, dynamicMetadata },
  ) as fc.Arbitrary<ProcessingResponse>;

/** Without what is empty or a default: on the wire there is no difference, but for the one that a Value holds. */
function bare(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value)
    .map(([name, each]) => [name, bare(each)] as const)
    .filter(([name, each]) => VALUE_KINDS.has(name) || !isDefault(name, each));
  return Object.fromEntries(kept);
}

const VALUE_KINDS = new Set(["nullValue", "numberValue", "stringValue", "boolValue"]);

function isDefault(name: string, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (name === "fields" || name === "filterMetadata") return Object.keys(value as object).length === 0;
  return value === undefined || value === false || value === "";
}

describe("the codec and another make", () => {
  it("read the same requests", () => {
    fc.assert(
      fc.property(request, (wanted) => {
        expect(bare(decodeProcessingRequest(Request.serialize(wanted)))).toEqual(bare(wanted));
      }),
      { numRuns: 500 },
    );
  });

  it("write the same responses", () => {
    fc.assert(
      fc.property(response, (wanted) => {
        expect(bare(Response.deserialize(Buffer.from(encodeProcessingResponse(wanted))))).toEqual(bare(wanted));
      }),
      { numRuns: 500 },
    );
  });
});

describe("reading any bytes", () => {
  it("gives a message or a WireError", () => {
    const damaged = fc
      .tuple(request, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean())
      .map(([message, at, byte, cut]) => {
        const wire = Request.serialize(message);
        if (wire.length === 0) return wire;
        if (cut) return wire.subarray(0, at % wire.length);
        wire[at % wire.length] = byte;
        return wire;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, bytes), (wire) => {
        try {
          decodeProcessingRequest(wire);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
