import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../../../..");
const folder = join(resolve(root, process.env.WINDTUNNEL_DATA ?? "../shared"), "epp-configs");
const absent = existsSync(folder) ? "" : ` (skipped: ${folder} is not there)`;
const list = (name: string): string[] =>
  absent === "" ? readdirSync(join(folder, name)).map((file) => join(name, file)) : [];
const files = [...list("router"), ...list("guides"), ...(absent === "" ? ["no-kubernetes/config.yaml"] : [])];
/** Configurations with plugins that are not built, and where those stand. */
const WAITING: Readonly<Record<string, readonly string[]>> = {
  "guides/flow-control.values.yaml": [
    "round-robin-fairness-policy:23",
    "fcfs-ordering-policy:24",
    "global-strict-fairness-policy:15",
    "static-usage-limit-policy:15",
  ],
  "router/probabilistic-admitter-epp-config.yaml": ["probabilistic-admitter:15"],
};
const load = (file: string, allowExperimentalPlugins = false) =>
  loadEndpointPickerConfig(readFileSync(join(folder, file), "utf8"), { file, allowExperimentalPlugins });

const REFUSED = "router/epp-mm-embeddings-cache-config.yaml";
const ALPHA = "router/sim-epp-gpu-config.yaml";

describe.skipIf(absent !== "")(`llm-d's own configurations${absent}`, () => {
  it("are all here", () => expect(files.length).toBeGreaterThanOrEqual(19));

  it.each(files.filter((file) => file !== REFUSED && file !== ALPHA))("%s loads", (file) => {
    const loaded = load(file);
    expect(loaded.schedulingProfiles.length).toBeGreaterThan(0);
    for (const { position } of [...loaded.unsupported, ...loaded.warnings]) expect(position.file).toBe(file);
  });
  it(`${REFUSED} is refused for a parameter that upstream rejects`, () => {
    expect(() => load(REFUSED)).toThrow(
      /^router\/epp-mm-embeddings-cache-config\.yaml:15:7: unknown parameter "cacheSizeInMB"/,
    );
  });
  it(`${ALPHA} needs the flag`, () => {
    expect(() => load(ALPHA)).toThrow(/:6:9: plugin type "dcgm-data-source" is alpha/);
    expect(load(ALPHA, true).unsupported.map(({ type }) => type)).toEqual([
      "endpoint-attribute-filter",
      "endpoint-attribute-scorer",
    ]);
  });
  it.each(files.filter((file) => file !== REFUSED && file !== ALPHA))("%s lacks only what is known to lack", (file) => {
    const missing = load(file).unsupported.filter(({ matters }) => matters);
    expect(missing.map(({ type, position }) => `${type}:${position.line}`)).toEqual(WAITING[file] ?? []);
  });
});
