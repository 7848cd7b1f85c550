import { describe, expect, it } from "vitest";
import type { ProcessingRequest } from "../../../src/wire/ext-proc.ts";
import type { Answer } from "../exchange/case-player.ts";
import { ExchangeRig, LOAD_CONFIG } from "../exchange/exchange-rig.ts";
import { InProcessPeer } from "../exchange/in-process-peer.ts";
import { heldBytes } from "./held-memory.ts";

const MIB = 1024 * 1024;
const ADDRESS = "10.0.0.1:8000";
/** The longest message that the server takes by default. */
const PIECE_BYTES = 4 * MIB;

const rig = (maxBodyBytes?: number): ExchangeRig =>
  new ExchangeRig({
    endpoints: [{ address: ADDRESS }],
    configuration: LOAD_CONFIG,
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
  });

/** Headers, the body in pieces, and all that came back. */
function ask(
  on: ExchangeRig,
  body: Uint8Array,
  headers: readonly (readonly [string, Uint8Array | string])[] = [],
  pieceBytes = PIECE_BYTES,
): readonly Answer[] {
  const peer = new InProcessPeer(on);
  const all = [[":path", "/v1/completions"] as const, ...headers];
  peer.send({
    requestHeaders: { headers: { headers: all.map(([key, value]) => ({ key, rawValue: Buffer.from(value) })) } },
  });
  for (let at = 0; at === 0 || at < body.length; at += pieceBytes) {
    const piece = body.subarray(at, at + pieceBytes);
    peer.send({ requestBody: { body: piece, endOfStream: at + pieceBytes >= body.length } });
  }
  peer.halfClose();
  expect(on.defects).toEqual([]);
  expect(on.live.inFlight).toBe(0);
  return peer.answers;
}

/** Status of the immediate answer; 0 for a request that was routed. */
function status(answers: readonly Answer[]): number {
  const first = answers[0]!;
  if ("immediateResponse" in first) return first.immediateResponse!.status.code;
  expect(first).toHaveProperty("requestHeaders");
  return 0;
}

function told(answers: readonly Answer[]): string {
  const first = answers[0] as { immediateResponse?: { body?: Uint8Array } };
  return Buffer.from(first.immediateResponse?.body ?? []).toString();
}

const inBody = (value: string): Buffer => Buffer.from(`{"model":"m","prompt":"x","extra":${value}}`);

