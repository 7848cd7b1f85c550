import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/source-files.ts";

/** Loads both hosts of the router in one process, and says who asked for which module of its package. */
const PROGRAM = `
import { registerHooks } from "node:module";
const asked = [];
const loaded = [];
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    if (specifier === "@windtunnel/router-policies") asked.push([context.parentURL ?? "", found.url]);
    return found;
  },
  load(url, context, next) {
    if (url.includes("/router-policies/src/")) loaded.push(url);
    return next(url, context);
  },
});
await import("@windtunnel/sim-core");
await import("@windtunnel/epp");
process.stdout.write(JSON.stringify({ asked, loaded }));
`;

test("the simulator and the Endpoint Picker load the same modules of router-policies, each once", () => {
  const args = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning", "--input-type=module"];
  const done = spawnSync(process.execPath, [...args, "--eval", PROGRAM], {
    cwd: join(root, "packages/cli"),
    encoding: "utf8",
  });
  expect(done.stderr).toBe("");
  const { asked, loaded } = JSON.parse(done.stdout) as { asked: [parent: string, url: string][]; loaded: string[] };
  for (const host of ["sim-core", "epp"]) {
    expect(
      asked.filter(([parent]) => parent.includes(`/packages/${host}/src/`)).length,
      `${host} asks for router-policies`,
    ).toBeGreaterThan(0);
  }
  expect(new Set(asked.map(([, url]) => url)).size).toBe(1);
  expect(asked[0]![1]).toMatch(/\/packages\/router-policies\/src\/index\.ts$/);
  expect(loaded.length).toBeGreaterThan(20);
  expect(new Set(loaded).size).toBe(loaded.length);
});
