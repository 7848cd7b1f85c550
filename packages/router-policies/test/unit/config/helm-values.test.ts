import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { HEAD } from "../../support/routing.ts";

describe("Helm values", () => {
  const values = (inner: string, more = "") =>
    `router:\n  epp:\n${more}    pluginsCustomConfig:\n      a.yaml: |\n${(HEAD + inner).replace(/^(?=.)/gm, "        ")}`;
  const load = (text: string) => loadEndpointPickerConfig(text, { file: "values.yaml" });

  it("hold the document, and errors point into the outer file", () => {
    expect(load(values("plugins:\n- type: random-picker\n")).profileHandler).toBe("single-profile-handler");
    expect(() => load(values("plugins:\n- type: random-piker\n"))).toThrow(
      'values.yaml:8:17: unknown plugin type "random-piker" (did you mean "random-picker"?)',
    );
  });
  it("hold several, one of them named", () => {
    const two = `${values("plugins: []\n")}      b.yaml: |\n        apiVersion: x\n`;
    expect(() => load(two)).toThrow(
      "values.yaml:4:7: pluginsCustomConfig has 2 configurations; name one with pluginsConfigFile",
    );
    const named = two.replace("    pluginsCustomConfig", "    pluginsConfigFile: a.yaml\n    pluginsCustomConfig");
    expect(load(named).apiVersion).toBe("llm-d.ai/v1alpha1");
    expect(() => load(named.replace("File: a.yaml", "File: c.yaml"))).toThrow(
      'values.yaml:3:24: pluginsConfigFile "c.yaml"',
    );
  });
  it("may hold a mapping instead of text", () => {
    const text =
      "pluginsCustomConfig:\n  a:\n    apiVersion: llm-d.ai/v1\n    kind: EndpointPickerConfig\n    plugins: [{type: x}]\n";
    expect(() => load(text)).toThrow('values.yaml:5:22: unknown plugin type "x"');
  });
  it("may hold text in other styles, reported at its start", () => {
    const text = `pluginsCustomConfig:\n  a: "apiVersion: llm-d.ai/v1\\nkind: EndpointPickerConfig\\nplugins: [{type: x}]"\n`;
    expect(() => load(text)).toThrow('values.yaml:2:6: unknown plugin type "x"');
  });
});
