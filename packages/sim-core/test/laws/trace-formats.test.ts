import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TraceError } from "../../src/errors.ts";
import { createTraceReader } from "../../src/workload/trace-reader.ts";
import type { TraceTable } from "../../src/workload/trace-rows.ts";
import { workloadFromTrace } from "../../src/workload/trace-workload.ts";
import { createTraceWriter } from "../../src/workload/trace-writer.ts";
import { transformTrace } from "../../src/workload/transform.ts";
import type { Workload } from "../../src/workload/workload.ts";

const lines = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join("");

/** A small valid text of each format. */
const SAMPLES: Readonly<Record<string, string>> = {
  mooncake: lines(
    { timestamp: 0, input_length: 600, output_length: 5, hash_ids: [0, 1] },
    { timestamp: 27, session_id: "s", input_length: 1024, output_length: 6, hash_ids: [0, 2] },
    { delay: 5, session_id: "s", input_length: 1030, output_length: 6, hash_ids: [0, 2, 3] },
  ),
  "qwen-bailian": lines(
    {
      chat_id: 1,
      parent_chat_id: -1,
      timestamp: 0.5,
      input_length: 20,
      output_length: 3,
      type: "text",
      turn: 1,
      hash_ids: [0, 1],
    },
    {
      chat_id: 2,
      parent_chat_id: 1,
      timestamp: 1.5,
      input_length: 33,
      output_length: 3,
      type: "coder",
      turn: 2,
      hash_ids: [0, 2, 3],
    },
  ),
  azure:
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.03,3180,8",
  burstgpt:
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,API log\n45,GPT-4,10,0,10,API log\n",
  vidur: "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,10,20\n0.75,11,21\n",
  "splitwise-sim":
    "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n0,2,0,1.25,1,374,44\n",
  llmservingsim: lines(
    { input_toks: 3, output_toks: 4, arrival_time_ns: 1500, input_tok_ids: [1, 2, 3] },
    { session_id: "s", arrival_time_ns: 9, sub_requests: [{ input_toks: 10, output_toks: 1, tool_duration_ns: 5 }] },
  ),
  "block-ids-16": lines({
    id: 0,
    arrival_s: 0.25,
    input_tokens: 33,
    dataset_input_tokens: 33,
    output_tokens: 3,
    hash_ids_16: [4, 5],
  }),
  weka: JSON.stringify(
    {
      id: "s",
      models: ["m"],
      block_size: 64,
      hash_id_scope: "local",
      requests: [{ t: 0, type: "n", model: "m", in: 100, out: 5, hash_ids: [1, 2] }],
    },
    null,
    1,
  ),
  sharegpt: JSON.stringify([
    {
      id: "a",
      conversations: [
        { from: "human", value: "hello" },
        { from: "gpt", value: "x" },
      ],
    },
  ]),
  "vllm-custom": lines({ prompt: "hello there", output_tokens: 3 }),
  windtunnel: lines(
    {
      arrivalSeconds: 1,
      promptTokens: 30,
      outputTokens: 5,
      segments: [
        [9, 10],
        [4, 30],
      ],
      outputSegment: 7,
      class: "a",
    },
    { releasedBy: 0, thinkSeconds: 2, promptTokens: 12, outputTokens: 1, segments: [[9, 12]], class: "b" },
  ),
  "windtunnel-recording": lines(
    { windtunnelRecording: 1, run: "a", segment: 1, wallClockOriginMs: 1_795_235_630_440 },
    ["endpoint", 5, 0, { name: "pod", namespace: "n", address: "10.0.0.1:80", labels: {} }],
    [
      ...["request", 20, 0],
      { promptTokens: 20, promptCount: 1, session: "#1", waitedUs: 10, keys: [[16, 1, 0, "AQAAAAAAAAACAAAAAAAAAA=="]] },
      { to: [0], ticket: 0, decisionUs: 3 },
    ],
    ["ended", 70, 0, { end: "completed", promptTokens: 20, outputTokens: 3, bytes: 30 }],
    ["request", 90, 1, { promptTokens: 20, promptCount: 1, session: "#1", waitedUs: 10 }, { to: [0], ticket: 0 }],
    ["ended", 99, 1, { end: "completed", promptTokens: 20, outputTokens: 3, bytes: 30 }],
  ),
};

function read(text: string, chunk = 64, blockSizeTokens?: number): TraceTable {
  const reader = createTraceReader({ file: "dir/t.x", ...(blockSizeTokens === undefined ? {} : { blockSizeTokens }) });
  for (let at = 0; at < text.length; at += chunk) reader.push(text.slice(at, at + chunk));
  return reader.end();
}

const corruption = fc.record({
  position: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  remove: fc.nat({ max: 12 }),
  insert: fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom(
      "",
      ",",
      "\n",
      '"',
      "}",
      "{",
      "[",
      "]",
      "-1",
      "1e999",
      "null",
      "99999999999999999999",
      "\u0000",
      "0.5",
      "\r",
    ),
  ),
});

