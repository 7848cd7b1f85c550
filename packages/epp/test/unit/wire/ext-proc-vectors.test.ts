import { describe, expect, it } from "vitest";
import type { ProcessingRequest, ProcessingResponse } from "../../../src/wire/ext-proc.ts";
import {
  decodeProcessingRequest,
  encodeProcessingResponse,
  encodeProcessingResponseFrame,
  WireError,
} from "../../../src/wire/ext-proc-codec.ts";

/** A field by its number: bytes and nested messages have wire type 2, numbers 0. */
const field = (number: number, ...content: number[][]): number[] => {
  const bytes = content.flat();
  return [number * 8 + 2, ...varint(bytes.length), ...bytes];
};
const number = (fieldNumber: number, value: number): number[] => [fieldNumber * 8, ...varint(value)];
const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
const text = (value: string): number[] => [...Buffer.from(value)];
const bytes = (value: string): Uint8Array => Buffer.from(value);

// Numbers from envoyproxy/envoy: HeaderMap.headers 1; HeaderValue key 1, value 2, raw_value 3.
const headerMap = field(1, field(1, text(":path")), field(3, text("/v1")));
const headers = [{ key: ":path", rawValue: bytes("/v1") }];

const decoded: [string, number[], ProcessingRequest][] = [
  [
    "request headers",
    field(2, field(1, headerMap), number(3, 1)),
    { requestHeaders: { headers: { headers }, endOfStream: true } },
  ],
  ["response headers", field(3, field(1, headerMap)), { responseHeaders: { headers: { headers } } }],
  [
    "a request body",
    field(4, field(1, text("{}")), number(2, 1)),
    { requestBody: { body: bytes("{}"), endOfStream: true } },
  ],
  ["a response body", field(5, field(1, text("a"))), { responseBody: { body: bytes("a") } }],
  ["an empty body", field(4), { requestBody: {} }],
  ["request trailers", field(6, field(1, headerMap)), { requestTrailers: { trailers: { headers } } }],
  ["response trailers", field(7), { responseTrailers: {} }],
  [
    "a header whose value is text",
    field(2, field(1, field(1, field(1, text("a")), field(2, text("größe"))))),
    { requestHeaders: { headers: { headers: [{ key: "a", value: "größe" }] } } },
  ],
  [
    "metadata",
    // Metadata.filter_metadata 1; map entries key 1, value 2; Struct.fields 1.
    field(
      8,
      field(
        1,
        field(1, text("envoy.lb")),
        field(
          2,
          field(1, field(1, text("s")), field(2, field(3, text("ip:1")))),
          field(1, field(1, text("n")), field(2, [0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f])),
          field(1, field(1, text("b")), field(2, number(4, 1))),
          field(1, field(1, text("z")), field(2, number(1, 0))),
          field(
            1,
            field(1, text("o")),
            field(2, field(5, field(1, field(1, text("k")), field(2, field(3, text("v")))))),
          ),
          field(
            1,
            field(1, text("l")),
            field(2, field(6, field(1, field(3, text("x"))), field(1, field(3, text("y"))))),
          ),
        ),
      ),
    ),
    {
      metadataContext: {
        filterMetadata: {
          "envoy.lb": {
            fields: {
              s: { stringValue: "ip:1" },
              n: { numberValue: 1.5 },
              b: { boolValue: true },
              z: { nullValue: 0 },
              o: { structValue: { fields: { k: { stringValue: "v" } } } },
              l: { listValue: { values: [{ stringValue: "x" }, { stringValue: "y" }] } },
            },
          },
        },
      },
    },
  ],
];

const setHeader = field(1, field(1, field(1, text("k")), field(3, text("v"))));
const encoded: [string, ProcessingResponse, number[]][] = [
  [
    "request headers",
    {
      requestHeaders: {
        response: {
          clearRouteCache: true,
          headerMutation: { setHeaders: [{ header: { key: "k", rawValue: bytes("v") } }], removeHeaders: ["x", "y"] },
        },
      },
    },
    field(1, field(1, field(2, setHeader, field(2, text("x")), field(2, text("y"))), number(5, 1))),
  ],
  ["response headers", { responseHeaders: { response: {} } }, field(2, field(1))],
  [
    "a request body",
    { requestBody: { response: { bodyMutation: { streamedResponse: { body: bytes("abc"), endOfStream: true } } } } },
    field(3, field(1, field(3, field(3, field(1, text("abc")), number(2, 1))))),
  ],
  [
    "a response body that is empty",
    { responseBody: { response: { bodyMutation: { streamedResponse: { body: bytes(""), endOfStream: false } } } } },
    field(4, field(1, field(3, field(3)))),
  ],
  [
    "request trailers",
    { requestTrailers: { headerMutation: { setHeaders: [{ header: { key: "k", value: "v" }, appendAction: 2 }] } } },
    field(5, field(1, field(1, field(1, field(1, text("k")), field(2, text("v"))), number(3, 2)))),
  ],
  ["response trailers", { responseTrailers: {} }, field(6)],
  [
    "an immediate response",
    {
      immediateResponse: {
        status: { code: 503 },
        headers: { setHeaders: [{ header: { key: "k", rawValue: bytes("v") } }] },
        body: bytes("no"),
        details: "d",
      },
    },
    field(7, field(1, number(1, 503)), field(2, setHeader), field(3, text("no")), field(5, text("d"))),
  ],
  [
    "metadata",
    {
      responseHeaders: { response: {} },
      dynamicMetadata: {
        fields: {
          s: { stringValue: "" },
          n: { numberValue: 1.5 },
          b: { boolValue: false },
          z: { nullValue: 0 },
          o: { structValue: { fields: { k: { stringValue: "v" } } } },
          l: { listValue: { values: [{ stringValue: "x" }, { numberValue: 0 }] } },
        },
      },
    },
    [
      ...field(2, field(1)),
      ...field(
        8,
        field(1, field(1, text("s")), field(2, field(3))),
        field(1, field(1, text("n")), field(2, [0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f])),
        field(1, field(1, text("b")), field(2, number(4, 0))),
        field(1, field(1, text("z")), field(2, number(1, 0))),
        field(1, field(1, text("o")), field(2, field(5, field(1, field(1, text("k")), field(2, field(3, text("v"))))))),
        field(
          1,
          field(1, text("l")),
          field(2, field(6, field(1, field(3, text("x"))), field(1, [0x11, ...Array(8).fill(0)]))),
        ),
      ),
    ],
  ],
];

