import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { Director } from "../../../src/exchange/director.ts";
import { RequestHeaders } from "../../../src/exchange/request-headers.ts";
import { randomStream } from "../../../src/host/random-streams.ts";
import { PoolState } from "../../../src/pool/pool-state.ts";
import { replayRecording } from "../../../src/record/replay.ts";
import { ShadowRouter } from "../../../src/shadow/shadow.ts";
import { tokenizerFor } from "../../../src/tokens/tokenizer.ts";
import { endpointFacts, RecordedRouter, recordingFolder, silentLog } from "../../unit/record/traffic.ts";

const MARK = "XYZZYMARK";

const bodies = [
  {
    path: "/v1/chat/completions",
    body: {
      model: "m",
      user: `${MARK}-user`,
      messages: [
        { role: "system", content: `${MARK} ${"You are careful. ".repeat(40)}` },
        { role: "user", content: `What is ${MARK}?` },
      ],
      tools: [{ type: "function", function: { name: `${MARK}_tool` } }],
    },
  },
  { path: "/v1/completions", body: { model: "m", prompt: `${MARK} ${"tell me ".repeat(300)}`, max_tokens: 7 } },
  { path: `/${MARK}/v1/completions`, body: { model: `${MARK} with blanks`, prompt: ["one", `two ${MARK}`] } },
];

test.each(["optimized-baseline", "random"])(
  "requests through %s leave none of their content behind",
  async (preset) => {
    const folder = recordingFolder();
    const text = presetText(preset)!;
    const config = loadEndpointPickerConfig(text, { file: "live.yaml" });
    const shadow = new ShadowRouter({
      ...{
        config,
        seed: "seed",
        ignoreSubset: false,
        clock: { nowUs: () => 0 },
        log: silentLog,
        registry: new Registry(),
      },
      compared: (comparison) => recorded.recorder.shadowed(comparison),
    });
    const recorded: RecordedRouter = new RecordedRouter(text, folder, { observers: [shadow] });
    const { live } = recorded;
    live.setEndpoints([endpointFacts(0), endpointFacts(1), endpointFacts(2)]);
    const director = new Director({
      ...{ live, pool: new PoolState(live), parsers: ["openai-parser"], random: randomStream("seed", "model-rewrite") },
      tokenizer: tokenizerFor(config, { tokenizerFile: undefined, log: silentLog }),
    });
    for (let turn = 0; turn < 30; turn++) {
      const { path, body } = bodies[turn % bodies.length]!;
      const headers = new RequestHeaders({
        headers: [
          { key: ":path", value: path },
          { key: "authorization", value: `Bearer ${MARK}` },
          { key: "x-request-id", value: `${MARK}-${turn}` },
          { key: "x-session-id", value: `${MARK}-session` },
          { key: "x-gateway-inference-fairness-id", value: `${MARK}-tenant` },
        ],
      });
      const incoming = { id: `${MARK}-${turn}`, headers, subset: undefined, receivedAtUs: recorded.nowUs };
      recorded.nowUs += 1_000;
      const answer = await director.direct(incoming, Buffer.from(JSON.stringify(body)), () => false);
      const { flight } = answer!.routed;
      live.responseStarted(flight);
      flight.usage = { promptTokens: 10, outputTokens: 3 };
      live.responseEnded(flight, "completed");
    }
    await recorded.recorder.close();
    const written = readdirSync(folder)
      .map((file) => readFileSync(join(folder, file)))
      .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
      .join("");
    expect(written).toContain('["shadow",');
    expect(written).not.toMatch(/XYZZY|careful|tell me/i);
    expect(written).not.toContain(Buffer.from(MARK).toString("base64").slice(0, 10));
    expect(await replayRecording(folder)).toMatchObject({ requests: 30, equal: 30, incomplete: [] });
  },
);
