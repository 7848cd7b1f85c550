import { didYouMean, ScenarioError } from "../errors.ts";
import type { Accelerator } from "./accelerator.ts";
import { NVIDIA_ACCELERATORS } from "./nvidia.ts";
import { OTHER_ACCELERATORS } from "./other-vendors.ts";

/** Every accelerator that a scenario can name. */
export const ACCELERATORS: readonly Accelerator[] = [...NVIDIA_ACCELERATORS, ...OTHER_ACCELERATORS];

/**
 * The accelerator with this id or alias, ignoring case.
 *
 * @throws ScenarioError when there is none, with the nearest name
 */
export function acceleratorNamed(name: string): Accelerator {
  const wanted = name.toLowerCase();
  const found = ACCELERATORS.find(
    ({ id, aliases }) => id === wanted || aliases.some((a) => a.toLowerCase() === wanted),
  );
  if (found !== undefined) return found;
  const ids = ACCELERATORS.map(({ id }) => id);
  const names = ACCELERATORS.flatMap(({ id, aliases }) => [id, ...aliases]);
  throw new ScenarioError(`unknown accelerator "${name}"${didYouMean(name, names)}; known: ${ids.join(", ")}`);
}
