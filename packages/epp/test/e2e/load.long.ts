import { afterAll, describe, expect, it } from "vitest";
import { httpLoad } from "../support/http-load.ts";
import { envoyOrSkip, eppUnderTest, eventually, Loopback } from "../support/loopback.ts";

const envoy = await envoyOrSkip();
const title = "skip" in envoy ? `load behind a real Envoy (skipped: ${envoy.skip})` : "load behind a real Envoy";

describe.skipIf("skip" in envoy)(title, () => {
  let loopback: Loopback;
  afterAll(() => loopback?.stop());

  it("loses none of 100,000 requests on 64 connections", async () => {
    loopback = await Loopback.start(4, { constant: true });
    const epp = await loopback.epp(eppUnderTest(), { flags: ["--emit-endpoint-scores"] });
    const gateway = await loopback.envoy({ binary: "binary" in envoy ? envoy.binary : "", eppPort: epp.grpcPort });
    const prompt = "shared ".repeat(300);
    const result = await httpLoad({
      url: gateway.url,
      connections: 64,
      requests: 100_000,
      body: (index) => JSON.stringify({ model: "m", prompt: `${prompt}${index % 200}`, max_tokens: 1 }),
    });
    expect(result.failures).toEqual([]);
    expect([...result.statuses]).toEqual([[200, 100_000]]);
    await eventually("nothing in flight", async () => (await loopback.busyEndpoints(epp)) === 0);
  });
});
