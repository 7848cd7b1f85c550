import { afterEach, describe, expect, it } from "vitest";
import { type FakeVllm, startFakeVllm } from "../../../src/demo/fake-vllm.ts";

let fake: FakeVllm | undefined;
afterEach(async () => {
  await fake?.stop();
  fake = undefined;
});

async function post(path: string, body: object | string): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`http://${fake!.address}${path}`, { method: "POST", body: text });
}

describe("the fake vLLM server", () => {
  it("tells its gauges on a short page, and on one as long as an engine's", async () => {
    fake = await startFakeVllm({ name: "a", gauges: { waiting: 3, running: 2, kvUsageFraction: 0.25 } });
    const page = async () => (await fetch(`http://${fake!.address}/metrics`)).text();
    const first = await page();
    expect(first).toContain('vllm:num_requests_waiting{engine="0",model_name="fake-model"} 3\n');
    expect(first).toContain('vllm:kv_cache_usage_perc{engine="0",model_name="fake-model"} 0.25\n');
    fake.setGauges({ waiting: 7, lora: { running: ["x"], waiting: [], max: 2 } });
    const second = await page();
    expect(second).toContain('vllm:num_requests_waiting{engine="0",model_name="fake-model"} 7\n');
    expect(second).toContain('{max_lora="2",running_lora_adapters="x",waiting_lora_adapters=""} 1.0');
    await fake.stop();
    fake = await startFakeVllm({ name: "a", metricsPage: "engine" });
    expect((await page()).length).toBeGreaterThan(55_000);
  });

  it("counts its running requests where nobody says otherwise", async () => {
    fake = await startFakeVllm({ name: "a", msPerToken: 20 });
    const answer = post("/v1/completions", { prompt: "x", max_tokens: 20 });
    while (fake.inFlight === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const page = await (await fetch(`http://${fake.address}/metrics`)).text();
    expect(page).toContain('vllm:num_requests_running{engine="0",model_name="fake-model"} 1\n');
    expect((await answer).headers.get("x-inference-pod")).toBe("a");
  });

  it("streams as many tokens as asked for, then usage and the end", async () => {
    fake = await startFakeVllm({ name: "a" });
    const body = { model: "m", messages: [], max_tokens: 2, stream: true, stream_options: { include_usage: true } };
    const answer = await post("/v1/chat/completions", body);
    const events = (await answer.text()).trim().split("\n\n");
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    expect(events).toHaveLength(4);
    expect(events[3]).toBe("data: [DONE]");
    expect(JSON.parse(events[2]!.slice(6)).usage.completion_tokens).toBe(2);
  });

  it("refuses what is not JSON, and paths that it does not have", async () => {
    fake = await startFakeVllm({ name: "a" });
    expect((await post("/v1/completions", "{")).status).toBe(400);
    expect((await fetch(`http://${fake.address}/v1/nothing`)).status).toBe(404);
  });
});
