import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Flight } from "../../../src/host/flight.ts";
import { type ContractCase, contractCases } from "./case-format.ts";
import { playCase } from "./case-player.ts";
import { ExchangeRig } from "./exchange-rig.ts";
import { GrpcGateway } from "./grpc-peer.ts";
import { InProcessPeer } from "./in-process-peer.ts";

/** A rig as a case describes it. */
function rigOf({ endpoints, options = {}, configuration, objectives, modelRewrites }: ContractCase): ExchangeRig {
  return new ExchangeRig({
    endpoints: endpoints.map(({ address, labels, waiting = 0, running = 0, kvUsageFraction = 0, lora }) => ({
      address,
      metrics: { waitingQueueSize: waiting, runningRequestsSize: running, kvCacheUsageFraction: kvUsageFraction, lora },
      ...(labels === undefined ? {} : { labels }),
    })),
    ...(configuration === undefined ? {} : { configuration }),
    ...(objectives === undefined ? {} : { objectives }),
    ...(modelRewrites === undefined ? {} : { modelRewrites }),
    emitScores: options.emitEndpointScores ?? false,
    strict: options.strict ?? false,
    ignoreSubset: options.ignoreSubset ?? false,
    ...(options.maxRequestBodyBytes === undefined ? {} : { maxBodyBytes: options.maxRequestBodyBytes }),
  });
}

/** What the picker keeps of the one request, by the names of the cases. */
function keptOf(flight: Flight | undefined): Record<string, unknown> {
  const { request, end, status, usage, served, targets } = flight ?? {};
  const { id, path, model, targetModel, priority } = request ?? {};
  return { end, status, usage, served, targets, id, path, model, targetModel, priority };
}

function checkAfter({ kept = {} }: ContractCase, rig: ExchangeRig): void {
  expect(rig.defects).toEqual([]);
  expect(rig.live.inFlight).toBe(0);
  expect(rig.ended.length).toBe(rig.dispatched.length);
  const found = keptOf(rig.ended[0]);
  for (const [name, value] of Object.entries(kept)) expect(found[name] ?? null, name).toEqual(value);
}

const gateway = new GrpcGateway();
beforeAll(() => gateway.start());
afterAll(() => gateway.stop());

for (const { file, cases } of contractCases()) {
  describe(file, () => {
    for (const one of cases) {
      const skip = one.skip === undefined ? "" : ` (skipped: ${one.skip})`;
      it.skipIf(one.skip !== undefined)(`${one.name}${skip}`, async () => {
        const rig = rigOf(one);
        expect(await playCase(one, new InProcessPeer(rig))).toBeUndefined();
        checkAfter(one, rig);
      });

      it.skipIf(one.skip !== undefined)(`${one.name}, over gRPC${skip}`, async () => {
        const rig = rigOf(one);
        const peer = gateway.open(rig);
        expect(await playCase(one, peer)).toBeUndefined();
        await peer.over();
        checkAfter(one, rig);
      });
    }
  });
}
