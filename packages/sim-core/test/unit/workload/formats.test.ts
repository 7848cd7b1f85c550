import { describe, expect, test } from "vitest";
import { workloadFromTrace } from "../../../src/workload/trace-workload.ts";
import { createTraceWriter } from "../../../src/workload/trace-writer.ts";
import { jsonl, readText as read } from "./read-text.ts";

const rows = (table: ReturnType<typeof read>): number[][] =>
  Array.from({ length: table.count }, (_, row) => [
    table.arrivalUs?.[row] ?? Number.NaN,
    table.promptTokens[row]!,
    table.outputTokens[row]!,
  ]);

describe("mooncake", () => {
  test("chains ids over 512-token blocks, the last one partial", () => {
    const table = read(
      jsonl(
        { timestamp: 0, input_length: 1100, output_length: 5, hash_ids: [70, 80, 90] },
        { timestamp: 3000, input_length: 600, output_length: 6, hash_ids: [70, 91] },
      ),
    );
    expect(table.format).toBe("mooncake");
    expect(rows(table)).toEqual([
      [0, 1100, 5],
      [3_000_000, 600, 6],
    ]);
    expect([...table.segments!.offsets]).toEqual([0, 3, 5]);
    expect([...table.segments!.ids]).toEqual([0, 1, 2, 0, 3]);
    expect([...table.segments!.endTokens]).toEqual([512, 1024, 1100, 512, 600]);
    expect([...table.hashIds!]).toEqual([70, 80, 90, 91]);
  });

  test("an id under another prefix is another block", () => {
    const table = read(
      jsonl(
        { timestamp: 0, input_length: 1024, output_length: 1, hash_ids: [1, 2] },
        { timestamp: 0, input_length: 1024, output_length: 1, hash_ids: [3, 2] },
      ),
    );
    expect([...table.segments!.ids]).toEqual([0, 1, 2, 3]);
  });

  test("full blocks only: the rest of the prompt is shared with nobody", () => {
    const row = { timestamp: 0, input_length: 40, output_length: 1, hash_ids: [5, 6] };
    const table = read(jsonl(row, row), { blockSizeTokens: 16 });
    expect([...table.segments!.ids]).toEqual([0, 1, 2, 0, 1, 3]);
    expect([...table.segments!.endTokens]).toEqual([16, 32, 40, 16, 32, 40]);
    expect([...table.hashIds!]).toEqual([5, 6, -1, -1]);
  });

  test("a row with a delay follows its session's row before", () => {
    const table = read(
      jsonl(
        { timestamp: 1000, session_id: "a", input_length: 10, output_length: 1 },
        { timestamp: 1500, session_id: "b", input_length: 11, output_length: 1 },
        { delay: 250, session_id: "a", input_length: 12, output_length: 1 },
      ),
    );
    expect([...table.releasedBy!]).toEqual([-1, -1, 0]);
    expect(table.arrivalUs![2]).toBe(250_000);
  });

  test("a text instead of a length is estimated, and said so", () => {
    const table = read(jsonl({ timestamp: 1, text_input: "123456789", output_length: 2 }));
    expect(rows(table)).toEqual([[1000, 3, 2]]);
    expect(table.notes).toEqual(["token counts are estimates: one token for every 4 characters"]);
  });

  test("a number of ids that fits no block size says which would fit", () => {
    const text = jsonl({ timestamp: 0, input_length: 100, output_length: 1, hash_ids: [1, 2, 3, 4, 5, 6, 7] });
    expect(() => read(text)).toThrow(
      "t:1:53: hash_ids: found [1,2,3,4,5,6,7]; allowed: 1 ids for 100 tokens in blocks of 512, not 7 (blocks of 16 tokens would fit)",
    );
  });
});

