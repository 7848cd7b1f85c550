import { describe, expect, it } from "vitest";
import type { Routed } from "../../../src/exchange/director.ts";
import { ResponseRelay } from "../../../src/exchange/response-relay.ts";
import { openaiParser } from "../../../src/parsers/openai-parser.ts";
import type { ProcessingResponse } from "../../../src/wire/ext-proc.ts";

const routed = (model: string, targetModel: string, streaming = false) =>
  ({
    parser: openaiParser,
    skipResponse: false,
    flight: { request: { model, targetModel, streaming } },
  }) as unknown as Routed;

/** Chunks as text; `|` after the last of the stream. */
function texts(responses: Iterable<ProcessingResponse>): string[] {
  return [...responses].map(({ responseBody }) => {
    const { body, endOfStream } = responseBody!.response.bodyMutation!.streamedResponse!;
    return Buffer.from(body).toString() + (endOfStream ? "|" : "");
  });
}

describe("a response", () => {
  it("passes piece by piece when nothing was renamed", () => {
    const relay = new ResponseRelay(routed("m", "m"), false, 100);
    expect(texts(relay.body(Buffer.from("a"), false))).toEqual(["a"]);
    expect(texts(relay.body(Buffer.from(""), false))).toEqual([""]);
    expect(texts(relay.body(Buffer.from("b"), true))).toEqual(["b|"]);
  });

  it("waits for its end when the model was renamed", () => {
    const relay = new ResponseRelay(routed("asked", "target"), false, 100);
    const scratch = Buffer.from('{"model":"tar');
    expect(texts(relay.body(scratch, false))).toEqual([]);
    // What came holds only until the call returns.
    scratch.fill(0);
    expect(texts(relay.body(Buffer.from('get"}'), true))).toEqual(['{"model":"asked"}|']);
  });

  it("waits no longer than its limit: then it passes in pieces", () => {
    const relay = new ResponseRelay(routed("asked", "target"), false, 20);
    expect(texts(relay.body(Buffer.from('{"model":"target",'), false))).toEqual([]);
    expect(texts(relay.body(Buffer.from('"x":1'), false))).toEqual(['{"model":"asked","x":1']);
    expect(texts(relay.body(Buffer.from(',"y":2'), false))).toEqual([',"y":2']);
    expect(texts(relay.body(Buffer.from("}"), true))).toEqual(["}|"]);
  });

  it("lets go of what it holds before trailers", () => {
    const relay = new ResponseRelay(routed("asked", "target"), false, 100);
    expect(texts(relay.body(Buffer.from('{"model":"target"}'), false))).toEqual([]);
    expect(texts(relay.beforeTrailers())).toEqual(['{"model":"asked"}']);
    expect(texts(relay.beforeTrailers())).toEqual([]);
  });

  it("does not wait as a stream", () => {
    for (const relay of [
      new ResponseRelay(routed("asked", "target"), true, 100),
      new ResponseRelay(routed("asked", "target", true), false, 100),
    ]) {
      expect(texts(relay.body(Buffer.from('data: {"model":"target"}\n\n'), false))).toEqual([
        'data: {"model":"asked"}\n\n',
      ]);
    }
  });

  it("of the gateway's own passes", () => {
    const relay = new ResponseRelay(undefined, false, 100);
    expect(texts(relay.body(Buffer.from('{"model":"target"}'), true))).toEqual(['{"model":"target"}|']);
    expect(relay.usage()).toBeUndefined();
  });
});
