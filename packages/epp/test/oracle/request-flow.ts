import type { GatewayRequest } from "../support/gateway-messages.ts";
import type { CaseRandom } from "./case-random.ts";
import { routingDifference } from "./compare.ts";
import type { HeldRequest, Pair } from "./pair.ts";
import type { Tally } from "./section.ts";

const CASES_PER_SHUFFLE = 100;
const MOST_HELD = 12;
/** Upstream updates its index of prefixes beside the request. */
const UPSTREAM_CATCHES_UP_MS = 5;
/** It hears of the first piece of a response, and of clients that went away, beside the stream. */
const UPSTREAM_HEARS_MS = 30;

/** A weight that no other scorer of a case comes near: `queue-scorer` then decides, and both pick alike. */
export const DOMINATING_WEIGHT = 100;

export interface FlowOptions {
  readonly pair: Pair;
  readonly random: CaseRandom;
  readonly tally: Tally;
  readonly cases: number;
  readonly request: () => GatewayRequest;
  /** Called at every shuffle of the queues, before they are scraped. */
  readonly changed?: () => Promise<void>;
}

/** Gives every endpoint a queue of its own length, so that `queue-scorer` leaves no ties. */
export function shuffleQueues(pair: Pair, random: CaseRandom): void {
  const waiting = random.shuffled(pair.fakes.map((_, index) => index));
  for (const [index, fake] of pair.fakes.entries()) fake.setGauges({ waiting: waiting[index]! });
}

/**
 * Sends a sequence of requests that builds up state in both: some stay in flight, some have begun to answer, some end,
 * some are given up by their clients.
 */
export async function requestFlow({ pair, random, tally, cases, request, changed }: FlowOptions): Promise<void> {
  let held: HeldRequest[] = [];
  for (let done = 0; done < cases; done++) {
    if (done % CASES_PER_SHUFFLE === 0) {
      shuffleQueues(pair, random);
      await changed?.();
      await pair.settle();
    }
    const subset = random.chance(0.7) ? { subset: random.some(pair.addresses) } : {};
    const answer = await pair.route({ ...request(), ...subset });
    tally.add(routingDifference(answer.ours, answer.theirs));
    if (answer.theirs.destination === undefined) await answer.respond();
    else held.push(answer);
    held = await advance(pair, held, random);
  }
  await Promise.all(held.map((one) => one.respond()));
}

async function advance(pair: Pair, held: readonly HeldRequest[], random: CaseRandom): Promise<HeldRequest[]> {
  const kept = [...held];
  let isHeardLater = false;
  if (kept.length > 0 && random.chance(0.2)) {
    await random.pick(kept).begin();
    isHeardLater = true;
  }
  while (kept.length > MOST_HELD || (kept.length > 0 && random.chance(0.45))) {
    const [ended] = kept.splice(random.below(kept.length), 1);
    const isAborted = random.chance(0.15);
    await (isAborted ? ended!.abort() : ended!.respond());
    isHeardLater ||= isAborted;
  }
  await pair.settle(isHeardLater ? UPSTREAM_HEARS_MS : UPSTREAM_CATCHES_UP_MS);
  return kept;
}
