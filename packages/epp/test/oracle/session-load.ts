import type { CaseRandom } from "./case-random.ts";
import { Pair } from "./pair.ts";
import { DOMINATING_WEIGHT, requestFlow } from "./request-flow.ts";
import type { Comparison, Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ENDPOINTS = 10;
const SESSIONS = 12;

interface Subject {
  readonly type: string;
  readonly kind: "scorer" | "filter";
  readonly parameters: readonly object[];
  readonly subject?: string;
  readonly note: string;
  /** Listed before it. */
  readonly producers?: readonly { readonly type: string; readonly parameters: object }[];
  /** Where a request says its session; in one of two headers unless given. */
  readonly session?: (random: CaseRandom) => Record<string, string>;
}

const byId = {
  strategy: "session_id",
  sessionIdConfig: { sources: [{ header: "X-Mine" }, { header: "x-session-id" }] },
};
const fromProducer = {
  strategy: "session_id",
  sessionIdConfig: {
    sources: [{ attribute: "SessionIDDataKey", producer: "session-id-producer" }, { header: "x-session-id" }],
  },
};
const SUBJECTS: readonly Subject[] = [
  {
    type: "session-affinity-scorer",
    kind: "scorer",
    parameters: [byId],
    subject: "session-affinity-scorer, session_id",
    note: "sessions by id from one of two headers, over subsets that lack their endpoints",
  },
  {
    type: "session-affinity-filter",
    kind: "filter",
    parameters: [byId],
    subject: "session-affinity-filter, session_id",
    note: "the same as a filter",
  },
  {
    type: "concurrency-detector",
    kind: "filter",
    parameters: [
      { maxConcurrency: 2 },
      { maxConcurrency: 1, headroom: 1.5 },
      { concurrencyMode: "tokens", maxTokenConcurrency: 60 },
      { concurrencyMode: "hybrid", maxConcurrency: 2, maxTokenConcurrency: 60 },
    ],
    note: "as a filter, requests and tokens in flight, with headroom, until none is left",
  },
  {
    type: "utilization-filter",
    kind: "filter",
    parameters: [{ conditions: [{ metric: "active-requests", maxValue: 1 }] }],
    subject: "utilization-filter, active-requests",
    note: "requests in flight",
  },
  ...[{ headerName: "X-Mine" }, { cookieName: "sid" }].map(
    (parameters): Subject => ({
      type: "session-affinity-scorer",
      kind: "scorer",
      parameters: [fromProducer],
      producers: [{ type: "session-id-producer", parameters }],
      subject: `session-id-producer, ${Object.keys(parameters)}`,
      note: "sessions by the id that it gives, else from a header, as `session-affinity-scorer` reads them",
      session: (random) => {
        const id = (prefix: string): string => random.pick(["", " ", prefix]) + random.below(SESSIONS);
        return {
          "x-session-id": id("header"),
          ...(random.chance(0.7) ? { "x-mine": random.pick(["", id("s")]) } : {}),
          ...(random.chance(0.7)
            ? { cookie: `a=${id("a")};${random.pick(["sid", " sid", "SID", "sid "])}=${id("s")} ; z` }
            : {}),
        };
      },
    }),
  ),
];

/** Plugins whose answers depend on earlier requests: sessions, and what is in flight. */
export const sessionLoad: Section = {
  name: "session-load",
  async run(context) {
    const comparisons: Comparison[] = [];
    for (const subject of SUBJECTS) {
      const tally = new Tally();
      for (const parameters of subject.parameters) await compareVariant(context, subject, parameters, tally);
      comparisons.push(tally.comparison(subject.subject ?? subject.type, subject.kind, subject.note));
    }
    return comparisons;
  },
};

const inHeaders = (random: CaseRandom): Record<string, string> => ({
  [random.pick(["x-session-id", "x-mine"])]: random.pick([" ", "s"]) + random.below(SESSIONS),
});

async function compareVariant(
  { programs, random, cases, progress }: SectionContext,
  { type, kind, parameters: all, producers = [], session = inHeaders }: Subject,
  parameters: object,
  tally: Tally,
): Promise<void> {
  const plugins = [
    { type: "token-producer", parameters: { estimate: {} } },
    { type: "inflight-load-producer" },
    ...producers,
    { type, parameters },
    { type: "queue-scorer" },
  ];
  const profile = [
    { pluginRef: type, ...(kind === "scorer" ? { weight: 1 } : {}) },
    { pluginRef: "queue-scorer", weight: DOMINATING_WEIGHT },
  ];
  const pair = await Pair.start(programs, { plugins, profile, experimental: true }, { endpoints: ENDPOINTS });
  try {
    await requestFlow({
      ...{ pair, random, tally, cases: Math.ceil(cases / all.length) },
      request: () => ({
        body: { model: "m", prompt: "x".repeat(4 * (1 + random.below(40))) },
        headers: random.chance(0.2) ? {} : session(random),
      }),
    });
    progress(`${type} ${JSON.stringify(parameters)}: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    await pair.stop();
  }
}
