import { expect, it } from "vitest";
import { UsageReader } from "../../../src/exchange/usage-reader.ts";
import { anthropicParser } from "../../../src/parsers/anthropic-parser.ts";
import { openaiParser } from "../../../src/parsers/openai-parser.ts";

const MIB = 1024 * 1024;
const EVENT = 'data: {"usage":{"prompt_tokens":7,"completion_tokens":10}}\n\n';

/** Feeds the text in pieces of so many bytes. */
function read(reader: UsageReader, text: string, pieceBytes: number): UsageReader["usage"] {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.chunk(bytes.subarray(at, at + pieceBytes));
  reader.ended();
  return reader.usage;
}

it.each([1, 2, 3, 7, 1000])("reads events however they are cut: %i bytes", (pieceBytes) => {
  const text = `data: {"choices":[{"text":"a \\"usage\\" b"}]}\r\n\r\n${EVENT}data: [DONE]\n\n`;
  expect(read(new UsageReader(openaiParser, true), text, pieceBytes)).toEqual({ promptTokens: 7, outputTokens: 10 });
});

it.each([1, 1000])("reads a whole body however it is cut: %i bytes", (pieceBytes) => {
  const text = '{"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2}}}';
  expect(read(new UsageReader(openaiParser, false), text, pieceBytes)).toEqual({
    promptTokens: 3,
    outputTokens: 4,
    cachedTokens: 2,
  });
});

it("reads an event that no line feed ends", () => {
  expect(read(new UsageReader(openaiParser, true), EVENT.trim(), 5)).toEqual({ promptTokens: 7, outputTokens: 10 });
});

it("joins what Anthropic tells at the start and at the end", () => {
  const text =
    'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}\n\n' +
    'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9}}\n\n';
  expect(read(new UsageReader(anthropicParser, true), text, 11)).toEqual({ promptTokens: 5, outputTokens: 9 });
});

it("passes over a body that is too long", () => {
  const text = `{"text":"${"x".repeat(9 * MIB)}","usage":{"prompt_tokens":3,"completion_tokens":4}}`;
  expect(read(new UsageReader(openaiParser, false), text, 65_536)).toBeUndefined();
});

it("passes over a line that is too long, and reads the next", () => {
  const text = `data: ${"x".repeat(9 * MIB)}\n\n${EVENT}`;
  expect(read(new UsageReader(openaiParser, true), text, 65_536)).toEqual({ promptTokens: 7, outputTokens: 10 });
});
