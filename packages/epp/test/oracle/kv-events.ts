import { freePorts } from "../support/epp-program.ts";
import { type EngineEvent, KvPublisher } from "../support/kv-publisher.ts";
import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import { FakeEngineCache } from "./fake-engine-cache.ts";
import { endpointHost, Pair } from "./pair.ts";
import type { ConfigParts } from "./picker-config.ts";
import { DOMINATING_WEIGHT, shuffleQueues } from "./request-flow.ts";
import type { Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const ENDPOINTS = 8;
const MODEL = "m";
const BLOCK_SIZE_TOKENS = 16;
const CASES_PER_ROUND = 50;
const EVENTS_PER_ROUND = 60;
/** Subscribers need a moment to connect before they miss nothing. */
const CONNECT_MS = 2500;
const PRODUCER = "precise-prefix-cache-producer";

/**
 * Room for every endpoint and tier of a block: when it is full the one heard of first goes, and what is heard over several
 * sockets comes in no order.
 */
const indexerConfig = { kvBlockIndexConfig: { inMemoryConfig: { size: 1_000_000, podCacheSize: 4 * ENDPOINTS } } };

const HASHES = [{}, { hashSeed: "42" }, { hashAlgorithm: "xxh64", hashSeed: "7" }];

/** The precise prefix index: the same engine events to both, prompts of token ids. */
export const kvEvents: Section = {
  name: "kv-events",
  async run(context) {
    const producer = new Tally();
    for (const [index, hashes] of HASHES.entries()) {
      await compareEvents(context, (port) => producerConfig(port, hashes), index % 2 === 0, producer, HASHES.length);
    }
    const scorer = new Tally();
    await compareEvents(context, scorerConfig, true, scorer, 1);
    const how =
      "prompts of token ids after random stores (two tiers), removals and clears told over ZMQ, as arrays and maps";
    return [
      producer.comparison(PRODUCER, "events", `read by \`prefix-cache-scorer\`: ${how}, each way to hash blocks`),
      scorer.comparison("precise-prefix-cache-scorer", "scorer", how),
    ];
  },
};

function eventsConfig(socketPort: number): object {
  return { topicFilter: "kv@", discoverPods: true, podDiscoveryConfig: { socketPort } };
}

function producerConfig(socketPort: number, hashes: object): ConfigParts {
  const tokenProcessorConfig = { blockSizeTokens: BLOCK_SIZE_TOKENS, ...hashes };
  return {
    plugins: [
      { type: "token-producer", parameters: { estimate: {} } },
      { type: PRODUCER, parameters: { tokenProcessorConfig, indexerConfig, kvEventsConfig: eventsConfig(socketPort) } },
      { type: "prefix-cache-scorer", parameters: { prefixMatchInfoProducerName: PRODUCER } },
      { type: "queue-scorer" },
    ],
    profile: [
      { pluginRef: "queue-scorer", weight: DOMINATING_WEIGHT },
      { pluginRef: "prefix-cache-scorer", weight: 1 },
    ],
    notified: [PRODUCER],
  };
}

function scorerConfig(socketPort: number): ConfigParts {
  const type = "precise-prefix-cache-scorer";
  const tokenProcessorConfig = { blockSizeTokens: BLOCK_SIZE_TOKENS };
  return {
    plugins: [
      { type: "token-producer", parameters: { estimate: {} } },
      { type, parameters: { tokenProcessorConfig, indexerConfig, kvEventsConfig: eventsConfig(socketPort) } },
      { type: "queue-scorer" },
    ],
    profile: [
      { pluginRef: "queue-scorer", weight: DOMINATING_WEIGHT },
      { pluginRef: type, weight: 1 },
    ],
    notified: [type],
  };
}

async function compareEvents(
  { programs, random, cases, progress }: SectionContext,
  config: (socketPort: number) => ConfigParts,
  maps: boolean,
  tally: Tally,
  share: number,
): Promise<void> {
  const [socketPort] = await freePorts(1);
  const publishers: KvPublisher[] = [];
  let pair: Pair | undefined;
  try {
    // Before the subscribers: they try again only after seconds when nobody is there.
    for (let index = 0; index < ENDPOINTS; index++) {
      const publisher = new KvPublisher(MODEL);
      publishers.push(publisher);
      await publisher.bind(`tcp://${endpointHost(index)}:${socketPort}`);
    }
    pair = await Pair.start(programs, config(socketPort!), { endpoints: ENDPOINTS });
    await pair.settle(CONNECT_MS);
    const caches = publishers.map((_, index) => new FakeEngineCache(random, BLOCK_SIZE_TOKENS, index));
    const prompts = randomPrompts(random);
    const last = tally.cases + Math.ceil(cases / share);
    while (tally.cases < last) {
      await publishRound(random, caches, publishers, pair.addresses, prompts, maps);
      shuffleQueues(pair, random);
      await pair.settle();
      for (let done = 0; done < CASES_PER_ROUND && tally.cases < last; done++) {
        tally.add(await compareOne(pair, random, prompts));
      }
    }
    progress(`precise index: ${tally.cases} cases, ${tally.differing} differ`);
  } finally {
    for (const publisher of publishers) publisher.close();
    await pair?.stop();
  }
}

async function publishRound(
  random: CaseRandom,
  caches: readonly FakeEngineCache[],
  publishers: readonly KvPublisher[],
  pods: readonly string[],
  prompts: readonly (readonly number[])[],
  maps: boolean,
): Promise<void> {
  for (let sent = 0; sent < EVENTS_PER_ROUND; ) {
    const engine = random.below(caches.length);
    const events: EngineEvent[] = [];
    for (let wanted = 1 + random.below(4); wanted > 0; wanted--) {
      const event = caches[engine]!.next(prompts);
      if (event !== undefined) events.push(event);
    }
    sent += Math.max(1, events.length);
    await publishers[engine]!.publish(pods[engine]!, events, maps);
  }
}

async function compareOne(
  pair: Pair,
  random: CaseRandom,
  prompts: readonly (readonly number[])[],
): Promise<string | undefined> {
  const prompt = random.pick(prompts);
  const asked = random.chance(0.5) ? prompt : [...prompt.slice(0, random.below(prompt.length)), ...tokens(random, 20)];
  const held = await pair.route({ body: { model: MODEL, prompt: asked } });
  await held.respond();
  return routingDifference(held.ours, held.theirs);
}

/** Prompts of which many share their head with another. */
function randomPrompts(random: CaseRandom): number[][] {
  const heads = Array.from({ length: 6 }, () => tokens(random, 40 + random.below(200)));
  return Array.from({ length: 24 }, () => {
    const head = random.pick(heads);
    return [...head.slice(0, random.below(head.length)), ...tokens(random, 1 + random.below(200))];
  });
}

function tokens(random: CaseRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.below(50_000));
}
