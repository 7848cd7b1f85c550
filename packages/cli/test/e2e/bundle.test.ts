import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../support/source-files.ts";

const FROM_SOURCE = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning"];

let built = "";
beforeAll(() => {
  // Outside the repository, so that nothing is found but what the bundle brings.
  built = mkdtempSync(join(tmpdir(), "windtunnel-built-"));
  const done = node(...FROM_SOURCE, join(root, "scripts", "build.ts"), "--out", built);
  expect([done.status, done.stderr]).toEqual([0, ""]);
}, 120_000);
afterAll(() => rmSync(built, { recursive: true, force: true }));

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: built, encoding: "utf8" });
const command = () => join(built, "cli", "dist", "windtunnel.js");

test("the bundled command is executable and knows its version", () => {
  const { version } = JSON.parse(readFileSync(join(root, "packages/cli/package.json"), "utf8"));
  const { status, stdout, stderr } = node(command(), "--version");
  expect([status, stdout, stderr]).toEqual([0, `${version}\n`, ""]);
  expect(readFileSync(command(), "utf8").startsWith("#!/usr/bin/env node\n")).toBe(true);
  expect(statSync(command()).mode & 0o111).toBe(0o111);
});

test("what the bundled command compiled is kept under the user's home, by the worker as well", () => {
  const home = join(built, "home");
  const scenario = join(built, "cli", "dist", "scenarios", "quickstart.yaml");
  const env = { ...process.env, NODE_COMPILE_CACHE: undefined, HOME: home, USERPROFILE: home };
  const run = (more: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [command(), "run", "--quiet", scenario], {
      encoding: "utf8",
      env: { ...env, ...more },
    });
  const disabled = run({ NODE_DISABLE_COMPILE_CACHE: "1" });
  expect([disabled.status, disabled.stderr, existsSync(home)]).toEqual([0, "", false]);
  const { status, stderr, stdout } = run({});
  expect([status, stderr, stdout]).toEqual([0, "", disabled.stdout]);
  const cache = join(home, ".cache", "windtunnel", "compile-cache");
  // Only the worker reads the simulator, by far the largest part.
  const sizes = readdirSync(cache, { recursive: true, encoding: "utf8" }).map(
    (name) => statSync(join(cache, name)).size,
  );
  expect(Math.max(...sizes)).toBeGreaterThan(100_000);
});

test("the bundled command runs where nothing can be kept", () => {
  const file = join(built, "no-home");
  writeFileSync(file, "");
  const env = { ...process.env, HOME: file, USERPROFILE: file };
  const { status, stderr } = spawnSync(process.execPath, [command(), "--version"], { encoding: "utf8", env });
  expect([status, stderr]).toEqual([0, ""]);
});

test("the bundled command gives the bytes that the source gives", () => {
  const scenario = join(built, "cli", "dist", "scenarios", "quickstart.yaml");
  const run = ["run", "-f", scenario, "-o", "json", "--quiet"];
  const bundled = node(command(), ...run);
  expect([bundled.status, bundled.stderr]).toEqual([0, ""]);
  expect(JSON.parse(bundled.stdout).fleet.requests.total).toBe(1500);
  expect(bundled.stdout).toBe(node(...FROM_SOURCE, join(root, "packages/cli/src/main.ts"), ...run).stdout);
});

test("the bundled command brings its demonstration, and passes on exit codes", () => {
  const demo = node(command(), "demo", "--quiet");
  expect([demo.status, demo.stderr]).toEqual([0, ""]);
  expect(demo.stdout).toContain("Side by side");
  expect(node(command(), "run", "-f", "none.yaml").status).toBe(2);
});

test("the bundled command carries the licences of what is in it", () => {
  const text = readFileSync(join(built, "cli", "dist", "licences.txt"), "utf8");
  const entries = text.split(`\n${"-".repeat(80)}\n\n`);
  const licenceOf = new Map(
    entries.map((entry) => {
      const [head, name, licence] = /^(\S+) \d+\.\d+\.\d+\S* \(([^)]+)\)$/m.exec(entry) ?? [entry.slice(0, 80)];
      // A name without a text would be no licence.
      expect(entry.length - head.length, head).toBeGreaterThan(500);
      return [name, licence];
    }),
  );
  for (const name of [
    "commander",
    "csv-stringify",
    "picocolors",
    "seedrandom",
    "yaml",
    "zod",
    "@kubernetes/client-node",
  ]) {
    expect([...licenceOf.keys()]).toContain(name);
  }
  expect(new Set(licenceOf.values())).toEqual(new Set(["MIT", "ISC", "Apache-2.0", "Unlicense"]));
  expect(text).toContain("Johannes Baagøe");
});

test("the libraries have their types beside them and keep their dependencies outside", () => {
  for (const [name, outside] of [
    ["router-policies", ["yaml", "zod"]],
    ["sim-core", ["@windtunnel/router-policies", "seedrandom/lib/alea.js", "yaml", "zod"]],
  ] as const) {
    const dist = join(built, name, "dist");
    expect(existsSync(join(dist, "index.d.ts"))).toBe(true);
    const imported = readFileSync(join(dist, "index.js"), "utf8").matchAll(
      /^(?:import|export) [^\n]*?from "([^"]+)";$/gm,
    );
    expect([...new Set([...imported].map(([, specifier]) => specifier))].sort()).toEqual(outside);
  }
});
