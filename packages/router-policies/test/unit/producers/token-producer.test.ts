import { expect, test } from "vitest";
import { tokenProducer } from "../../../src/producers/token-producer.ts";
import { context } from "../../support/prompts.ts";
import { request } from "../../support/routing.ts";

test("hands on the host's count; no tokens, no datum", () => {
  const built = tokenProducer.create(tokenProducer.parameters.parse({}), context());
  built.produce(request({ promptTokens: 7 }), [], 0);
  expect(built.data.tokens).toEqual({ available: true, promptTokens: 7 });
  built.produce(request({ promptTokens: 0 }), [], 0);
  expect(built.data.tokens).toEqual({ available: false, promptTokens: 0 });
});

test.each([
  [{}, true],
  [{ estimate: {} }, true],
  [{ estimate: { image: { mode: "dynamic", dynamic: { factor: 1024 } }, video: {} } }, true],
  [{ modelName: "m" }, true],
  [{ modelName: "m", vllm: { url: "http://render:8000", timeout: "1m30s" } }, true],
  [{ udsTokenizerConfig: { socketFile: "/tmp/a.sock" } }, true],
  [{ modelName: "m", udsTokenizerConfig: {} }, true],
  [{ vllm: {} }, false],
  [{ modelName: "m", vllm: { timeout: "soon" } }, false],
  [{ modelName: "m", vllm: {}, estimate: {} }, false],
  [{ modelName: "m", vllm: {}, udsTokenizerConfig: {} }, false],
  [{ modelName: "m", estimate: {} }, false],
  [{ model: "m" }, false],
])("parameters %o: %s", (parameters, accepted) => {
  expect(tokenProducer.parameters.safeParse(parameters).success).toBe(accepted);
});
