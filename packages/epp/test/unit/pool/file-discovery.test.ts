import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FileDiscovery, fileDiscoveryParameters } from "../../../src/pool/file-discovery.ts";
import { RecordingSink } from "./recording-sink.ts";

let folder = "";
let path = "";
let sink: RecordingSink;
let reports: string[];
let source: FileDiscovery | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "windtunnel-pool-"));
  path = join(folder, "endpoints.yaml");
  sink = new RecordingSink();
  reports = [];
});

afterEach(async () => {
  await source?.stop();
  source = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const endpoints = (...names: string[]): string =>
  `endpoints: [${names.map((name, i) => `{name: ${name}, address: 10.0.0.${i + 1}, port: "80"}`).join(", ")}]\n`;

async function started(watchFile = true, pollMs = 60_000): Promise<void> {
  source = new FileDiscovery({
    path,
    watchFile,
    report: (message) => reports.push(message),
    watch: { debounceMs: 10, pollMs },
  });
  await source.start(sink);
}

const names = (): string => sink.latest.map(({ name }) => name).join();
const seen = (expected: string): Promise<void> =>
  vi.waitFor(() => expect(names()).toBe(expected), { timeout: 5000, interval: 5 });

test("the plugin's parameters are path and watchFile", () => {
  expect(fileDiscoveryParameters.parse({ path: "/a" })).toEqual({ path: "/a", watchFile: false });
  expect(() => fileDiscoveryParameters.parse({ path: "/a", watch: true })).toThrow("watch");
  expect(() => fileDiscoveryParameters.parse({})).toThrow("path");
});

test("a missing, oversized or undecodable first file ends it", async () => {
  await expect(started()).rejects.toThrow(`${path}:1:1: cannot read the endpoints file: ENOENT`);
  writeFileSync(path, `# ${"x".repeat(1_048_576)}`);
  await expect(started()).rejects.toThrow(`${path}:1:1: the endpoints file is larger than 1048576 bytes (1 MiB)`);
  writeFileSync(path, Buffer.from([0xff, 0xfe, 0x41]));
  await expect(started()).rejects.toThrow(`${path}:1:1: the endpoints file is not UTF-8`);
  rmSync(path);
  mkdirSync(path);
  await expect(started()).rejects.toThrow(path);
});

test("a bad first file ends it, with the place", async () => {
  writeFileSync(path, "endpoints:\n  - nam: a\n");
  await expect(started()).rejects.toThrow(`${path}:2:5: an endpoint has no field "nam" (did you mean "name"?)`);
  expect(sink.lists).toEqual([]);
});

test("sees a rewrite in place, an atomic rename, and a delete with a later create", async () => {
  writeFileSync(path, endpoints("a"));
  await started();
  expect(names()).toBe("a");
  writeFileSync(path, endpoints("a", "b"));
  await seen("a,b");
  for (const name of ["c", "d"]) {
    writeFileSync(`${path}.tmp`, endpoints(name));
    renameSync(`${path}.tmp`, path);
    await seen(name);
  }
  rmSync(path);
  await vi.waitFor(() => expect(reports.at(-1)).toContain("ENOENT; the endpoints from before stay"), { interval: 5 });
  expect(names()).toBe("d");
  writeFileSync(path, endpoints("e"));
  await seen("e");
});

test("sees the swap of a link, as a mounted ConfigMap does it", async () => {
  for (const [version, name] of [
    ["v1", "a"],
    ["v2", "b"],
  ] as const) {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, "endpoints.yaml"), endpoints(name));
  }
  symlinkSync("v1", join(folder, "..data"));
  symlinkSync("..data/endpoints.yaml", path);
  await started();
  symlinkSync("v2", join(folder, "..tmp"));
  renameSync(join(folder, "..tmp"), join(folder, "..data"));
  await seen("b");
  writeFileSync(join(folder, "v2", "endpoints.yaml"), endpoints("c"));
  await seen("c");
});

test("sees a change inside a directory that was removed and made again", async () => {
  const inner = join(folder, "etc");
  path = join(inner, "endpoints.yaml");
  mkdirSync(inner);
  writeFileSync(path, endpoints("a"));
  await started(true, 50);
  rmSync(inner, { recursive: true });
  mkdirSync(inner);
  writeFileSync(path, endpoints("b"));
  await seen("b");
  writeFileSync(path, endpoints("c"));
  await seen("c");
});

test("a bad change is reported once and the endpoints stay", async () => {
  writeFileSync(path, endpoints("a"));
  await started(true, 20);
  writeFileSync(path, "endpoints: [{name: b}]\n");
  await vi.waitFor(() => expect(reports).toHaveLength(1), { interval: 5 });
  expect(reports[0]).toBe(`${path}:1:13: an endpoint needs address, found none; the endpoints from before stay`);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(reports).toHaveLength(1);
  expect(sink.lists).toHaveLength(1);
  writeFileSync(path, endpoints("b"));
  await seen("b");
});

test("a burst of writes is told at most a few times, and its last state is told", async () => {
  writeFileSync(path, endpoints("n0"));
  await started();
  for (let i = 1; i <= 100; i++) {
    writeFileSync(`${path}.tmp`, endpoints(`n${i}`));
    renameSync(`${path}.tmp`, path);
  }
  await seen("n100");
  expect(sink.lists.length).toBeLessThan(20);
});

test("without watchFile a change is not seen, and after stop neither", async () => {
  writeFileSync(path, endpoints("a"));
  await started(false);
  writeFileSync(path, endpoints("b"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(names()).toBe("a");
  await started(true, 20);
  expect(names()).toBe("b");
  await source?.stop();
  writeFileSync(path, endpoints("c"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(names()).toBe("b");
});
