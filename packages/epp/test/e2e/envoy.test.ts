import { request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningEnvoy } from "../../src/demo/envoy.ts";
import type { RunningEpp } from "../support/epp-program.ts";
import { httpLoad } from "../support/http-load.ts";
import { envoyOrSkip, eppUnderTest, eventually, Loopback } from "../support/loopback.ts";

const envoy = await envoyOrSkip();
const title = "skip" in envoy ? `behind a real Envoy (skipped: ${envoy.skip})` : "behind a real Envoy";
const binary = "binary" in envoy ? envoy.binary : "";
const upstream = eppUnderTest().name === "go";

describe.skipIf("skip" in envoy)(title, () => {
  let loopback: Loopback;
  let epp: RunningEpp;
  let gateway: RunningEnvoy;
  let openai: OpenAI;

  beforeAll(async () => {
    loopback = await Loopback.start(3);
    epp = await loopback.epp(eppUnderTest(), { flags: ["--emit-endpoint-scores"] });
    gateway = await loopback.envoy({ binary, eppPort: epp.grpcPort });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  });
  afterAll(() => loopback?.stop());

  const nothingInFlight = () => eventually("nothing in flight", async () => (await loopback.busyEndpoints(epp)) === 0);

  it("answers completions and chat of the OpenAI SDK", async () => {
    const completion = await openai.completions.create({ model: "m", prompt: "hello", max_tokens: 3 });
    expect(completion.choices[0]!.text).toBe(" token token token");
    expect(completion.usage?.completion_tokens).toBe(3);
    const messages = [{ role: "user" as const, content: "hello" }];
    const chat = await openai.chat.completions.create({ model: "m", messages, max_completion_tokens: 2 });
    expect(chat.choices[0]!.message.content).toBe(" token token");
    await nothingInFlight();
  });

  it("streams chat with usage", async () => {
    const messages = [{ role: "user" as const, content: "hello" }];
    const stream = await openai.chat.completions.create({
      model: "m",
      messages,
      max_completion_tokens: 5,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let outputTokens: number | undefined;
    for await (const event of stream) {
      text += event.choices[0]?.delta.content ?? "";
      outputTokens = event.usage?.completion_tokens ?? outputTokens;
    }
    expect(text).toBe(" token".repeat(5));
    expect(outputTokens).toBe(5);
    await nothingInFlight();
  });

  it("sends requests without a body to a server", async () => {
    const models = await openai.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(["fake-model"]);
  });

  it("passes on the status of a server", async () => {
    const answer = await fetch(`${gateway.url}/v1/completions`, {
      method: "POST",
      headers: { "x-fake-status": "503" },
      body: JSON.stringify({ model: "m", prompt: "x" }),
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("x-inference-pod")).toMatch(/^vllm-/);
    await answer.text();
    await nothingInFlight();
  });

  it("tells a client what is wrong with its request", async () => {
    const answer = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body: "{" });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("inference error: BadRequest");
  });

  it.each([1, 1021, 16_384, 70_001, 700_000])(
    "passes on a large body that comes in pieces of %i bytes",
    async (piece) => {
      const characters = piece === 1 ? 3000 : 1_500_000;
      const body = Buffer.from(
        JSON.stringify({ model: "m", prompt: "naïve 多 ".repeat(characters / 11), max_tokens: 1 }),
      );
      const { status, server } = await postInPieces(gateway.port, body, piece);
      expect(status).toBe(200);
      const fake = loopback.fakes.find(({ name }) => name === server)!;
      expect(fake.lastBody.equals(body)).toBe(true);
    },
  );

  it("forgets requests whose clients went away", async () => {
    const slow = await loopback.addFake({ name: "slow", msPerToken: 50 });
    await loopback.announce([slow]);
    await eventually("only the slow server is left", async () => (await serverOf(gateway)) === "slow");
    const abort = new AbortController();
    const waiting = Array.from({ length: 8 }, (_, index) =>
      fetch(`${gateway.url}/v1/completions`, {
        method: "POST",
        signal: abort.signal,
        body: JSON.stringify({ model: "m", prompt: `p${index}`, stream: index % 2 === 0, max_tokens: 400 }),
      }).then((answer) => answer.text()),
    );
    await eventually("all eight are in work", () => slow.inFlight >= 8);
    expect(await loopback.busyEndpoints(epp)).toBe(1);
    abort.abort();
    const ends = await Promise.allSettled(waiting);
    expect(ends.every(({ status }) => status === "rejected")).toBe(true);
    await nothingInFlight();
    await loopback.announce(loopback.fakes.slice(0, 3));
    await eventually("the others are back", async () => (await serverOf(gateway)) !== "slow");
  });

  it("serves an HTTP/2 client many streams at once", async () => {
    const session = connect(gateway.url);
    try {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          http2Post(session, JSON.stringify({ model: "m", prompt: `p${index}` })),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    } finally {
      session.close();
    }
    await nothingInFlight();
  });

  // Upstream answers a body only at its own end, which never comes when trailers end it.
  it.skipIf(upstream)("passes trailers on, of requests and of responses", async () => {
    const session = connect(gateway.url);
    try {
      const body = JSON.stringify({ model: "m", prompt: "x", max_tokens: 1 });
      const answer = await http2Post(session, body, { "x-fake-trailers": "1", te: "trailers" }, { "x-sum": "abc" });
      expect(answer.status).toBe(200);
      expect(answer.trailers["x-fake-trailer"]).toBe("last");
      expect(JSON.parse(answer.text).usage.completion_tokens).toBe(1);
    } finally {
      session.close();
    }
    await nothingInFlight();
  });

  it("loses none of 5,000 requests on 64 connections", async () => {
    const prompt = "shared ".repeat(300);
    const result = await httpLoad({
      url: gateway.url,
      connections: 64,
      requests: 5000,
      body: (index) => JSON.stringify({ model: "m", prompt: `${prompt}${index % 200}`, max_tokens: 1 }),
    });
    expect(result.failures).toEqual([]);
    expect([...result.statuses]).toEqual([[200, 5000]]);
    await nothingInFlight();
  });
});

describe.skipIf("skip" in envoy)("behind an Envoy that picks among destinations itself", () => {
  let loopback: Loopback;
  afterAll(() => loopback?.stop());

  it("is told which endpoint served", async () => {
    loopback = await Loopback.start(2);
    const epp = await loopback.epp(eppUnderTest());
    const gateway = await loopback.envoy({ binary, eppPort: epp.grpcPort, overrideHosts: loopback.addresses });
    const answer = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body: '{"model":"m","prompt":"x"}' });
    await answer.text();
    const fake = loopback.fakes.find(({ name }) => name === answer.headers.get("x-inference-pod"));
    expect(answer.headers.get("x-conformance-test-served-endpoint")).toBe(fake?.address);
  });
});

