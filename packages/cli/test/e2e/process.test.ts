import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LONG_SCENARIO } from "../support/long-scenario.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "windtunnel-process-"));
  writeFileSync(join(directory, "long.yaml"), LONG_SCENARIO);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function windtunnel(args: readonly string[], onErr?: (kill: () => void) => void): Promise<Ended> {
  const flags = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, main, ...args], { cwd: directory });
  let out = "";
  let err = "";
  let told = false;
  child.stdout.on("data", (chunk) => {
    out += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
    if (!told) onErr?.(() => child.kill("SIGINT"));
    told = true;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

test("an interrupt stops the simulation, prints and keeps what it has, and exits 130", async () => {
  const asked = ["run", "-f", "long.yaml", "-o", "json", "--out", "kept"];
  const { code, out, err } = await windtunnel(asked, (kill) => kill());
  expect(code).toBe(130);
  expect(err).toContain("stopping; partial results follow");
  const summary = JSON.parse(out);
  expect(summary.partial).toBe(true);
  expect(summary.fleet.requests.unfinished).toBeGreaterThan(0);
  const kept = (name: string) => JSON.parse(readFileSync(join(directory, "kept", name), "utf8"));
  expect(kept("summary.json")).toEqual(summary);
  expect(kept("manifest.json")).toMatchObject({ kind: "RunDirectory", partial: true });
  expect(readdirSync(directory).sort()).toEqual(["kept", "long.yaml"]);
});

test("exit codes and streams of the process", async () => {
  expect(await windtunnel(["--version"])).toMatchObject({ code: 0, err: "" });
  const unknown = await windtunnel(["rnu"]);
  expect(unknown).toMatchObject({ code: 2, out: "" });
  expect(unknown.err).toContain("Did you mean run?");
  expect(await windtunnel(["run", "-f", "absent.yaml"])).toMatchObject({ code: 2, out: "" });
});
