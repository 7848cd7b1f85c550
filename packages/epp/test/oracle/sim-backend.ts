import { Publisher, Subscriber } from "zeromq";
import { freePorts } from "../support/epp-program.ts";
import { INFERENCE_SIM_SKIP, type InferenceSim, startInferenceSim } from "../support/inference-sim.ts";
import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import { Pair } from "./pair.ts";
import type { ConfigParts } from "./picker-config.ts";
import type { Section, SectionContext } from "./section.ts";
import { Tally } from "./section.ts";

const MODEL = "test-model";
const HOSTS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
const BLOCK_SIZE_TOKENS = 16;
const PRODUCER = "precise-prefix-cache-producer";
const CONNECT_MS = 2500;
/** From the end of a response to its events in both indexes. */
const EVENTS_MS = 150;
const SUBJECT = "llm-d-inference-sim as backend";

/** Precise prefix routing on the KV events of llm-d's own fake model server, tokens from its render endpoint. */
export const simBackend: Section = {
  name: "sim-backend",
  async run(context) {
    const command = process.env.WINDTUNNEL_LLMD_SIM;
    if (command === undefined) {
      context.progress(`skipped, ${INFERENCE_SIM_SKIP}`);
      return [];
    }
    const tally = new Tally();
    for (const maps of [false, true]) await compareBackend(context, command, maps, tally);
    const note =
      "precise prefix routing on its KV events, as arrays and as maps, prompts tokenised by its render endpoint";
    return [tally.comparison(SUBJECT, "flow", note)];
  },
};

interface Backend {
  readonly sims: readonly InferenceSim[];
  readonly socketPort: number;
  stop(): Promise<void>;
}

/** A sim connects to one address to publish; a relay for each binds where any number of Endpoint Pickers connect. */
async function startBackend(command: string, maps: boolean): Promise<Backend> {
  const [socketPort, ...relayPorts] = await freePorts(1 + HOSTS.length);
  const sockets: (Publisher | Subscriber)[] = [];
  const sims: InferenceSim[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(sims.map((sim) => sim.stop()));
    for (const socket of sockets) socket.close();
  };
  try {
    for (const [index, host] of HOSTS.entries()) {
      const zmqEndpoint = `tcp://127.0.0.1:${relayPorts[index]}`;
      const from = new Subscriber();
      const to = new Publisher({ linger: 0 });
      sockets.push(from, to);
      from.subscribe();
      await from.bind(zmqEndpoint);
      await to.bind(`tcp://${host}:${socketPort}`);
      void relay(from, to);
      const options = { model: MODEL, blockSizeTokens: BLOCK_SIZE_TOKENS, zmqEndpoint, maps };
      sims.push(await startInferenceSim(command, { name: `sim-${index}`, host, ...options }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { sims, socketPort: socketPort!, stop };
}

/** Ends when its sockets close. */
async function relay(from: Subscriber, to: Publisher): Promise<void> {
  try {
    for await (const frames of from) await to.send(frames);
  } catch {
    // A socket closed in the middle of a message: the run is over.
  }
}

function config(socketPort: number, renderer: string): ConfigParts {
  return {
    plugins: [
      { type: "token-producer", parameters: { modelName: MODEL, vllm: { url: `http://${renderer}` } } },
      {
        type: PRODUCER,
        parameters: {
          tokenProcessorConfig: { blockSizeTokens: BLOCK_SIZE_TOKENS },
          kvEventsConfig: { topicFilter: "kv@", discoverPods: true, podDiscoveryConfig: { socketPort } },
        },
      },
      { type: "prefix-cache-scorer", parameters: { prefixMatchInfoProducerName: PRODUCER } },
    ],
    profile: [{ pluginRef: "prefix-cache-scorer", weight: 1 }],
    notified: [PRODUCER],
  };
}

async function compareBackend(
  { programs, random, cases, progress }: SectionContext,
  command: string,
  maps: boolean,
  tally: Tally,
): Promise<void> {
  const backend = await startBackend(command, maps);
  let pair: Pair | undefined;
  try {
    const { sims, socketPort } = backend;
    pair = await Pair.over(programs, config(socketPort, sims[0]!.address), sims);
    await pair.settle(CONNECT_MS);
    let hits = 0;
    const heads = Array.from({ length: 5 }, () => words(random, 60));
    for (let done = 0; done < Math.max(10, cases / 40); done++) {
      const prompt = `${random.pick(heads)} ${words(random, random.below(60))}`;
      const { difference, hit } = await compareOne(pair, prompt);
      tally.add(difference);
      if (hit) hits++;
    }
    progress(`sims with ${maps ? "map" : "array"} events: ${hits} prompts found cached, ${tally.differing} differ`);
    // Without hits the comparison would say nothing: the events did not arrive at upstream's either.
    if (hits === 0) tally.add("no prompt was found cached");
  } finally {
    await pair?.stop();
    await backend.stop();
  }
}

async function compareOne(pair: Pair, prompt: string): Promise<{ difference: string | undefined; hit: boolean }> {
  const body = { model: MODEL, prompt, max_tokens: 4 };
  const held = await pair.route({ body });
  const { destination, scores = {} } = held.theirs;
  if (destination !== undefined) {
    const answer = await fetch(`http://${destination}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`the backend answered ${answer.status}`);
  }
  await held.respond();
  await pair.settle(EVENTS_MS);
  const hit = Object.values(scores).some((score) => score > 0);
  return { difference: routingDifference(held.ours, held.theirs), hit };
}

function words(random: CaseRandom, count: number): string {
  return Array.from({ length: count }, () => `word${random.below(1000)}`).join(" ");
}
