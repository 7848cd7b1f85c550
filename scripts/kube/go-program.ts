import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A program cannot be had on this machine: one line that says why, and what to do instead. */
export class ProgramUnavailable extends Error {
  override readonly name = "ProgramUnavailable";
}

/** A command of a Go module. */
export interface GoProgram {
  readonly name: string;
  readonly module: string;
  readonly version: string;
  readonly package: string;
  /** Linker variables, `path=value`. */
  readonly variables?: readonly string[];
  /** Modules that it takes from its own tree, which only its own build can; gives the version of each. */
  readonly stagingVersion?: string;
}

const CACHE = join(homedir(), ".cache", "windtunnel", "kube");
const BUILD_TIMEOUT_MS = 1_500_000;

/** Where a built program lies, whether or not it is there yet. */
export function cachedProgram(name: string, version: string): string {
  return join(CACHE, version.replace(/^v/, ""), name);
}

/** Builds a Go program from the module proxy into the cache, once. @throws ProgramUnavailable */
export async function goProgram(program: GoProgram, say: (line: string) => void): Promise<string> {
  const path = cachedProgram(program.name, program.version);
  if (existsSync(path)) return path;
  if (spawnSync("go", ["version"]).status !== 0) {
    throw new ProgramUnavailable(`${program.name} ${program.version} is built with Go, and go is not on the PATH`);
  }
  say(`building ${program.name} ${program.version} into ${path} (once; minutes)`);
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-go-"));
  try {
    writeFileSync(join(folder, "go.mod"), goModule(program, folder));
    mkdirSync(dirname(path), { recursive: true });
    // Beside its place, for a rename in one step; named by the process, as several may build at once.
    const unfinished = `${path}.${process.pid}`;
    const variables = (program.variables ?? []).map((variable) => ` -X ${variable}`).join("");
    const options = ["-mod=mod", "-trimpath", "-ldflags", `-s -w${variables}`, "-o", unfinished];
    await go(["build", ...options, program.package], folder);
    renameSync(unfinished, path);
    return path;
  } catch (error) {
    throw new ProgramUnavailable(`${program.name} ${program.version} could not be built: ${(error as Error).message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The go.mod of a module that only requires the program: built so, the replacements of the program's own go.mod do not
 * count, which `go install` refuses. Those that point into its tree become the published modules.
 */
function goModule(program: GoProgram, folder: string): string {
  const { module, version, stagingVersion } = program;
  const lines = ["module windtunnel.dev/program", "", "go 1.24.0", "", `require ${module} ${version}`];
  if (stagingVersion === undefined) return `${lines.join("\n")}\n`;
  const got = spawnSync("go", ["mod", "download", "-json", `${module}@${version}`], {
    cwd: folder,
    encoding: "utf8",
    env: environment(),
  });
  if (got.status !== 0) throw new Error(lastLine(`${got.stderr}\n${got.stdout}`));
  const own = readFileSync((JSON.parse(got.stdout) as { GoMod: string }).GoMod, "utf8");
  const staged = [...own.matchAll(/^\s*(\S+) => \.\/staging\//gm)].map((match) => match[1]!);
  return `${[...lines, ...staged.map((name) => `replace ${name} => ${name} ${stagingVersion}`)].join("\n")}\n`;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" };
}

/** Runs go in the background of whatever else runs here. */
function go(args: readonly string[], cwd: string): Promise<void> {
  const child = spawn("nice", ["-n", "10", "go", ...args], {
    cwd,
    env: environment(),
    stdio: ["ignore", "ignore", "pipe"],
    timeout: BUILD_TIMEOUT_MS,
  });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-10_000);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(lastLine(output)))));
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "no reason given";
}
