import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import { loadEndpointPickerConfig, presetNames, presetText } from "@windtunnel/router-policies";
import { describe, expect, test } from "vitest";
import { routerDocument } from "../../src/run/router-document.ts";

const here = dirname(fileURLToPath(import.meta.url));
const data = process.env.WINDTUNNEL_DATA ?? join(here, "..", "..", "..", "..", "..", "shared");
const load = (text: string) => loadEndpointPickerConfig(text, { file: "router.yaml", allowExperimentalPlugins: true });

/** What decides how requests go: no positions, no marks of what a default added. */
function essence({ plugins, ...config }: EndpointPickerConfig) {
  const { schedulingProfiles, profileHandler, dataLayer, saturationDetector, requestHandler, flowControl } = config;
  const listed = plugins.map(({ name, type, parameters }) => ({ name, type, parameters }));
  const byName = listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    plugins: byName,
    ...{ schedulingProfiles, profileHandler, dataLayer, saturationDetector, requestHandler },
    ...(config.featureGates.flowControl ? { flowControl } : {}),
  };
}

test("says what was added by default and which parameters are in force", () => {
  const text = routerDocument(load(presetText("optimized-baseline")!));
  expect(text).toContain(
    [
      "  - name: no-hit-lru-scorer",
      "    type: no-hit-lru-scorer",
      "    parameters:",
      "      lruSize: 1024",
      "  # added by default",
      "  - name: max-score-picker",
    ].join("\n"),
  );
});

describe("the resolved document loads to the same router", () => {
  test.each(presetNames)("%s", (name) => {
    const config = load(presetText(name)!);
    expect(essence(load(routerDocument(config)))).toEqual(essence(config));
  });

  const folders = ["guides", "router"].map((folder) => join(data, "epp-configs", folder));
  const files = folders.filter(existsSync).flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const loadable = files.filter((file) => !file.endsWith("epp-mm-embeddings-cache-config.yaml"));
  test.skipIf(loadable.length === 0)(`llm-d's own (${loadable.length || "skipped: WINDTUNNEL_DATA has none"})`, () => {
    for (const file of loadable) {
      const config = load(readFileSync(file, "utf8"));
      expect(essence(load(routerDocument(config))), file).toEqual(essence(config));
    }
  });
});