test("qwen-bailian: seconds, 16-token blocks, type as class", () => {
  const base = { chat_id: 1, parent_chat_id: -1, turn: 1, output_length: 9 };
  const table = read(
    jsonl(
      { ...base, timestamp: 61.114, input_length: 20, type: "text", hash_ids: [1, 2] },
      { ...base, timestamp: 62, input_length: 32, type: "search", hash_ids: [1, 3] },
    ),
  );
  expect(table.format).toBe("qwen-bailian");
  expect(table.arrivalUs![0]).toBeCloseTo(61_114_000, 3);
  expect([...table.segments!.endTokens]).toEqual([16, 20, 16, 32]);
  expect(table.classNames).toEqual(["text", "search"]);
  expect([...table.classOf!]).toEqual([0, 1]);
});

describe("azure", () => {
  const header = "TIMESTAMP,ContextTokens,GeneratedTokens";

  test("2023: CRLF, seven digits, no final newline", () => {
    const table = read(`${header}\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319605,3180,8`);
    expect(table.format).toBe("azure");
    expect(table.count).toBe(2);
    expect(table.arrivalUs![1]).toBeCloseTo(52_000.5, 6);
    expect([...table.promptTokens]).toEqual([4808, 3180]);
  });

  test("2024: a zone, at times no fraction; a leap day lies between the rows", () => {
    const table = read(`${header}\n2024-02-28 23:59:59+00:00,1,2\n2024-03-01 01:00:00.5+01:00,3,4\n`);
    expect(table.arrivalUs![1]).toBe(86_401_500_000);
  });

  test("2025: images beside the tokens, which are found by name", () => {
    const table = read("TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2024-10-15T00:00:00.1Z,2,7,8\n");
    expect(rows(table)).toEqual([[0, 7, 8]]);
    expect(table.mapping[1]).toEqual({ column: "NumImages", use: "not used" });
  });

  test("a bad row names its place, column and value", () => {
    expect(() => read(`${header}\n2023-11-16 18:17:03,12,x7\n`)).toThrow(
      't:2:24: GeneratedTokens: found "x7"; allowed: a whole number from 0 to 2147483647',
    );
    expect(() => read(`${header}\n2023-02-29 18:17:03,12,7\n`)).toThrow(
      /^t:2:1: TIMESTAMP: found "2023-02-29 18:17:03"/,
    );
    expect(() => read(`${header}\n2023-11-16 18:17:03,12\n`)).toThrow(/^t:2:1: found .*allowed: 3 cells/);
  });
});

test("burstgpt: a response of no tokens is a failure, counted and left out", () => {
  const header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type";
  const table = read(`${header}\n5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,1087,0,1087,API log\n`);
  expect(rows(table)).toEqual([[5_000_000, 472, 18]]);
  expect([...table.skipped]).toEqual([["failed request (Response tokens is 0)", 1]]);
  const v2 = `Session ID,Elapsed time,${header}\n1,2.5,5,ChatGPT,472,18,490,Conversation log\n`;
  expect(rows(read(v2))).toEqual([[5_000_000, 472, 18]]);
});

test("vidur: with arrivals and lengths only", () => {
  const withTimes = read("arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,10,20\n");
  expect(rows(withTimes)).toEqual([[500_000, 10, 20]]);
  const lengths = read("num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n10,20,30,0.5\n");
  expect(lengths.arrivalUs).toBeUndefined();
  expect([...lengths.promptTokens]).toEqual([10]);
});

test("splitwise-sim", () => {
  const header = "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size";
  const table = read(`${header}\n0,2,0,1.25,1,374,44\n`);
  expect(table.format).toBe("splitwise-sim");
  expect(rows(table)).toEqual([[1_250_000, 374, 44]]);
});

