import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { windtunnel } from "../capture-terminal.ts";
import { root } from "../support/source-files.ts";

const configs = join(process.env.WINDTUNNEL_DATA ?? join(root, "..", "shared"), "epp-configs");
const absent = !existsSync(configs);
const folders = absent ? [] : ["guides", "router"];
const files = folders.flatMap((folder) => readdirSync(join(configs, folder)).map((name) => join(folder, name)));
if (!absent) files.push(join("no-kubernetes", "config.yaml"));

/** Exceptions that follow upstream: a parameter that the Go EPP rejects, and a plugin behind its flag for alpha plugins. */
const REFUSED: Readonly<Record<string, string>> = {
  "router/epp-mm-embeddings-cache-config.yaml": 'unknown parameter "cacheSizeInMB"',
  "router/sim-epp-gpu-config.yaml": "it needs the flag that allows experimental plugins",
};

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "windtunnel-routers-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const scenario = (config: string) => `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: pasted }
spec:
  workload:
    synthetic:
      arrivals: { process: poisson, rate: 20 }
      count: 20
      promptTokens: 300
      outputTokens: 5
  model: meta-llama/Llama-3.1-8B
  pools: [{ name: a, replicas: 2, accelerator: h100-sxm }]
  router: { config: "${config}" }
`;

describe("llm-d's own configurations", () => {
  test.skipIf(absent)(`all ${files.length || "(skipped: WINDTUNNEL_DATA has no epp-configs)"}`, async () => {
    expect(files.length).toBeGreaterThan(15);
    for (const file of files) {
      const path = join(configs, file);
      const { code, out, err } = await windtunnel(["validate", path]);
      const refusal = REFUSED[file];
      if (refusal !== undefined) {
        expect([code, out], file).toEqual([2, ""]);
        expect(err).toMatch(new RegExp(`^${path}:\\d+:\\d+: `));
        expect(err).toContain(refusal);
        continue;
      }
      expect(code, `${file}: ${err}`).toBe(0);
      writeFileSync(join(directory, "s.yaml"), scenario(path));
      const ran = await windtunnel(["run", "-f", "s.yaml", "-o", "json"], { cwd: directory });
      if (out.includes("run accepts it")) {
        expect(ran.code, `${file}: ${ran.err}`).toBe(0);
        expect(JSON.parse(ran.out).fleet.requests.completed).toBe(20);
      } else {
        expect([ran.code, ran.out], file).toEqual([2, ""]);
        expect(ran.err).toMatch(
          /^\S+:\d+:\d+: plugin "[\w-]+"(?: \(a default\))? is known to llm-d, not supported yet/,
        );
        expect(ran.err.trimEnd().split("\n")).toHaveLength(1);
        expect(out).toContain("is known to llm-d, not supported yet");
      }
    }
  });

  test.skipIf(absent)("a plugin behind the flag loads with it", async () => {
    const path = join(configs, "router/sim-epp-gpu-config.yaml");
    expect((await windtunnel(["validate", "--allow-experimental-plugins", path])).code).toBe(0);
  });
});
