import type { Dispatched, Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { config, outcome, request, router as routerOf } from "../../support/routing.ts";

/** e0 and e1 decode, e2 and e3 prefill, e4 and e5 encode. */
const ROLES = ["decode", "decode", "prefill", "prefill", "encode", "encode"];
const at = (n: number): string => `10.0.0.${n}:8000`;
const text = (parameters: string, more = "", profiles = ["prefill", "decode", "encode"]): string => `plugins:
- type: disagg-profile-handler
${parameters === "" ? "" : `  parameters: ${parameters}\n`}- type: always-disagg-pd-decider
- type: always-disagg-multimodal-decider
${more}- type: queue-scorer
- type: prefill-filter
- type: decode-filter
- type: encode-filter
schedulingProfiles:
${profiles.map((name) => `- name: ${name}\n  plugins: [{pluginRef: ${name.replace(/^my-/, "")}-filter}, {pluginRef: queue-scorer}]`).join("\n")}
`;

/** Endpoints with roles and queues of their own: the shortest queue of each role is picked. */
function fleet(body: string, queues: readonly number[], roles: readonly string[] = ROLES, over = {}): Router {
  const router = routerOf(body, 0, over);
  for (const [n, waitingQueueSize] of queues.entries()) {
    const labels = { "llm-d.ai/role": roles[n]! };
    const added = router.addEndpoint({ name: `e${n}`, namespace: "default", address: at(n), labels });
    router.updateMetrics(added, { waitingQueueSize }, 0);
  }
  return router;
}
const QUEUES = [5, 1, 0, 7, 3, 2];
const told = ({ targets, legs, headers, removeHeaders, profiles }: Dispatched) => ({
  target: targets[0]!.name,
  prefill: legs?.prefill?.name,
  encode: legs?.encode?.map(({ name }) => name),
  headers: headers === undefined ? undefined : Object.fromEntries(headers),
  removeHeaders,
  profiles: profiles.map(({ profile }) => profile),
});
const BOTH = ["x-prefiller-host-port", "x-encoder-hosts-ports"];
const dispatched = (router: Router, over = {}) => {
  const decision = router.requestArrived(request(over), 0);
  if (decision.kind !== "dispatched") throw new Error(outcome(decision));
  return told(decision);
};

describe("decode-first", () => {
  it("never runs a stage without its decider", () => {
    expect(dispatched(fleet(text(""), QUEUES))).toEqual({
      ...{ target: "e1", prefill: undefined, encode: undefined, headers: undefined },
      ...{ removeHeaders: BOTH, profiles: ["decode"] },
    });
  });
  it("prefills where the decider says so, and tells the sidecar", () => {
    const router = fleet(text("{deciders: {prefill: always-disagg-pd-decider}}"), QUEUES);
    expect(dispatched(router)).toEqual({
      ...{ target: "e1", prefill: "e2", encode: undefined, headers: { "x-prefiller-host-port": at(2) } },
      ...{ removeHeaders: BOTH, profiles: ["decode", "prefill"] },
    });
  });
  it("reads a renamed producer of prefixes if strict, beside which upstream creates one", () => {
    // The renamed one looks at a block of 64 tokens, so that 576 of 640 are never cached; the default one at all ten.
    const more = `- {type: prefix-based-pd-decider, parameters: {nonCachedTokens: 500}}
- {type: approx-prefix-cache-producer, name: mine, parameters: {maxPrefixTokensToMatch: 0, maxPrefixBlocksToMatch: 1}}
- {type: token-producer, name: my-tokens}
`;
    const prefills = (strict: boolean) => {
      const router = fleet(text("{deciders: {prefill: prefix-based-pd-decider}}", more), QUEUES, ROLES, { strict });
      const ask = () => dispatched(router, { promptTokens: 640 }).prefill;
      return {
        asked: [ask(), ask()],
        injected: router.config.plugins.filter((one) => one.injected).map(({ name }) => name),
      };
    };
    const defaults = ["approx-prefix-cache-producer", "token-producer"];
    expect(prefills(false)).toMatchObject({ asked: ["e2", undefined], injected: expect.arrayContaining(defaults) });
    expect(prefills(true).asked).toEqual(["e2", "e2"]);
    expect(prefills(true).injected).not.toContain("approx-prefix-cache-producer");
  });
  it("encodes multimodal requests only, before it prefills", () => {
    const deciders = "{prefill: always-disagg-pd-decider, encode: always-disagg-multimodal-decider}";
    const router = fleet(text(`{deciders: ${deciders}}`), QUEUES);
    expect(dispatched(router)).toMatchObject({ encode: undefined, profiles: ["decode", "prefill"] });
    expect(dispatched(router, { hasMultimodal: true })).toMatchObject({
      ...{ target: "e1", prefill: "e2", encode: ["e5"], profiles: ["decode", "encode", "prefill"] },
      headers: { "x-prefiller-host-port": at(2), "x-encoder-hosts-ports": at(5) },
    });
  });
  it("leaves out a stage that finds no endpoint", () => {
    const router = fleet(text("{deciders: {prefill: always-disagg-pd-decider}}"), QUEUES.slice(0, 2));
    expect(dispatched(router)).toMatchObject({ target: "e1", prefill: undefined, headers: undefined });
  });
  it("refuses when nobody can decode", () => {
    const router = fleet(text("{deciders: {prefill: always-disagg-pd-decider}}"), [1], ["prefill"]);
    expect(outcome(router.requestArrived(request(), 0))).toBe("429 no endpoints available for the given request");
  });
  it("names every encode endpoint that was picked", () => {
    const more = "- {type: max-score-picker, name: two, parameters: {maxNumOfEndpoints: 2}}\n";
    const body = text("{deciders: {encode: always-disagg-multimodal-decider}}", more).replace(
      "{pluginRef: encode-filter}",
      "{pluginRef: encode-filter}, {pluginRef: two}",
    );
    const { headers, encode } = dispatched(fleet(body, QUEUES), { hasMultimodal: true });
    expect(encode).toEqual(["e5", "e4"]);
    expect(headers).toEqual({ "x-encoder-hosts-ports": `${at(5)},${at(4)}` });
  });
  it("forgets the legs of one request before the next", () => {
    const more = "- {type: prefix-based-pd-decider, parameters: {nonCachedTokens: 50, promptTokens: 80}}\n";
    const router = fleet(text("{deciders: {prefill: prefix-based-pd-decider}}", more), QUEUES);
    expect(dispatched(router)).toMatchObject({ prefill: "e2" });
    expect(dispatched(router, { promptTokens: 60 })).toMatchObject({ prefill: undefined, headers: undefined });
  });
  it("gives the same answer with a record", () => {
    const router = fleet(text("{deciders: {prefill: always-disagg-pd-decider}}"), QUEUES);
    const decision = router.requestArrived(request(), 0, true) as Dispatched;
    expect(told(decision)).toMatchObject({ target: "e1", prefill: "e2", headers: { [BOTH[0]!]: at(2) } });
    expect(decision.record!.profiles.map(({ profile, primary, picked }) => [profile, primary, picked])).toEqual([
      ["decode", true, ["e1"]],
      ["prefill", false, ["e2"]],
    ]);
  });
});

describe("prefill-first", () => {
  it("always prefills where there is a profile for it, then decodes", () => {
    const router = fleet(text("{stageOrder: prefill-first}"), QUEUES);
    expect(dispatched(router)).toMatchObject({ target: "e1", prefill: "e2", profiles: ["prefill", "decode"] });
    const decoding = fleet(text("{stageOrder: Prefill_First}", "", ["decode", "encode"]), QUEUES);
    expect(dispatched(decoding)).toMatchObject({ target: "e1", prefill: undefined, profiles: ["decode"] });
  });
  it("decodes alone when nobody can prefill", () => {
    expect(dispatched(fleet(text("{stageOrder: prefill-first}"), QUEUES.slice(0, 2)))).toMatchObject({
      ...{ target: "e1", prefill: undefined, headers: undefined },
    });
  });
  it("takes no prefill decider", () => {
    const parameters = "{stageOrder: prefill-first, deciders: {prefill: always-disagg-pd-decider}}";
    expect(() => config(text(parameters))).toThrow(
      /epp\.yaml:5:63: parameter "deciders\.prefill" of disagg-profile-handler: stageOrder prefill-first always/,
    );
  });
});

describe("parameters", () => {
  const handlerOf = (loaded: ReturnType<typeof config>) =>
    loaded.plugins.find(({ type }) => type === "disagg-profile-handler")!;
  it("have profiles' names by default", () => {
    expect(handlerOf(config(text(""))).parameters).toEqual({
      ...{ stageOrder: "decode-first", deciders: {} },
      profiles: { decode: "decode", prefill: "prefill", encode: "encode" },
    });
  });
  it("take names of profiles", () => {
    const parameters =
      "{profiles: {decode: my-decode, prefill: my-prefill}, deciders: {prefill: always-disagg-pd-decider}}";
    const router = fleet(text(parameters, "", ["my-prefill", "my-decode"]), QUEUES);
    expect(dispatched(router)).toMatchObject({ target: "e1", prefill: "e2", profiles: ["my-decode", "my-prefill"] });
  });
  it("are nested from their flat form, the longer name of a decider first", () => {
    const loaded = config(
      text("{decodeProfile: decode, deciderPluginName: x, prefillDeciderPluginName: always-disagg-pd-decider}"),
    );
    expect(handlerOf(loaded).parameters).toMatchObject({ deciders: { prefill: "always-disagg-pd-decider" } });
    expect(loaded.warnings.map(({ message }) => message)).toContain(
      '"deciderPluginName" of disagg-profile-handler migrated to "deciders.prefill"',
    );
  });
  it("never mix the two forms", () => {
    const parameters = "{deciders: {prefill: always-disagg-pd-decider}, deciderPluginName: always-disagg-pd-decider}";
    expect(() => config(text(parameters))).toThrow(
      'epp.yaml:5:63: "deciderPluginName" of disagg-profile-handler is the older form of "deciders": use one or the other',
    );
  });
  it("name deciders that are there", () => {
    expect(() => config(text("{deciders: {prefill: always-disag-pd-decider}}"))).toThrow(
      'epp.yaml:5:36: parameter "deciders.prefill" of disagg-profile-handler names an unknown plugin "always-disag-pd-decider" (did you mean "always-disagg-pd-decider"?)',
    );
    expect(() => config(text("{deciders: {encode: queue-scorer}}"))).toThrow(
      'epp.yaml:5:35: parameter "deciders.encode" of disagg-profile-handler: "queue-scorer" is a scorer, expected a decider',
    );
  });
  it("know the orders of stages", () => {
    expect(() => config(text("{stageOrder: encode-first}"))).toThrow(
      'parameter "stageOrder" of disagg-profile-handler: expected decode-first or prefill-first, found "encode-first"',
    );
  });
  it("bring the producers along that the deciders may read", () => {
    const injected = config(text("")).plugins.filter(({ role }) => role === "producer");
    expect(injected.map(({ name }) => name)).toEqual(["approx-prefix-cache-producer", "token-producer"]);
  });
  it("of pd-profile-handler are the same", () => {
    const body = text("{deciderPluginName: always-disagg-pd-decider}").replace("disagg-profile", "pd-profile");
    expect(dispatched(fleet(body, QUEUES))).toMatchObject({ target: "e1", prefill: "e2" });
  });
});