describe("every format", () => {
  test.each(Object.entries(SAMPLES))("%s is found from its first record", (name, text) => {
    expect(read(text).format).toBe(name);
  });

  test.each(Object.entries(SAMPLES))(
    "%s: a corrupted text is read or refused in one line that says where",
    (_, text) => {
      fc.assert(
        fc.property(fc.array(corruption, { minLength: 1, maxLength: 3 }), (corruptions) => {
          let broken = text;
          for (const { position, remove, insert } of corruptions) {
            const at = Math.floor(position * broken.length);
            broken = broken.slice(0, at) + insert + broken.slice(at + remove);
          }
          try {
            const table = read(broken);
            expect(table.promptTokens.length).toBe(table.count);
          } catch (error) {
            expect(error).toBeInstanceOf(TraceError);
            expect((error as Error).message).toMatch(/^dir\/t\.x:\d+:\d+: [^\n\r]*$/);
            expect((error as Error).message.length).toBeLessThan(500);
          }
        }),
        { numRuns: 300, seed: 3 },
      );
    },
  );

  test.each(Object.entries(SAMPLES))("%s reads alike however it is cut into chunks", (_, text) => {
    const whole = read(text, text.length);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), (chunk) => {
        expect(read(text, chunk)).toEqual(whole);
      }),
      { numRuns: 20, seed: 5 },
    );
  });
});

const turn = fc.record({
  prompt: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 }),
  partial: fc.integer({ min: 1, max: 16 }),
  outputTokens: fc.integer({ min: 1, max: 50 }),
  ms: fc.nat({ max: 500 }),
});

/** A trace of 16-token blocks whose ids name whole prefixes, some prompts ending in part of a block. */
function blockTrace(turns: readonly (typeof turn extends fc.Arbitrary<infer T> ? T : never)[]): string {
  return lines(
    ...turns.map(({ prompt, partial, outputTokens, ms }) => ({
      timestamp: ms,
      input_length: (prompt.length - 1) * 16 + partial,
      output_length: outputTokens,
      hash_ids: prompt.map((_, depth) => prompt.slice(0, depth + 1).reduce((id, digit) => id * 5 + digit + 1, 0)),
    })),
  );
}

/** Tokens that two rows have in common: the longest common prefix by the meaning of segments. */
function sharedTokens(w: Workload, a: number, b: number): number {
  const { offsets, ids, endTokens } = w.segments!;
  let shared = 0;
  for (let i = offsets[a]!; i < offsets[a + 1]!; i++) {
    for (let j = offsets[b]!; j < offsets[b + 1]!; j++) {
      if (ids[i] === ids[j]) shared = Math.max(shared, Math.min(endTokens[i]!, endTokens[j]!));
    }
  }
  return shared;
}

describe("writing and reading again", () => {
  const write = (format: string, w: Workload, table: TraceTable): string => {
    const writer = createTraceWriter(format, w, {
      ...(table.hashIds === undefined ? {} : { hashIds: table.hashIds }),
      ...(table.blockSizeTokens === undefined ? {} : { blockSizeTokens: table.blockSizeTokens }),
    });
    const body = Array.from({ length: w.count }, (_, row) => `${writer.line(row)}\n`).join("");
    return writer.header === undefined ? body : `${writer.header}\n${body}`;
  };

  test.each(["mooncake", "windtunnel", "azure", "vidur"])("%s gives the same workload", (format) => {
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 12 }), (turns) => {
        const table = read(blockTrace(turns), 50, 16);
        const { workload } = workloadFromTrace(table, { name: "w" });
        const again = workloadFromTrace(read(write(format, workload, table), 50, 16), { name: "w" }).workload;
        const keepsSegments = format === "mooncake" || format === "windtunnel";
        expect(again.arrivalUs).toEqual(workload.arrivalUs);
        expect(again.promptTokens).toEqual(workload.promptTokens);
        expect(again.outputTokens).toEqual(workload.outputTokens);
        if (!keepsSegments) return;
        expect(again.segments!.endTokens).toEqual(workload.segments!.endTokens);
        for (let a = 0; a < workload.count; a++) {
          for (let b = 0; b < a; b++) expect(sharedTokens(again, a, b)).toBe(sharedTokens(workload, a, b));
        }
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe("transforms keep what prompts share", () => {
  test("scaled lengths scale the shared prefix, to a token of rounding", () => {
    const scales = fc.double({ min: 0.3, max: 4, noNaN: true });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 2, maxLength: 10 }), scales, (turns, scale) => {
        const { workload } = workloadFromTrace(read(blockTrace(turns), 50, 16));
        const scaled = transformTrace(workload, { promptLengthScale: scale });
        for (let a = 0; a < workload.count; a++) {
          for (let b = 0; b < a; b++) {
            const shared = sharedTokens(workload, a, b);
            if (shared === 0) expect(sharedTokens(scaled, a, b)).toBe(0);
            else expect(sharedTokens(scaled, a, b)).toBe(Math.max(1, Math.round(shared * scale)));
          }
        }
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  test("jitter moves every arrival by less than its width, in order, and permutes all columns alike", () => {
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 20 }), fc.nat({ max: 300_000 }), (turns, jitterUs) => {
        const { workload } = workloadFromTrace(read(blockTrace(turns), 50, 16));
        // Output tokens mark the rows.
        const marked = { ...workload, outputTokens: workload.outputTokens.map((_, row) => row + 1) };
        const jittered = transformTrace(marked, { jitterUs, seed: 2 });
        jittered.outputTokens.forEach((mark, row) => {
          const delta = jittered.arrivalUs[row]! - workload.arrivalUs[mark - 1]!;
          expect(delta >= 0 && delta <= jitterUs).toBe(true);
          expect(row === 0 || jittered.arrivalUs[row]! >= jittered.arrivalUs[row - 1]!).toBe(true);
          expect(jittered.promptTokens[row]).toBe(workload.promptTokens[mark - 1]);
          expect(jittered.segments!.endTokens[jittered.segments!.offsets[row + 1]! - 1]).toBe(
            jittered.promptTokens[row],
          );
        });
        expect(new Set(jittered.outputTokens).size).toBe(workload.count);
      }),
      { numRuns: 60, seed: 13 },
    );
  });
});
