// Runs one of the project's tasks. Needs only the Node that is there (>= 20) and npm: what is missing of Node 24 and
// pnpm it fetches through npx once, and remembers where they are. Everything it says goes to stderr, so that
// `npm run -s windtunnel -- …` keeps stdout for data. WINDTUNNEL_UPDATE_LOCK=1 lets the install change pnpm-lock.yaml,
// after a change of dependencies.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_VERSION = "24.21.0";
const PNPM_VERSION = "12.21.0";
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, "node_modules", ".cache", "windtunnel");
const [task = "", ...rest] = process.argv.slice(2);

const node = (...args) => ["node", "--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning", ...args];
const tool = (path, ...args) => ["node", join("node_modules", path), ...args];
const vitest = (...args) => tool("vitest/vitest.mjs", ...args);
const tsc = (project) => tool("typescript/bin/tsc", "-p", project);
const TASKS = {
  windtunnel: [node(join(root, "packages/cli/src/main.ts"))],
  demo: [node("packages/cli/src/main.ts", "demo")],
  test: [vitest("run", "--project=!*:long", "--project=!*:kube")],
  "test:long": [vitest("run", "--project=*:long")],
  "test:kube": [node("scripts/kube/programs.ts"), vitest("run", "--project=*:kube")],
  "test:oracle": [node("packages/epp/test/oracle/main.ts")],
  bench: [node("--expose-gc", "scripts/bench.ts")],
  "bench:compare": [node("scripts/bench-compare.ts")],
  "bench:epp": [node("packages/epp/test/bench/main.ts")],
  "bench:scraper": [node("packages/epp/test/bench/scraper.ts")],
  "soak:epp": [node("packages/epp/test/soak/main.ts")],
  check: [
    tsc("tsconfig.check.json"),
    // Again one by one: the cores compile without the types of any host.
    tsc("packages/router-policies"),
    tsc("packages/sim-core"),
    tsc("packages/epp"),
    tsc("packages/cli"),
    tool("@biomejs/biome/bin/biome", "check", "--error-on-warnings"),
    tool("knip/bin/knip.js"),
  ],
  format: [tool("@biomejs/biome/bin/biome", "check", "--write")],
  build: [node("scripts/build.ts")],
  docs: [node("scripts/docs.ts")],
};

function say(message) {
  process.stderr.write(`windtunnel: ${message}\n`);
}

function fail(message) {
  say(message);
  process.exit(2);
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/** PATH with Node 24 and pnpm in front; fetches what is missing. */
function runtimePath() {
  const ownNode = Number(process.versions.node.split(".")[0]) >= 24;
  const pnpm = `pnpm@${PNPM_VERSION}`;
  const packages = ownNode ? [pnpm] : [`node@${NODE_VERSION}`, pnpm];
  const directories = fetchedBefore(packages) ?? fetchPackages(packages);
  return [...(ownNode ? [dirname(process.execPath)] : []), ...directories, process.env.PATH].join(delimiter);
}

/** Where an earlier fetch put the packages, and perhaps more; undefined when there was none. */
function fetchedBefore(packages) {
  const known = join(cache, "runtime.json");
  if (!existsSync(known)) return undefined;
  const found = JSON.parse(readFileSync(known, "utf8"));
  const holds = packages.every((name) => found.version.split(" ").includes(name));
  return holds && found.directories.every((directory) => existsSync(directory)) ? found.directories : undefined;
}

function fetchPackages(packages) {
  say(`getting ${packages.join(" and ")} (once)`);
  const probe = "process.stdout.write(JSON.stringify(process.env.PATH.split(require('path').delimiter)))";
  const got = spawnSync("npx", ["-y", ...packages.flatMap((name) => ["-p", name]), "-c", `node -e "${probe}"`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    cwd: root,
    shell: process.platform === "win32",
  });
  if (got.status !== 0) fail(`npx could not fetch ${packages.join(" and ")}:\n${got.error ?? got.stderr}`);
  const directories = JSON.parse(got.stdout).filter((directory) => /[\\/]_npx[\\/]/.test(directory));
  const known = join(cache, "runtime.json");
  mkdirSync(cache, { recursive: true });
  writeFileSync(`${known}.tmp`, JSON.stringify({ version: packages.join(" "), directories }));
  renameSync(`${known}.tmp`, known);
  return directories;
}

/** Installs the locked dependencies when the lock file is newer than what is installed. */
function install(env) {
  const stamp = join(cache, "installed");
  const inputs = ["pnpm-lock.yaml", "package.json", "pnpm-workspace.yaml"].map((file) => modified(join(root, file)));
  if (modified(stamp) > Math.max(...inputs)) return;
  say("installing dependencies");
  const lock = process.env.WINDTUNNEL_UPDATE_LOCK ? "--no-frozen-lockfile" : "--frozen-lockfile";
  const done = spawnSync("pnpm", ["install", lock], {
    cwd: root,
    env: { ...env, CI: "true" },
    stdio: ["ignore", process.stderr, process.stderr],
    shell: process.platform === "win32",
  });
  if (done.status !== 0) fail("pnpm install failed");
  mkdirSync(cache, { recursive: true });
  writeFileSync(stamp, "");
}

/** Runs a program to its end, whatever signals come, and gives its exit code. */
function run([program, ...args], cwd, env) {
  const child = spawn(program, args, { cwd, env, stdio: "inherit" });
  // A terminal sends Ctrl-C to every process in front of it; passing it on would make it two, which means "at once".
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  let passedOn = 0;
  const passOn = (signal) => {
    // npm passes on what it gets, and the sender may have meant us too: twice within a second is once.
    const now = performance.now();
    if ((signal === "SIGINT" && atTerminal) || (passedOn > 0 && now - passedOn < 1000)) return;
    passedOn = now;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, passOn);
  return new Promise((resolve) => {
    child.on("error", (error) => fail(`${program}: ${error.message}`));
    child.on("close", (code, signal) => {
      for (const name of signals) process.off(name, passOn);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

const commands = TASKS[task];
if (!commands) fail(`unknown task "${task}"; tasks are ${Object.keys(TASKS).join(", ")}`);
const env = { ...process.env, PATH: runtimePath() };
install(env);
// The command line runs where the user stands, so that relative file names mean what they say.
const here = task === "windtunnel" ? (process.env.INIT_CWD ?? process.cwd()) : root;
for (const [index, command] of commands.entries()) {
  const last = index === commands.length - 1;
  const code = await run(last ? [...command, ...rest] : command, here, env);
  // The checks do not build on each other: all speak, the first failure counts, an interrupt ends it.
  process.exitCode ||= code;
  if (code >= 128) break;
}
