import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Command } from "./command.ts";
import { run } from "./run.ts";

/** `windtunnel demo`: the quickstart scenario under the baseline that Kubernetes users have, and under llm-d's. */
export const demo: Command = async ({ options }, terminal) => {
  const scenario = join(homeDirectory(), "scenarios", "quickstart.yaml");
  const asked = { ...options, file: [scenario], policy: ["round-robin", "optimized-baseline"] };
  const code = await run({ command: "run", positional: [], options: asked }, terminal);
  if (code === ExitCode.pass && options.output === "table" && !options.quiet) {
    terminal.err(
      [
        "",
        "Next:",
        "  npm run -s windtunnel -- explain -f scenarios/quickstart.yaml --policy round-robin,optimized-baseline",
        "  npm run -s windtunnel -- run -f scenarios/quickstart.yaml --set spec.pools[0].replicas=6",
        "  npm run -s windtunnel -- init my-fleet",
        "",
      ].join("\n"),
    );
  }
  return code;
};

/** The nearest folder above this file that holds the scenarios: the repository's, or the published package's. */
function homeDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "scenarios", "quickstart.yaml"))) {
    const parent = dirname(directory);
    if (parent === directory)
      throw new UsageError("demo: scenarios/quickstart.yaml is not there; reinstall windtunnel");
    directory = parent;
  }
  return directory;
}