describe("bodies", () => {
  it.each([
    ["100,000 levels of lists", inBody("[".repeat(100_000) + "]".repeat(100_000))],
    ["100,000 levels of objects", inBody(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`)],
    ["100,000 levels that never close", Buffer.from(`{"model":"m","prompt":${"[".repeat(100_000)}`)],
    ["a number of 100,000 digits", inBody("9".repeat(100_000))],
    ["an exponent beyond float64", inBody("1e400")],
    ["a prompt of lists", Buffer.from(`{"model":"m","prompt":${"[".repeat(9000)}${"]".repeat(9000)}}`)],
    ["invalid UTF-8 outside a string", Buffer.from([0x7b, 0xff, 0x7d])],
    ["a byte-order mark", Buffer.from('\u{feff}{"model":"m","prompt":"x"}')],
    ["zero bytes", Buffer.alloc(100)],
  ])("%s are refused with 400", (_, body) => {
    expect(status(ask(rig(), body))).toBe(400);
  });

  it.each([
    [
      "invalid UTF-8 in a string",
      Buffer.concat([Buffer.from('{"model":"m","prompt":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]),
    ],
    ["half a surrogate pair", Buffer.from('{"model":"m","prompt":"\\ud800"}')],
    ["100,000 members", inBody(`{${Array.from({ length: 100_000 }, (_, index) => `"k${index}":${index}`).join(",")}}`)],
    ["a negative zero and small numbers", inBody("[-0, 1e-400, 0.1e-5]")],
  ])("%s are routed", (_, body) => {
    expect(status(ask(rig(), body))).toBe(0);
  });

  it("with __proto__ and constructor change nothing but themselves", () => {
    const body =
      '{"__proto__":{"model":"evil","polluted":1},"constructor":{"prototype":{"polluted":1}},"model":"m","prompt":"x"}';
    const on = rig();
    const answers = ask(on, Buffer.from(body), [["x-llm-d-model-name-rewrite", "n"]]);
    expect(status(answers)).toBe(0);
    expect(on.dispatched[0]!.request).toMatchObject({ model: "m", targetModel: "n" });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const sent = Buffer.concat(
      answers.flatMap((each) =>
        "requestBody" in each ? [each.requestBody!.response.bodyMutation!.streamedResponse!.body] : [],
      ),
    ).toString();
    // Written anew: the members are still there as members.
    expect(Object.keys(JSON.parse(sent) as object).sort()).toEqual(["__proto__", "constructor", "model", "prompt"]);
    expect(ask(rig(), Buffer.from('{"__proto__":{"model":"evil","prompt":"x"}}')).length).toBeGreaterThan(0);
  });

  it("cannot take the model or the prompt from __proto__", () => {
    expect(status(ask(rig(), Buffer.from('{"__proto__":{"model":"evil"},"prompt":"x"}')))).toBe(400);
    expect(status(ask(rig(), Buffer.from('{"__proto__":{"prompt":"evil"},"model":"m"}')))).toBe(400);
  });

  it("of up to the limit are routed whole, beyond it refused with 413 as soon as that is known", () => {
    const limit = 64 * MIB;
    const body = Buffer.concat([
      Buffer.from('{"model":"m","prompt":"'),
      Buffer.alloc(limit - 25, "x"),
      Buffer.from('"}'),
    ]);
    expect(body.length).toBe(limit);
    const answers = ask(rig(), body);
    expect(status(answers)).toBe(0);
    expect(answers.filter((each) => "requestBody" in each).length).toBe(Math.ceil(limit / 62_000));

    const refused = ask(rig(), Buffer.concat([body, Buffer.from(" ")]));
    expect(status(refused)).toBe(413);
    expect(told(refused)).toBe("inference error: PayloadTooLarge - request body is larger than 67108864 bytes");
  });

  it("of one-byte pieces cost about their bytes", async () => {
    const peer = new InProcessPeer(rig());
    peer.send({ requestHeaders: {} });
    const before = await heldBytes();
    for (let sent = 0; sent < MIB; sent++) peer.send({ requestBody: { body: Buffer.alloc(1, 32) } });
    // A view of each would be a hundred bytes.
    expect((await heldBytes()) - before).toBeLessThan(8 * MIB);
    peer.send({ requestBody: { body: Buffer.from('{"model":"m","prompt":"x"}'), endOfStream: true } });
    const sent = peer.answers.flatMap((each) =>
      "requestBody" in each ? [each.requestBody!.response.bodyMutation!.streamedResponse!.body.length] : [],
    );
    expect(sent.reduce((sum, bytes) => sum + bytes, 0)).toBe(MIB + 26);
    peer.halfClose();
  });
});

describe("headers", () => {
  const body = Buffer.from('{"model":"m","prompt":"x"}');

  it.each<[string, readonly (readonly [string, Uint8Array | string])[]]>([
    [
      "invalid UTF-8",
      [
        ["x-request-id", Uint8Array.of(0xff, 0xfe)],
        ["x-llm-d-inference-fairness-id", Uint8Array.of(0xc0)],
      ],
    ],
    [
      "4 MiB",
      [
        ["x-request-id", "i".repeat(4 * MIB)],
        ["x-llm-d-inference-objective", "o".repeat(4 * MIB)],
      ],
    ],
    ["10,000 of them", Array.from({ length: 10_000 }, (_, index) => [`x-header-${index}`, "v"] as const)],
    ["the same 10,000 times", Array.from({ length: 10_000 }, (_, index) => ["x-same", String(index)] as const)],
    [
      "names of the prototype",
      [
        ["__proto__", "x"],
        ["constructor", "y"],
        ["", "z"],
      ],
    ],
    [
      "numbers that are none",
      [
        ["x-llm-d-slo-ttft-ms", "1e999"],
        ["x-slo-tpot-ms", "-5"],
      ],
    ],
    ["line breaks", [["x-request-id", "a\r\nx-gateway-destination-endpoint: 10.9.9.9:80"]]],
    ["an endless list of preferences", [["prefer", "a,".repeat(500_000)]]],
  ])("with %s do not keep a request from its endpoint", (_, headers) => {
    const on = rig();
    expect(status(ask(on, body, headers))).toBe(0);
    expect(on.dispatched[0]!.targets).toEqual([ADDRESS]);
  });

  it("of a client do not choose the endpoint", () => {
    const on = rig();
    const answers = ask(on, body, [
      ["x-gateway-destination-endpoint", "10.9.9.9:80"],
      ["x-gateway-destination-endpoint-subset", "10.9.9.9:80"],
      ["x-gateway-destination-endpoint-served", "10.9.9.9:80"],
    ]);
    expect(
      JSON.stringify(answers[0], (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString() : value,
      ),
    ).not.toContain("10.9.9.9");
    const { setHeaders } = (
      answers[0] as {
        requestHeaders: {
          response: { headerMutation: { setHeaders: readonly { header: { key: string; rawValue: Uint8Array } }[] } };
        };
      }
    ).requestHeaders.response.headerMutation;
    const destinations = setHeaders.filter(({ header }) => header.key === "x-gateway-destination-endpoint");
    expect(destinations.map(({ header }) => Buffer.from(header.rawValue).toString())).toEqual([ADDRESS]);
  });
});

describe("metadata", () => {
  it.each<
    [string, NonNullable<ProcessingRequest["metadataContext"]>["filterMetadata"][string]["fields"][string], number]
  >([
    ["an empty list", { listValue: { values: [] } }, 503],
    ["a list of other things", { listValue: { values: [{ numberValue: 1 }, { listValue: { values: [] } }, {}] } }, 503],
    ["an empty text", { stringValue: "" }, 503],
    ["only commas", { stringValue: ",,, ," }, 503],
    [
      "a list of 100,000 strangers",
      { listValue: { values: Array.from({ length: 100_000 }, () => ({ stringValue: "10.9.9.9:1" })) } },
      503,
    ],
    ["a number", { numberValue: 7 }, 0],
    ["nothing", {}, 0],
  ])("with a subset of %s is read to the letter", (_, value, wanted) => {
    const on = rig();
    const peer = new InProcessPeer(on);
    const filterMetadata = { "envoy.lb.subset_hint": { fields: { "x-gateway-destination-endpoint-subset": value } } };
    peer.send({ requestHeaders: {} });
    const last = { requestBody: { body: Buffer.from('{"model":"m","prompt":"x"}'), endOfStream: true } };
    peer.send({ ...last, metadataContext: { filterMetadata } });
    expect(status(peer.answers)).toBe(wanted);
    peer.halfClose();
    expect(on.live.inFlight).toBe(0);
  });
});
