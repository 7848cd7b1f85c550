import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LONG_SCENARIO } from "../support/long-scenario.ts";
import { root } from "../support/source-files.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "windtunnel-tasks-"));
  writeFileSync(join(directory, "long.yaml"), LONG_SCENARIO);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** As npm runs it: in the repository, with the user's place in INIT_CWD. */
function runTask(args: readonly string[], onErr?: (kill: (signal: NodeJS.Signals) => void, err: string) => void) {
  const env = { ...process.env, INIT_CWD: directory };
  const child = spawn(process.execPath, [join(root, "scripts", "run.mjs"), ...args], { cwd: root, env });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => {
    out += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
    onErr?.((signal) => child.kill(signal), err);
  });
  return new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

test("the command line runs where the user stands, with nothing else on stdout", async () => {
  const { code, out } = await runTask(["windtunnel", "validate", "long.yaml"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^long\.yaml: valid Scenario[^\n]*\n$/);
});

test("exit codes pass through", async () => {
  expect((await runTask(["windtunnel", "run", "-f", "none.yaml"])).code).toBe(2);
  const unknown = await runTask(["fly"]);
  expect([unknown.code, unknown.out]).toEqual([2, ""]);
  expect(unknown.err).toMatch(/^windtunnel: unknown task "fly"; tasks are windtunnel, demo, test/);
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s reaches the simulation, whose partial results still come",
  async (signal) => {
    let killed = false;
    const { code, out } = await runTask(["windtunnel", "run", "-f", "long.yaml", "-o", "json"], (kill, err) => {
      if (killed || !err.includes("report")) return;
      killed = true;
      // npm passes on what the terminal's group has had already.
      kill(signal);
      kill(signal);
    });
    expect(code).toBe(130);
    expect(JSON.parse(out).fleet.requests.unfinished).toBeGreaterThan(0);
  },
);
