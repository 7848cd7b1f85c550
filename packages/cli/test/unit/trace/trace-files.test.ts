import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  openTrace,
  readTrace,
  traceConvert,
  traceFetch,
  traceInfo,
  traceSample,
  traceValidate,
} from "../../../src/trace/index.ts";

const rows = Array.from({ length: 40 }, (_, i) => ({
  timestamp: i * 500,
  input_length: 512 + i,
  output_length: 1 + (i % 3),
  hash_ids: i === 0 ? [1000] : [1000, 1000 + i],
}));
const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "windtunnel-trace-"));
  await writeFile(at("plain.jsonl"), text);
  await writeFile(at("packed.jsonl"), gzipSync(text));
  await writeFile(at("packed.zst"), zstdCompressSync(Buffer.from(text)));
});
afterAll(() => rm(folder, { recursive: true }));

describe("opening", () => {
  test("gzip and zstd are known by their first bytes, whatever the name", async () => {
    const { name: _, ...plain } = await openTrace(at("plain.jsonl"));
    for (const file of ["packed.jsonl", "packed.zst"]) {
      const { name, ...packed } = await openTrace(at(file));
      expect(packed).toEqual(plain);
      expect(name).toBe(at(file));
    }
    const sha256 = createHash("sha256").update(text).digest("hex");
    expect(await traceInfo(at("packed.zst"))).toMatchObject({ file: "packed", bytes: text.length, sha256, rows: 40 });
  });

  test("transforms as asked", async () => {
    const workload = await openTrace(at("plain.jsonl"), { limit: 10, rateScale: 2 });
    expect([...workload.arrivalUs].slice(-2)).toEqual([2_000_000, 2_250_000]);
  });

  test("lengths only come with a rate", async () => {
    await writeFile(at("lengths.csv"), "num_prefill_tokens,num_decode_tokens\n5,1\n0,1\n7,0\n8,2\n");
    const skipped: [string, number][] = [];
    const options = { ratePerSecond: 4, onSkipped: (reasons: ReadonlyMap<string, number>) => skipped.push(...reasons) };
    expect((await openTrace(at("lengths.csv"), options)).count).toBe(2);
    expect(skipped).toEqual([
      ["prompt of 0 tokens", 1],
      ["output of 0 tokens", 1],
    ]);
  });

  test("what cannot be read is one line", async () => {
    await writeFile(at("cut.jsonl"), gzipSync(text).subarray(0, 200));
    await expect(readTrace(at("none.jsonl"))).rejects.toThrow(`${at("none.jsonl")}: cannot be read: no such file`);
    await expect(readTrace(folder)).rejects.toThrow(`${folder}: cannot be read: it is a directory`);
    await expect(readTrace(at("cut.jsonl"))).rejects.toThrow(/cut\.jsonl: cannot be read: unexpected end of file$/);
  });

  test("text that spans chunks stays whole", async () => {
    // Two-byte characters at odd offsets of a file larger than a read.
    const prompt = `x${"é".repeat(1_200_000)}`;
    await writeFile(at("wide.jsonl"), `${JSON.stringify({ prompt, output_tokens: 1 })}\n`);
    const { table } = await readTrace(at("wide.jsonl"));
    expect([...table.promptTokens]).toEqual([Math.ceil(1_200_001 / 4)]);
  });
});

describe("validate", () => {
  test("a broken row in the middle is a value that names it", async () => {
    const lines = text.split("\n");
    lines[19] = lines[19]!.replace('"input_length":531', '"input_length":"531"');
    await writeFile(at("broken.jsonl"), lines.join("\n"));
    expect(await traceValidate(at("broken.jsonl"))).toEqual({
      valid: false,
      error: `${at("broken.jsonl")}:20:19: input_length: found "531"; allowed: a whole number from 0 to 2147483647`,
      warnings: [],
    });
  });

  test("surprises are warnings", async () => {
    const header = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type";
    await writeFile(at("burst.csv"), `${header}\n9,a,1,1,2,x\n5,a,1,0,1,x\n7,a,0,1,1,x\n`);
    const { valid, warnings } = await traceValidate(at("burst.csv"));
    expect(valid).toBe(true);
    expect(warnings).toEqual([
      "1 rows left out: failed request (Response tokens is 0)",
      "1 rows have a prompt of 0 tokens: left out of a run",
      "arrivals are not in order: they are sorted, equal times in file order",
    ]);
  });
});