describe.skipIf("skip" in envoy)("TLS between Envoy and the Endpoint Picker", () => {
  let loopback: Loopback;
  afterAll(() => loopback?.stop());

  it("works with the certificate that the Endpoint Picker makes for itself", async () => {
    loopback = await Loopback.start(1);
    const epp = await loopback.epp(eppUnderTest(), { flags: ["--secure-serving=true"] });
    const gateway = await loopback.envoy({ binary, eppPort: epp.grpcPort, eppTls: true });
    const answer = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body: '{"model":"m","prompt":"x"}' });
    expect(await answer.text()).toContain('"text_completion"');
    expect(answer.status).toBe(200);
  });
});

async function serverOf(gateway: RunningEnvoy): Promise<string | null> {
  const answer = await fetch(`${gateway.url}/v1/completions`, {
    method: "POST",
    body: '{"model":"m","prompt":"x","max_tokens":1}',
  });
  await answer.arrayBuffer();
  return answer.headers.get("x-inference-pod");
}

function postInPieces(port: number, body: Buffer, piece: number): Promise<{ status: number; server: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const options = { host: "127.0.0.1", port, path: "/v1/completions", method: "POST", headers };
    const sent = httpRequest(options, (answer) => {
      answer.resume();
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, server: String(answer.headers["x-inference-pod"]) }),
      );
    });
    sent.on("error", reject);
    sent.setNoDelay(true);
    for (let from = 0; from < body.length; from += piece) sent.write(body.subarray(from, from + piece));
    sent.end();
  });
}

interface Http2Answer {
  readonly status: number;
  readonly text: string;
  readonly trailers: Record<string, unknown>;
}

function http2Post(
  session: ClientHttp2Session,
  body: string,
  headers: Record<string, string> = {},
  trailers?: Record<string, string>,
): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const path = { ":method": "POST", ":path": "/v1/completions", "content-type": "application/json" };
    const stream = session.request(
      { ...path, ...headers },
      { endStream: false, waitForTrailers: trailers !== undefined },
    );
    const answer = { status: 0, text: "", trailers: {} as Record<string, unknown> };
    stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
    stream.on("response", (head) => {
      answer.status = Number(head[":status"]);
    });
    stream.on("trailers", (tail) => {
      answer.trailers = { ...tail };
    });
    stream.on("data", (chunk: Buffer) => {
      answer.text += chunk.toString();
    });
    stream.on("end", () => resolve(answer));
    stream.on("error", reject);
    stream.setTimeout(20_000, () => reject(new Error("no answer")));
    stream.end(body);
  });
}
