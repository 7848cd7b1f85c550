// Runs one of the project's tasks. Needs only the Node that is there (>= 20) and npm: where Node is older than 24 it
// fetches Node 24 and pnpm through npx once, and remembers where they are. Everything it says goes to stderr, so that
// `npm run -s windtunnel -- …` keeps stdout for data.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_VERSION = "24.21.0";
const PNPM_VERSION = "12.21.0";
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, "node_modules", ".cache", "windtunnel");
const [task = "help", ...rest] = process.argv.slice(2);

const node = (...args) => ["node", "--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning", ...args];
const vitest = (...args) => ["node", "node_modules/vitest/vitest.mjs", ...args];
const TASKS = {
  windtunnel: [node("packages/cli/src/main.ts")],
  demo: [node("packages/cli/src/main.ts", "demo")],
  test: [vitest("run", "--project=!*:long")],
  "test:long": [vitest("run", "--project=*:long")],
  bench: [node("--expose-gc", "scripts/bench.ts")],
  check: [
    node("node_modules/typescript/bin/tsc", "-p", "tsconfig.check.json"),
    node("node_modules/typescript/bin/tsc", "-p", "packages/router-policies"),
    node("node_modules/typescript/bin/tsc", "-p", "packages/sim-core"),
    node("node_modules/typescript/bin/tsc", "-p", "packages/cli"),
    ["node", "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"],
    ["node", "node_modules/knip/bin/knip.js"],
  ],
  format: [["node", "node_modules/@biomejs/biome/bin/biome", "check", "--write"]],
  build: [node("scripts/build.ts")],
  docs: [node("scripts/docs.ts")],
};

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/** PATH with Node 24 and pnpm in front; fetches both where this Node is too old. */
function runtimePath() {
  const known = join(cache, "runtime.json");
  if (existsSync(known)) {
    const { version, directories } = JSON.parse(readFileSync(known, "utf8"));
    if (version === `${NODE_VERSION}/${PNPM_VERSION}` && directories.every((directory) => existsSync(directory))) {
      return [...directories, process.env.PATH].join(delimiter);
    }
  }
  process.stderr.write(`windtunnel: getting Node ${NODE_VERSION} and pnpm ${PNPM_VERSION} (once)\n`);
  const probe = "process.stdout.write(JSON.stringify(process.env.PATH.split(require('path').delimiter)))";
  const got = spawnSync(
    "npx",
    ["-y", "-p", `node@${NODE_VERSION}`, "-p", `pnpm@${PNPM_VERSION}`, "-c", `node -e "${probe}"`],
    { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], cwd: root, shell: process.platform === "win32" },
  );
  if (got.status !== 0) fail(`windtunnel: npx could not fetch Node ${NODE_VERSION}:\n${got.stderr ?? got.error}`);
  const directories = JSON.parse(got.stdout).filter((directory) => /[\\/]_npx[\\/]/.test(directory));
  mkdirSync(cache, { recursive: true });
  writeFileSync(`${known}.tmp`, JSON.stringify({ version: `${NODE_VERSION}/${PNPM_VERSION}`, directories }));
  renameSync(`${known}.tmp`, known);
  return [...directories, process.env.PATH].join(delimiter);
}

/** Installs the locked dependencies when the lock file is newer than what is installed. */
function install(env) {
  const stamp = join(cache, "installed");
  const inputs = ["pnpm-lock.yaml", "package.json", "pnpm-workspace.yaml"].map((file) => modified(join(root, file)));
  if (modified(stamp) > Math.max(...inputs)) return;
  process.stderr.write("windtunnel: installing dependencies\n");
  const args = existsSync(join(root, "pnpm-lock.yaml")) ? ["install", "--frozen-lockfile"] : ["install"];
  if (process.env.WINDTUNNEL_UPDATE_LOCK) args.splice(1, 1, "--no-frozen-lockfile");
  const done = spawnSync("pnpm", args, {
    cwd: root,
    env: { ...env, CI: "true" },
    stdio: ["ignore", process.stderr, process.stderr],
    shell: process.platform === "win32",
  });
  if (done.status !== 0) fail("windtunnel: pnpm install failed");
  mkdirSync(cache, { recursive: true });
  writeFileSync(stamp, "");
}

const commands = TASKS[task];
if (!commands) fail(`windtunnel: unknown task "${task}"; tasks are ${Object.keys(TASKS).join(", ")}`);
const env = { ...process.env, PATH: runtimePath() };
install(env);
for (const [index, [program, ...args]] of commands.entries()) {
  const last = index === commands.length - 1;
  // The command line runs where the user stands, so that relative file names mean what they say.
  const here = task === "windtunnel" ? (process.env.INIT_CWD ?? process.cwd()) : root;
  const resolved = task === "windtunnel" ? args.map((arg) => (arg.startsWith("packages/") ? join(root, arg) : arg)) : args;
  const done = spawnSync(program, [...resolved, ...(last ? rest : [])], { cwd: here, env, stdio: "inherit" });
  if (done.status !== 0) process.exit(done.status ?? 130);
}