describe("convert and sample", () => {
  test.each(["mooncake", "windtunnel"])("%s keeps every column and the file's own ids", async (to) => {
    const { name: _, ...before } = await openTrace(at("plain.jsonl"));
    const written = await traceConvert(at("plain.jsonl"), at(`${to}.jsonl.gz`), { to });
    expect(written).toEqual({ from: "mooncake", to, rows: 40, blockSizeTokens: 512, skipped: {} });
    const { name: __, ...after } = await openTrace(at(`${to}.jsonl.gz`));
    expect(after).toEqual(before);
    expect([...(await readTrace(at(`${to}.jsonl.gz`))).table.hashIds!].slice(0, 3)).toEqual([1000, 1001, 1002]);
  });

  test.each(["azure", "vidur"])("%s keeps times and lengths", async (to) => {
    const before = await openTrace(at("plain.jsonl"));
    await traceConvert(at("plain.jsonl"), at(`${to}.csv`), { to });
    const after = await openTrace(at(`${to}.csv`));
    expect([after.arrivalUs, after.promptTokens, after.outputTokens]).toEqual([
      before.arrivalUs,
      before.promptTokens,
      before.outputTokens,
    ]);
  });

  test("a format that cannot hold the trace leaves no file", async () => {
    const scaled = traceConvert(at("plain.jsonl"), at("no.jsonl"), { to: "mooncake", promptLengthScale: 0.7 });
    await expect(scaled).rejects.toThrow(/allowed in mooncake: blocks of 512 tokens/);
    await expect(traceConvert(at("plain.jsonl"), at("no.jsonl"), { to: "mooncak" })).rejects.toThrow(
      'cannot write format "mooncak" (did you mean "mooncake"?)',
    );
    expect((await readdir(folder)).filter((file) => file.startsWith("no."))).toEqual([]);
  });

  test("a sample keeps order and ids, the same for the same seed", async () => {
    const sampled = async (seed: number): Promise<string> => {
      let out = "";
      const take = (piece: string): void => {
        out += piece;
      };
      await traceSample(at("plain.jsonl"), take, { to: "mooncake", sample: { mode: "window", count: 5, seed } });
      return out;
    };
    const lengths = (await sampled(7))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).input_length as number);
    expect(lengths).toEqual(Array.from({ length: 5 }, (_, i) => lengths[0]! + i));
    expect(await sampled(7)).toBe(await sampled(7));
    expect(await sampled(7)).not.toBe(await sampled(8));
    expect(JSON.parse((await sampled(7)).split("\n")[1]!).hash_ids).toEqual([1000, 1000 + lengths[1]! - 512]);
  });
});

describe("fetch", () => {
  const entry = {
    name: "sample",
    url: "http://127.0.0.1:9/never",
    file: "sample.jsonl",
    sha256: createHash("sha256").update(text).digest("hex"),
    licence: "CC0-1.0",
  };
  let server: Server;
  let from: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === "/good/sample.jsonl") response.end(text);
      else if (request.url === "/bad/sample.jsonl") response.end(`${text}x`);
      else response.writeHead(404).end();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    from = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test("a file of the known content appears", async () => {
    const fetched = await traceFetch("sample", { directory: at("got"), from: `${from}/good/`, catalogue: [entry] });
    expect(fetched).toMatchObject({ path: at("got/sample.jsonl"), bytes: text.length, licence: "CC0-1.0" });
    expect(await readFile(fetched.path, "utf8")).toBe(text);
  });

  test("another content, a missing file, no server: an error and no file", async () => {
    const fetching = (base: string) => traceFetch("sample", { directory: at("none"), from: base, catalogue: [entry] });
    await expect(fetching(`${from}/bad`)).rejects.toThrow(/found SHA-256 [0-9a-f]{64}; allowed: [0-9a-f]{64}$/);
    await expect(fetching(`${from}/absent`)).rejects.toThrow(/absent\/sample\.jsonl: found HTTP 404/);
    await expect(fetching("http://127.0.0.1:1")).rejects.toThrow(/cannot be fetched/);
    expect(await readdir(at("none"))).toEqual([]);
  });

  test("an unknown name says which are known", async () => {
    await expect(traceFetch("mooncake-conversatoin", { directory: folder })).rejects.toThrow(
      /did you mean "mooncake-conversation"\?.*allowed: mooncake-conversation, mooncake-toolagent, azure-2023-conversation/,
    );
  });
});