describe("llmservingsim", () => {
  test("flat rows share the full 16-token blocks of equal token ids", () => {
    const ids = Array.from({ length: 33 }, (_, i) => i);
    const other = ids.map((id, i) => (i < 16 ? id : id + 100));
    const row = { input_toks: 33, output_toks: 4, arrival_time_ns: 1500 };
    const table = read(jsonl({ ...row, input_tok_ids: ids }, { ...row, input_tok_ids: other }));
    expect(table.arrivalUs![0]).toBe(1.5);
    expect([...table.segments!.ids]).toEqual([0, 1, 2, 0, 3, 4]);
  });

  test("agent sessions: the tool's time is the delay before the next call", () => {
    const table = read(
      jsonl({
        session_id: "s",
        arrival_time_ns: 2000,
        sub_requests: [
          { input_toks: 10, output_toks: 1, tool_duration_ns: 5000 },
          { input_toks: 20, output_toks: 2, tool_duration_ns: 0 },
        ],
      }),
    );
    expect(rows(table)).toEqual([
      [2, 10, 1],
      [5, 20, 2],
    ]);
    expect([...table.releasedBy!]).toEqual([-1, 0]);
  });
});

test("block-ids-16: arrival seconds and full blocks", () => {
  const table = read(
    jsonl({
      id: 0,
      arrival_s: 0.25,
      input_tokens: 33,
      dataset_input_tokens: 33,
      output_tokens: 3,
      hash_ids_16: [4, 5],
    }),
  );
  expect(rows(table)).toEqual([[250_000, 33, 3]]);
  expect([...table.segments!.endTokens]).toEqual([16, 32, 33]);
});

describe("weka", () => {
  const session = (scope: string, first: number): object => ({
    id: `s${first}`,
    models: ["m"],
    block_size: 64,
    hash_id_scope: scope,
    requests: [
      { t: first, type: "n", model: "m", in: 100, out: 5, hash_ids: [1, 2] },
      {
        t: 3,
        type: "subagent",
        agent_id: "a",
        requests: [{ t: 3, type: "n", model: "h", in: 64, out: 1, hash_ids: [1] }],
      },
      { t: 9, type: "n", model: "m", in: 128, out: 5, hash_ids: [1, 3], think_time: 1.5 },
    ],
  });

  test("requests follow each other, a sub-agent's in their place", () => {
    const table = read(JSON.stringify(session("local", 0), null, 2));
    expect([...table.releasedBy!]).toEqual([-1, 0, 1]);
    expect([...table.arrivalUs!]).toEqual([0, 0, 1_500_000]);
    expect([...table.segments!.ids]).toEqual([0, 1, 0, 0, 2]);
  });

  test("local ids belong to one session", () => {
    const local = read(jsonl(session("local", 0), session("local", 7)));
    const global = read(jsonl(session("global", 0), session("global", 7)));
    expect(local.segments!.idCount).toBe(6);
    expect(global.segments!.idCount).toBe(3);
  });
});

test("sharegpt: two turns of an array, tokens estimated and said so", () => {
  const text = JSON.stringify([
    {
      id: "a",
      conversations: [
        { from: "human", value: "12345" },
        { from: "gpt", value: "12345678" },
      ],
    },
    { id: "b", conversations: [{ from: "human", value: 'only "{[ one' }] },
  ]);
  const table = read(text);
  expect(table.format).toBe("sharegpt");
  expect([[...table.promptTokens], [...table.outputTokens]]).toEqual([[2], [2]]);
  expect([...table.skipped.values()]).toEqual([1]);
  expect(table.notes[0]).toMatch(/estimates/);
});

test("vllm-custom: prompts that begin alike share blocks of 16 tokens", () => {
  const start = "x".repeat(64);
  const table = read(jsonl({ prompt: `${start}aaaa`, output_tokens: 3 }, { prompt: `${start}bbbb` }));
  expect([...table.promptTokens]).toEqual([17, 17]);
  expect([...table.outputTokens]).toEqual([3, 256]);
  expect([...table.segments!.ids]).toEqual([0, 1, 0, 2]);
});

