import type { FakeGauges } from "../../src/demo/fake-metrics-page.ts";
import type { GatewayRequest, Routing } from "../support/gateway-messages.ts";
import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { ConfigParts } from "./picker-config.ts";
import { shuffleQueues } from "./request-flow.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ENDPOINTS = 12;
const ROLES = ["decode", "prefill", "encode", "both", "prefill-decode", "encode-prefill"];
const CASES_PER_SHUFFLE = 60;
/** Upstream updates its index of prefixes beside the request. */
const UPSTREAM_CATCHES_UP_MS = 5;
/** What a picker tells the sidecar, and what a client must not be able to. */
const SIDECAR_HEADERS = ["x-prefiller-host-port", "x-encoder-hosts-ports", "x-data-parallel-host-port"];

interface Subject {
  readonly name: string;
  readonly kind: Comparison["kind"];
  readonly variants: readonly ConfigParts[];
  readonly note: string;
  readonly request: (random: CaseRandom) => GatewayRequest;
}

const STAGES = ["decode", "prefill", "encode"];
const stagePlugins = (parameters: object) => [
  { type: "disagg-profile-handler", parameters },
  { type: "always-disagg-pd-decider" },
  { type: "always-disagg-multimodal-decider" },
  { type: "prefix-based-pd-decider", parameters: { nonCachedTokens: 300, promptTokens: 400 } },
  ...STAGES.map((stage) => ({ type: `${stage}-filter` })),
  { type: "queue-scorer" },
];
const stages = (parameters: object, names: readonly string[] = STAGES): ConfigParts => ({
  plugins: stagePlugins(parameters),
  profile: [],
  profiles: names.map((name) => ({
    name,
    plugins: [{ pluginRef: `${name}-filter` }, { pluginRef: "queue-scorer", weight: 1 }],
  })),
});

const SUBJECTS: readonly Subject[] = [
  {
    name: "disagg-profile-handler",
    kind: "handler",
    variants: [
      stages({ deciders: { prefill: "always-disagg-pd-decider", encode: "always-disagg-multimodal-decider" } }),
      stages({ stageOrder: "prefill-first", deciders: { encode: "always-disagg-multimodal-decider" } }),
      stages({ prefillDeciderPluginName: "always-disagg-pd-decider" }),
      stages({}),
    ],
    note: "both orders, nested and flat parameters, no decider: destination, scores and headers to the sidecar, over subsets that lack roles",
    request: (random) => ({ ...anyBody(random), headers: forged(random, SIDECAR_HEADERS.slice(0, 2)) }),
  },
  {
    name: "prefix-based-pd-decider",
    kind: "decider",
    variants: [stages({ deciders: { prefill: "prefix-based-pd-decider" } })],
    note: "prompts of 0 to 1,000 tokens with shared prefixes, so that what the decode endpoint has cached decides",
    request: (random) => ({ body: { model: "m", prompt: sharedPrompt(random) } }),
  },
  {
    name: "data-parallel-profile-handler",
    kind: "handler",
    variants: [{}, { primaryPort: 9000 }].map((parameters) => ({
      plugins: [{ type: "data-parallel-profile-handler", parameters }, { type: "queue-scorer" }],
      profile: [{ pluginRef: "queue-scorer", weight: 1 }],
    })),
    note: "destination at the primary port, the rank in its header, no scores",
    request: (random) => ({ body: { model: "m", prompt: "hello" }, headers: forged(random, SIDECAR_HEADERS.slice(2)) }),
  },
  {
    name: "header-profile-handler",
    kind: "handler",
    variants: [{}, { headerName: "X-Stage", defaultProfile: "prefill" }].map((parameters) => ({
      ...stages({}, ["decode", "prefill"]),
      plugins: [{ type: "header-profile-handler", parameters }, ...stagePlugins({}).slice(4)],
      experimental: true,
    })),
    note: "names of profiles with spaces and in other case, unknown ones, none",
    request: (random) => ({
      body: { model: "m", prompt: "hello" },
      headers: {
        // A refusal names the request.
        "x-request-id": `request-${random.below(1e9)}`,
        [random.pick(["epp-profile", "x-stage"])]: random.pick(["decode", " prefill ", "Decode", "encode", "", " "]),
      },
    }),
  },
];

/** Handlers of several stages and their deciders: destination, scores, and what the sidecar is told in headers. */
export const disaggregation: Section = {
  name: "disaggregation",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const subject of SUBJECTS) {
      const tally = new Tally();
      for (const variant of subject.variants) await compareVariant(context, subject, variant, tally);
      comparisons.push(tally.comparison(subject.name, subject.kind, subject.note));
    }
    return comparisons;
  },
};

async function compareVariant(
  { programs, random, cases, progress }: SectionContext,
  { name, variants, request }: Subject,
  config: ConfigParts,
  tally: Tally,
): Promise<void> {
  const labels = (index: number): Record<string, string> => ({ "llm-d.ai/role": ROLES[index % ROLES.length]! });
  const gauges: Partial<FakeGauges> = { blockSizeTokens: 64 };
  const pair = await Pair.start(programs, config, { endpoints: ENDPOINTS, labels, gauges });
  try {
    const last = tally.cases + Math.ceil(cases / variants.length);
    while (tally.cases < last) {
      shuffleQueues(pair, random);
      await pair.settle();
      for (let done = 0; done < CASES_PER_SHUFFLE && tally.cases < last; done++) {
        const subset = random.chance(0.6) ? { subset: random.some(pair.addresses).slice(0, 1 + random.below(5)) } : {};
        const held = await pair.route({ ...request(random), ...subset });
        await held.respond();
        tally.add(routingDifference(held.ours, held.theirs) ?? headersDifference(held.ours, held.theirs));
        await pair.settle(UPSTREAM_CATCHES_UP_MS);
      }
    }
    progress(`${name}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}

function headersDifference(ours: Routing, theirs: Routing): string | undefined {
  for (const name of SIDECAR_HEADERS) {
    const [own, other] = [ours.setHeaders[name], theirs.setHeaders[name]];
    if (own !== other) return `${name}: ours ${own}, theirs ${other}`;
  }
  return undefined;
}

/** Now and then a client that names endpoints itself. */
function forged(random: CaseRandom, names: readonly string[]): Record<string, string> {
  if (random.chance(0.7)) return {};
  return Object.fromEntries(names.map((name) => [name, "192.168.7.7:1"]));
}

/** A prompt of text, or a chat with an image, sound or film. */
function anyBody(random: CaseRandom): GatewayRequest {
  if (random.chance(0.5)) return { body: { model: "m", prompt: "hello" } };
  const content = random.some([
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: `https://example.com/${random.below(5)}.png` } },
    { type: "video_url", video_url: { url: "https://example.com/a.mp4" } },
    { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
  ]);
  return { path: "/v1/chat/completions", body: { model: "m", messages: [{ role: "user", content }] } };
}

/** One of a few beginnings and a tail of its own, four characters a token. */
function sharedPrompt(random: CaseRandom): string {
  const beginning = `${random.below(4)}`.repeat(4 * 64 * random.below(12));
  return beginning + `${random.next()}`.padEnd(4 * random.below(300), "x");
}
