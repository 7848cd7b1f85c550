import type { TraceRows } from "../trace-rows.ts";
import { hasKeys, type TraceFormat } from "./format.ts";
import { type JsonRecord, parseRecord } from "./json-record.ts";

const US_PER_SECOND = 1e6;

/** A workload's own columns, the only format that keeps every one of them. */
export const windtunnel: TraceFormat = {
  name: "windtunnel",
  summary:
    "Windtunnel JSONL: seconds, lengths, prompt segments of any length, multimodal items, sessions, classes, adapters",
  columns: {
    arrivalSeconds: "arrival (s)",
    promptTokens: "prompt tokens",
    outputTokens: "output tokens",
    segments: "prompt segments: [id, end in tokens], …",
    items: "images, audio, video: [start, placeholder tokens], …",
    outputSegment: "segment that the generated tokens continue",
    releasedBy: "record (from 0) whose end releases this one",
    thinkSeconds: "delay after that end (s)",
    class: "class",
    adapter: "LoRA adapter that the request asks for",
  },
  matches: (head) => hasKeys(head, "promptTokens", "outputTokens"),
  open: (rows) => ({
    read(at) {
      const record = parseRecord(at);
      const promptTokens = record.tokens("promptTokens");
      const outputTokens = record.tokens("outputTokens");
      if (record.has("releasedBy")) {
        const parent = record.tokens("releasedBy");
        if (parent >= rows.count) throw record.bad("releasedBy", `a record before this one, 0 to ${rows.count - 1}`);
        rows.addReleased(parent, record.optionalDecimal("thinkSeconds") * US_PER_SECOND, promptTokens, outputTokens);
      } else {
        rows.add(record.decimal("arrivalSeconds") * US_PER_SECOND, promptTokens, outputTokens);
      }
      // Adapters share nothing of what they compute of one text.
      const scope = record.has("adapter") ? 1 + rows.setAdapter(record.text("adapter")) : 0;
      if (record.has("segments")) nameSegments(rows, record, promptTokens, scope);
      if (record.has("outputSegment")) rows.nameOutput(record.tokens("outputSegment"), scope);
      if (record.has("items")) addItems(rows, record, promptTokens);
      if (record.has("class")) rows.setClass(record.text("class"));
    },
  }),
};

function nameSegments(rows: TraceRows, record: JsonRecord, promptTokens: number, scope: number): void {
  const allowed = `pairs [id, end] with ends that ascend to promptTokens (${promptTokens})`;
  const segments = record.value("segments");
  if (!Array.isArray(segments)) throw record.bad("segments", allowed);
  const ids: number[] = [];
  const ends: number[] = [];
  let last = 0;
  for (const segment of segments as unknown[]) {
    const [id, end] = Array.isArray(segment) ? (segment as unknown[]) : [];
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) throw record.bad("segments", allowed);
    if (typeof end !== "number" || !Number.isInteger(end) || end <= last) throw record.bad("segments", allowed);
    last = end;
    ids.push(id);
    ends.push(end);
  }
  if (last !== promptTokens) throw record.bad("segments", allowed);
  rows.nameSegments(ids, ends, scope);
}

function addItems(rows: TraceRows, record: JsonRecord, promptTokens: number): void {
  const allowed = `pairs [start, tokens] that follow one another and end before the last prompt token (${promptTokens - 1})`;
  const items = record.value("items");
  if (!Array.isArray(items)) throw record.bad("items", allowed);
  let last = 0;
  for (const item of items as unknown[]) {
    const [start, tokens] = Array.isArray(item) ? (item as unknown[]) : [];
    if (typeof start !== "number" || !Number.isInteger(start) || start < last) throw record.bad("items", allowed);
    if (typeof tokens !== "number" || !Number.isInteger(tokens) || tokens < 1) throw record.bad("items", allowed);
    last = start + tokens;
    if (last >= promptTokens) throw record.bad("items", allowed);
    rows.addItem(start, tokens);
  }
}
