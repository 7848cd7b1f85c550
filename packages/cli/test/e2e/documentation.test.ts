import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../support/source-files.ts";

/** Commands and what they print: ```console blocks, in which a line after `$ ` is a command for the shell. */
const BLOCK = /^```console\n([\s\S]*?)^```$/gm;

const data = process.env.WINDTUNNEL_DATA ?? join(root, "..", "shared");
const update = process.env.WINDTUNNEL_UPDATE_DOCS === "1";
const recipes = readdirSync(join(root, "docs", "recipes")).map((file) => join("docs", "recipes", file));

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "windtunnel-docs-"));
  for (const folder of ["scenarios", "traces"]) symlinkSync(join(root, folder), join(directory, folder));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What a command prints where a reader would type it, without remarks on stderr. */
function output(command: string): string {
  const main = join(root, "packages", "cli", "src", "main.ts");
  const cli = `"${process.execPath}" --conditions=windtunnel-source --disable-warning=ExperimentalWarning "${main}"`;
  const line = command.replaceAll("npm run -s windtunnel --", cli).replaceAll("npm run -s demo", `${cli} demo`);
  const env = { ...process.env, WINDTUNNEL_DATA: data };
  const done = spawnSync("bash", ["-o", "pipefail", "-c", line], { cwd: directory, env, encoding: "utf8" });
  // A pipe that has read enough ends its writer.
  expect([0, 141], `${command}\n${done.stderr}`).toContain(done.status);
  return done.stdout.replaceAll(data, "$WINDTUNNEL_DATA");
}

/** Why the Endpoint Picker's demonstration cannot run here; undefined where it can. */
function noEnvoy(): string | undefined {
  const main = join(root, "packages", "cli", "src", "main.ts");
  const node = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning", main];
  const { status, stderr } = spawnSync(process.execPath, [...node, "epp", "demo"], { encoding: "utf8" });
  return status === 2 && stderr.includes("Envoy") ? stderr.trim() : undefined;
}

/** The block with its commands' output as it is now. */
function rerun(block: string): string {
  const lines = block.split("\n").slice(0, -1);
  const commands = lines.flatMap((line, at) => {
    if (!line.startsWith("$ ")) return [];
    let end = at;
    while (lines[end]!.endsWith("\\")) end++;
    return [lines.slice(at, end + 1).join("\n")];
  });
  return commands.map((command) => `${command}\n${output(command.slice(2).replaceAll("\\\n", " "))}`).join("");
}

describe("the commands in the documentation print what stands there", () => {
  for (const file of ["README.md", ...recipes]) {
    const path = join(root, file);
    const blocks = [...readFileSync(path, "utf8").matchAll(BLOCK)].map(([, block]) => block!);
    test.for(blocks.map((block) => ({ block, first: block.split("\n")[0]! })))(
      `${file}: $first`,
      ({ block }, { skip }) => {
        if (/WINDTUNNEL_DATA|mooncake-conversation/.test(block)) {
          skip(!existsSync(join(data, "traces")), "WINDTUNNEL_DATA has no traces");
        }
        if (block.includes("epp demo")) {
          const why = noEnvoy();
          skip(why !== undefined, why);
        }
        const now = rerun(block);
        if (update)
          writeFileSync(
            path,
            readFileSync(path, "utf8").replace(block, () => now),
          );
        else expect(now).toBe(block);
      },
    );
  }
});

test("every link to a file in the documentation leads somewhere", () => {
  const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file));
  const broken = ["README.md", "scenarios/README.md", "traces/README.md", ...pages].flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      .filter(([, target]) => !existsSync(join(root, dirname(file), target!)))
      .map(([, target]) => `${file}: ${target}`),
  );
  expect(broken).toEqual([]);
});