describe("windtunnel", () => {
  test("segments of any length, output segments, sessions and classes", () => {
    const table = read(
      jsonl(
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
        {
          releasedBy: 0,
          thinkSeconds: 2,
          promptTokens: 36,
          outputTokens: 1,
          segments: [
            [9, 10],
            [4, 30],
            [7, 36],
          ],
          class: "b",
        },
      ),
    );
    expect([...table.segments!.ids]).toEqual([0, 1, 0, 1, 2]);
    expect([...table.segments!.outputIds!]).toEqual([2, -1]);
    expect([...table.releasedBy!]).toEqual([-1, 0]);
    expect(table.classNames).toEqual(["a", "b"]);
  });

  test("adapters, whose prompts share nothing with one another's, there and back", () => {
    const row = { arrivalSeconds: 1, promptTokens: 30, outputTokens: 5, segments: [[9, 30]] };
    const table = read(jsonl({ ...row, adapter: "sql" }, row, { ...row, adapter: "chat" }, { ...row, adapter: "sql" }));
    expect(table.adapters).toEqual(["sql", "chat"]);
    expect([...table.adapterOf!]).toEqual([0, -1, 1, 0]);
    expect([...table.segments!.ids]).toEqual([0, 1, 2, 0]);
    const { workload } = workloadFromTrace(table);
    const writer = createTraceWriter("windtunnel", workload, { hashIds: table.hashIds! });
    const again = read([0, 1, 2, 3].map((at) => writer.line(at)).join("\n"));
    expect([again.adapters, again.adapterOf, again.segments]).toEqual([
      table.adapters,
      table.adapterOf,
      table.segments,
    ]);
  });

  test("ends must ascend to the prompt's tokens", () => {
    const row = { arrivalSeconds: 1, promptTokens: 30, outputTokens: 5 };
    expect(() => read(jsonl({ ...row, segments: [[0, 20]] }))).toThrow(/^t:1:\d+: segments: found \[\[0,20\]\]/);
    expect(() =>
      read(
        jsonl({
          ...row,
          segments: [
            [0, 20],
            [1, 20],
            [2, 30],
          ],
        }),
      ),
    ).toThrow(/segments/);
    expect(() => read(jsonl({ ...row, releasedBy: 0 }))).toThrow(/releasedBy/);
  });
});

describe("detection", () => {
  test("a misspelt column is named", () => {
    expect(() => read("TIMESTAMP,ContextToken,GeneratedTokens\n")).toThrow(/did you mean "ContextTokens"\?/);
  });

  test("a format that is asked for is checked", () => {
    expect(() => read("a,b\n", { format: "azur" })).toThrow('t: unknown trace format "azur" (did you mean "azure"?)');
    expect(() => read("a,b\n1,2\n", { format: "azure" })).toThrow('t:1:1: no column "TIMESTAMP" in "a,b"');
  });

  test("a record that begins within a line or goes over several is placed where the value stands", () => {
    const good = '{"id":1,"conversations":[{"value":"a"},{"value":"b"}]}';
    expect(() => read(`[${good}, {"id":2,"conversations":5}]`)).toThrow(
      "t:1:66: conversations: found 5; allowed: a list",
    );
    expect(() => read(`[\n${good},\n  {\n    "id": 2,\n    "conversations": 5\n  }\n]`)).toThrow(
      "t:5:5: conversations",
    );
  });

  test("nothing is no trace", () => {
    expect(() => read("\n \r\n")).toThrow("t:1:1: found an empty file; allowed: a trace");
  });

  test("a byte order mark and blank lines are passed over, and lines still count right", () => {
    const text = `\uFEFFTIMESTAMP,ContextTokens,GeneratedTokens\n\n2023-11-16 18:17:03,1,2\n\nbroken,1,2\n`;
    expect(() => read(text)).toThrow(/^t:5:1: TIMESTAMP: found "broken"/);
  });

  test("a broken row in the middle is named by its line", () => {
    const good = JSON.stringify({ timestamp: 0, input_length: 1, output_length: 1, hash_ids: [] });
    expect(() => read(`${good}\n${good}\n{"timestamp":5,\n${good}\n`)).toThrow(
      /^t:3:\d+: found "\{\\"timestamp\\":5,"/,
    );
    expect(() => read(jsonl({ timestamp: 0, input_length: 1, output_length: -3 }))).toThrow(
      "t:1:33: output_length: found -3; allowed: a whole number from 0 to 2147483647",
    );
  });
});
