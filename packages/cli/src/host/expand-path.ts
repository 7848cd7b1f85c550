import { isAbsolute, resolve } from "node:path";
import { UsageError } from "../exit-code.ts";

/**
 * A path of a scenario as a path of this machine: `${NAME}` and `${NAME:-default}` are read from the environment, and
 * what is relative is relative to the scenario's directory.
 *
 * @throws UsageError for a variable that is not set and has no default
 */
export function expandPath(path: string, directory: string, env: Readonly<Record<string, string | undefined>>): string {
  const expanded = path.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, fallback?: string) => {
      const value = env[name] || fallback;
      if (value === undefined) throw new UsageError(`${path}: the environment variable ${name} is not set`);
      return value;
    },
  );
  return isAbsolute(expanded) ? expanded : resolve(directory, expanded);
}
