import type { Pair } from "./pair.ts";
import type { PromptMaker } from "./prompts.ts";

/**
 * Has each endpoint picked once with a cold prompt, by the shorter of two queues: a subset of one endpoint would not count
 * as cold upstream.
 */
export async function pickEachOnce(pair: Pair, prompts: PromptMaker): Promise<void> {
  const { fakes } = pair;
  for (const [index, fake] of fakes.entries()) fake.setGauges({ waiting: index });
  await pair.settle();
  const longest = fakes.at(-1)!;
  for (const fake of fakes.slice(0, -1)) await pickOf(pair, prompts, fake.address, longest.address);
  longest.setGauges({ waiting: 0 });
  fakes[0]!.setGauges({ waiting: fakes.length });
  await pair.settle();
  await pickOf(pair, prompts, longest.address, fakes[0]!.address);
}

async function pickOf(pair: Pair, prompts: PromptMaker, wanted: string, other: string): Promise<void> {
  const held = await pair.route({ body: prompts.coldBody(wanted), subset: [wanted, other] });
  for (const { destination } of [held.ours, held.theirs]) {
    if (destination !== wanted) throw new Error(`the warm-up asked for ${wanted} and got ${destination}`);
  }
  await held.respond();
  await pair.settle(10);
}