describe("a ProcessingRequest", () => {
  it.each(decoded)("with %s is read", (_, wire, request) => {
    expect(decodeProcessingRequest(Uint8Array.from(wire))).toEqual(request);
  });

  it("may have fields that are not known, of every wire type", () => {
    const unknown = [
      ...number(10, 1),
      ...field(11, number(1, 4)),
      ...field(9, text("attributes")),
      ...[12 * 8 + 1, 1, 2, 3, 4, 5, 6, 7, 8],
      ...[13 * 8 + 5, 1, 2, 3, 4],
      ...[...varint(20 * 8 + 3), ...number(1, 300), ...varint(20 * 8 + 4)],
    ];
    const wire = [...unknown, ...field(4, field(1, text("a")), field(3, text("new")), number(4, 1)), ...unknown];
    expect(decodeProcessingRequest(Uint8Array.from(wire))).toEqual({ requestBody: { body: bytes("a") } });
  });

  it("has bytes that are views of the message", () => {
    const wire = Uint8Array.from(field(4, field(1, text("abc"))));
    const body = decodeProcessingRequest(wire).requestBody!.body!;
    wire[wire.length - 1] = "z".charCodeAt(0);
    expect(String(body)).toBe("abz");
  });

  it("keeps a hostile key of metadata to itself", () => {
    const wire = field(
      8,
      field(1, field(1, text("__proto__")), field(2, field(1, field(1, text("a")), field(2, number(4, 1))))),
    );
    const { filterMetadata } = decodeProcessingRequest(Uint8Array.from(wire)).metadataContext!;
    expect(Object.keys(filterMetadata)).toEqual(["__proto__"]);
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  it.each([
    ["a length beyond the end", [0x22, 5, 1]],
    ["a nested length beyond its message", field(4, [0x0a, 9, 1])],
    ["a number cut short", [0x22, 0x80]],
    ["a number without end", [...Array(11).fill(0x80), 1]],
    ["a length of 2^63", [0x22, ...Array(8).fill(0xff), 0x7f]],
    ["field number zero", [2, 0]],
    ["wire type 7", [0x27, 0]],
    ["the end of a group that has not begun", [0x24]],
    ["a group without end", [0xa3, 1, 8, 1]],
  ])("with %s is refused", (_, wire) => {
    expect(() => decodeProcessingRequest(Uint8Array.from(wire))).toThrow(WireError);
  });

  it("whose metadata or groups nest without end is refused", () => {
    const nested = (depth: number) => {
      let value = field(3, text("x"));
      for (let level = 0; level < depth; level += 1) value = field(5, field(1, field(1, text("k")), field(2, value)));
      return Uint8Array.from(
        field(8, field(1, field(1, text("n")), field(2, field(1, field(1, text("k")), field(2, value))))),
      );
    };
    expect(decodeProcessingRequest(nested(20)).metadataContext).toBeDefined();
    expect(() => decodeProcessingRequest(nested(40))).toThrow("a Struct nested deeper than 32");
    expect(() => decodeProcessingRequest(new Uint8Array(100_000).fill(0x23))).toThrow("groups nested too deep");
  });
});

describe("a ProcessingResponse", () => {
  it.each(encoded)("with %s is written", (_, response, wire) => {
    expect([...encodeProcessingResponse(response)]).toEqual(wire);
  });

  it("may be written behind gRPC's prefix", () => {
    for (const length of [0, 3, 300, 70_000]) {
      const response = { immediateResponse: { status: { code: 429 }, body: Buffer.alloc(length, 7) } };
      const message = encodeProcessingResponse(response);
      const frame = encodeProcessingResponseFrame(response);
      expect(frame[0]).toBe(0);
      expect(frame.readUInt32BE(1)).toBe(message.length);
      expect(frame.subarray(5).equals(message)).toBe(true);
    }
  });
});
