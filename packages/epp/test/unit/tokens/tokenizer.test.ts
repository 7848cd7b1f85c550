import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parserFor } from "../../../src/parsers/parser-for.ts";
import { PreciseKeys } from "../../../src/tokens/precise-keys.ts";
import type { PromptTokens, Tokenizer } from "../../../src/tokens/prompt-tokens.ts";
import { tokenizerFor } from "../../../src/tokens/tokenizer.ts";

const warnings: { fields: object; message: string }[] = [];
const none = () => undefined;
const log = {
  debug: none,
  info: none,
  error: none,
  warn: (fields: object, message: string) => {
    warnings.push({ fields, message });
  },
};
const PARSERS = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "passthrough-parser"];

function tokenizerOf(parameters: string, tokenizerFile?: string): Tokenizer {
  const text = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: token-producer
${parameters === "" ? "" : `  parameters: ${parameters}`}
- type: precise-prefix-cache-producer
  parameters: {tokenProcessorConfig: {blockSizeTokens: 2, hashSeed: "42"}}
- type: prefix-cache-scorer
  parameters: {prefixMatchInfoProducerName: precise-prefix-cache-producer}
`;
  return tokenizerFor(loadEndpointPickerConfig(text, { file: "test.yaml" }), { log, tokenizerFile });
}

async function tokensOf(tokenizer: Tokenizer, at: string, body: object): Promise<PromptTokens> {
  const bytes = Buffer.from(JSON.stringify({ model: "client", ...body }));
  return await tokenizer.tokens(parserFor(PARSERS, at).parse(bytes, at), "client", bytes);
}

test("without parameters tokens are estimated, at once", () => {
  const bytes = Buffer.from('{"model":"m","prompt":"abcde"}');
  const parsed = parserFor(PARSERS, "/v1/completions").parse(bytes, "/v1/completions");
  expect(tokenizerOf("").tokens(parsed, "m", bytes)).toMatchObject({ promptTokens: 2, promptCount: 1 });
});

describe("vLLM renderer", () => {
  let server: http.Server;
  let url: string;
  let answer: (response: http.ServerResponse) => void;
  const asked: { path: string; body: unknown }[] = [];
  const json = (value: unknown) => (response: http.ServerResponse) => {
    response.end(JSON.stringify(value));
  };
  const renderer = (timeout = "5s") => tokenizerOf(`{modelName: served, vllm: {url: "${url}", timeout: ${timeout}}}`);

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on("end", () => {
        asked.push({ path: request.url ?? "", body: JSON.parse(text) });
        answer(response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked.length = 0;
    warnings.length = 0;
  });

  test("renders prompts with the client's body and its own model", async () => {
    answer = json([{ token_ids: [1, 2, 3] }, { token_ids: [4] }]);
    const tokenizer = renderer();
    const tokens = await tokensOf(tokenizer, "/v1/completions", { prompt: ["a", "b"], max_tokens: 5 });
    expect([tokens.promptTokens, tokens.promptCount]).toEqual([4, 2]);
    expect(asked).toEqual([
      { path: "/prefix/v1/completions/render", body: { model: "served", prompt: ["a", "b"], max_tokens: 5 } },
    ]);
    tokenizer.stop?.();
  });

  test("an Anthropic message is rendered as a chat", async () => {
    answer = json({ token_ids: [1, 2] });
    const tokenizer = renderer();
    const body = { system: "s", messages: [{ role: "user", content: "x" }], max_tokens: 5 };
    expect((await tokensOf(tokenizer, "/v1/messages", body)).promptTokens).toBe(2);
    const messages = [{ role: "system", content: "s" }, ...body.messages];
    expect(asked).toEqual([{ path: "/prefix/v1/chat/completions/render", body: { model: "served", messages } }]);
    tokenizer.stop?.();
  });

  test("ids that the client sent need no renderer; other APIs have no tokens", async () => {
    const tokenizer = renderer();
    expect((await tokensOf(tokenizer, "/v1/completions", { prompt: [7, 8, 9] })).promptTokens).toBe(3);
    expect((await tokensOf(tokenizer, "/v1/responses", { input: "x" })).promptTokens).toBe(0);
    expect(asked).toEqual([]);
    tokenizer.stop?.();
  });

  test("images enter the precise keys of the blocks they reach into", async () => {
    const features = { mm_hashes: { image: ["h"] }, mm_placeholders: { image: [{ offset: 3, length: 2 }] } };
    answer = json({ token_ids: [1, 2, 3, 4, 5, 6, 7, 8], features });
    const tokenizer = renderer();
    const content = [{ type: "image_url", image_url: { url: "u" } }];
    const tokens = await tokensOf(tokenizer, "/v1/chat/completions", { messages: [{ role: "user", content }] });
    const keys = new PreciseKeys({ blockSizeTokens: 2, hashSeed: "42", hashAlgorithm: "cbor-fnv" });
    const extras = [[], ["h"], ["h"], []];
    const expected = keys.keysOf([1, 2, 3, 4, 5, 6, 7, 8], { model: "client", extras });
    const { hi, lo, length } = tokens.keys(2, false);
    expect([...hi.subarray(0, length)]).toEqual([...expected.hi.subarray(0, 4)]);
    expect([...lo.subarray(0, length)]).toEqual([...expected.lo.subarray(0, 4)]);
    tokenizer.stop?.();
  });

  test.each<[string, (response: http.ServerResponse) => void]>([
    ["an error status", (response) => response.writeHead(500).end("secret")],
    ["no JSON", (response) => response.end("secret")],
    ["no ids", (response) => response.end('{"token_ids":["secret"]}')],
    ["a connection that ends", (response) => response.destroy()],
    ["silence", () => undefined],
  ])("%s gives no tokens, is counted, and logged without content", async (_, broken) => {
    answer = broken;
    const tokenizer = renderer("200ms");
    for (let i = 0; i < 2; i++) {
      expect((await tokensOf(tokenizer, "/v1/completions", { prompt: "secret" })).promptTokens).toBe(0);
    }
    expect(tokenizer.failures).toBe(2);
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(warnings)).not.toContain("secret");
    tokenizer.stop?.();
  });
});

describe("tokenizer.json", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "windtunnel-tokenizer-"));
    const vocab = { "[UNK]": 0, hello: 1, world: 2, userhello: 3 };
    const model = { type: "WordLevel", vocab, unk_token: "[UNK]" };
    const bpe = { ...model, type: "BPE", vocab, merges: [], ignore_merges: true };
    const whole = { version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" } };
    const file = { ...whole, post_processor: null, decoder: null, model: bpe };
    await writeFile(path.join(folder, "tokenizer.json"), JSON.stringify(file));
    await writeFile(path.join(folder, "broken.json"), "{");
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("tokenizes, ids that the client sent excepted", async () => {
    const tokenizer = tokenizerOf("", path.join(folder, "tokenizer.json"));
    await tokenizer.ready?.();
    expect((await tokensOf(tokenizer, "/v1/completions", { prompt: "hello world hello" })).promptTokens).toBe(3);
    expect((await tokensOf(tokenizer, "/v1/completions", { prompt: [1, 2] })).promptTokens).toBe(2);
    const messages = [{ role: "user", content: "hello world" }];
    expect((await tokensOf(tokenizer, "/v1/chat/completions", { messages })).promptTokens).toBe(2);
  });

  test.each(["broken.json", "absent.json"])("%s is an error at the start", async (name) => {
    const file = path.join(folder, name);
    const tokenizer = tokenizerOf("", file);
    await expect(tokenizer.ready?.()).rejects.toThrow(`--tokenizer-file ${file}: `);
    expect((await tokensOf(tokenizer, "/v1/completions", { prompt: "hello" })).promptTokens).toBe(0);
  });
});
