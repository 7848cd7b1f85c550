import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ExitCode } from "../exit-code.ts";
import type { Command } from "./command.ts";
import { run } from "./run.ts";

/** `windtunnel demo`: the quickstart scenario under the baseline that Kubernetes users have, and under llm-d's. */
export const demo: Command = async ({ options }, terminal) => {
  const scenario = join(repositoryRoot(), "scenarios", "quickstart.yaml");
  const asked = { ...options, file: [scenario], policy: ["round-robin", "optimized-baseline"] };
  const code = await run({ command: "run", positional: [], options: asked }, terminal);
  if (code === ExitCode.pass && options.output === "table" && !options.quiet) {
    terminal.err(
      [
        "",
        "Next:",
        "  npm run -s windtunnel -- explain -f scenarios/quickstart.yaml --request 100 --policy round-robin,optimized-baseline",
        "  npm run -s windtunnel -- run -f scenarios/quickstart.yaml --set spec.pools[0].replicas=6",
        "  npm run -s windtunnel -- init my-fleet",
        "",
      ].join("\n"),
    );
  }
  return code;
};

/** Scenarios and traces lie beside the packages, in the repository and in what is published. */
function repositoryRoot(): string {
  return join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
}
