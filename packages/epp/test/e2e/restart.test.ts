import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { RunningEnvoy } from "../../src/demo/envoy.ts";
import { type HttpLoadResult, httpLoad } from "../support/http-load.ts";
import { envoyOrSkip, eppUnderTest, eventually, Loopback } from "../support/loopback.ts";

const envoy = await envoyOrSkip();
const title =
  "skip" in envoy ? `the end of an Endpoint Picker (skipped: ${envoy.skip})` : "the end of an Endpoint Picker";
const binary = "binary" in envoy ? envoy.binary : "";

describe.skipIf("skip" in envoy)(title, () => {
  let loopback: Loopback | undefined;
  afterEach(async () => {
    await loopback?.stop();
    loopback = undefined;
  });

  it("loses no request when it drains and another takes over", async () => {
    loopback = await Loopback.start(3, { msPerToken: 20 });
    const flags = ["--drain-timeout", "1s"];
    const first = await loopback.epp(eppUnderTest(), { flags });
    const second = await loopback.epp(eppUnderTest(), { flags });
    const epps = [first, second].map(({ grpcPort, healthPort }) => ({ port: grpcPort, healthPort }));
    const gateway = await loopback.envoy({ binary, epps });
    await healthy(gateway, 2);
    const load = startLoad(gateway);
    await sleep(500);
    first.program.signal("SIGTERM");
    expect(await first.program.exited).toBe(0);
    await sleep(500);
    const result = await load.end();
    expect(result.failures).toEqual([]);
    expect(result.requests).toBeGreaterThan(100);
  });

  it("fails requests while it is gone under fail-close, and only then", async () => {
    loopback = await Loopback.start(2);
    const first = await loopback.epp(eppUnderTest());
    const gateway = await loopback.envoy({ binary, eppPort: first.grpcPort });
    const load = startLoad(gateway);
    await sleep(300);
    await first.program.stop("SIGKILL");
    await sleep(300);
    const during = await load.end();
    expect(during.statuses.get(200)).toBeGreaterThan(0);
    expect([...during.statuses.keys()].every((status) => [200, 500, 503].includes(status))).toBe(true);
    expect(during.failures).not.toEqual([]);
    await loopback.epp(eppUnderTest(), { grpcPort: first.grpcPort });
    await eventually("requests pass again", async () => (await status(gateway)) === 200);
    const after = await httpLoad({ url: gateway.url, connections: 8, requests: 200, body });
    expect([...after.statuses]).toEqual([[200, 200]]);
  });

  // A stream that fails after its first piece of body cannot fail open: Envoy has to know before that nobody is there.
  it("lets requests pass while it is known to be gone under fail-open", async () => {
    loopback = await Loopback.start(2);
    const { grpcPort, healthPort, program } = await loopback.epp(eppUnderTest());
    const gateway = await loopback.envoy({
      binary,
      epps: [{ port: grpcPort, healthPort }],
      failureModeAllow: true,
      overrideHosts: loopback.addresses,
    });
    await healthy(gateway, 1);
    await program.stop("SIGKILL");
    await healthy(gateway, 0);
    const gone = await httpLoad({ url: gateway.url, connections: 8, requests: 200, body });
    expect(gone.failures).toEqual([]);
    const passed = await failedOpen(gateway);
    expect(passed).toBeGreaterThanOrEqual(200);
    await loopback.epp(eppUnderTest(), { grpcPort, healthPort });
    await healthy(gateway, 1);
    await asked(gateway);
    const before = await failedOpen(gateway);
    const back = await httpLoad({ url: gateway.url, connections: 8, requests: 200, body });
    expect(back.failures).toEqual([]);
    expect(await failedOpen(gateway)).toBe(before);
  });
});

/** Waits until Envoy's worker threads know what its main thread tells of: none of 20 requests fails open. */
function asked(gateway: RunningEnvoy): Promise<void> {
  return eventually("requests reach the Endpoint Picker", async () => {
    const before = await failedOpen(gateway);
    const few = await httpLoad({ url: gateway.url, connections: 4, requests: 20, body });
    return few.failures.length === 0 && (await failedOpen(gateway)) === before;
  });
}

/** How often Envoy let a request pass without the Endpoint Picker. */
async function failedOpen(gateway: RunningEnvoy): Promise<number> {
  const name = "http.gateway.ext_proc.failure_mode_allowed";
  return (await gateway.stats(name)).get(name) ?? 0;
}

function body(index: number): string {
  return JSON.stringify({ model: "m", prompt: `prompt ${index}`, max_tokens: 1 });
}

async function status(gateway: RunningEnvoy): Promise<number> {
  const answer = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body: body(0) });
  await answer.arrayBuffer();
  return answer.status;
}

/** Waits until Envoy knows of so many healthy Endpoint Pickers. */
function healthy(gateway: RunningEnvoy, count: number): Promise<void> {
  return eventually(`${count} are healthy`, async () => {
    const stats = await gateway.stats("cluster.ext_proc.membership_healthy");
    return stats.get("cluster.ext_proc.membership_healthy") === count;
  });
}

function startLoad(gateway: RunningEnvoy): { end(): Promise<HttpLoadResult> } {
  let over = false;
  const result = httpLoad({ url: gateway.url, connections: 16, until: () => over, body, requestsPerSecond: 400 });
  return {
    end: () => {
      over = true;
      return result;
    },
  };
}
