import { ScenarioError } from "../errors.ts";
import type { LoadedScenario } from "./load.ts";
import type { Path } from "./source-file.ts";

/** @throws ScenarioError of the action, with the place of what it is about */
export function atPlace<T>(loaded: LoadedScenario, path: Path, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    throw new ScenarioError(`${loaded.place(path)}: ${error.message}`);
  }
}
