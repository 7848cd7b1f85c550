import { loadEndpointPickerConfig, PolicyError, presetNames, presetText } from "@windtunnel/router-policies";
import fc from "fast-check";
import { expect, it } from "vitest";

const VALUES = `router:
  epp:
    pluginsCustomConfig:
      a.yaml: |
        apiVersion: llm-d.ai/v1alpha1
        kind: EndpointPickerConfig
        featureGates: [flowControl=false]
        plugins:
        - type: load-aware-scorer
          parameters: {threshold: 5}
        flowControl: {maxBytes: 1Gi, priorityBands: [{priority: 1}]}
`;
const SOURCES = [...presetNames.map((name) => presetText(name)!), VALUES];
const SCRAPS = [
  "\n",
  " ",
  ":",
  "- ",
  "{",
  "}",
  "[",
  "]",
  "&a",
  "*a",
  "<<: *a",
  "!!x ",
  '"',
  "|",
  "---\n",
  "null",
  "-1",
  ".nan",
  "plugins",
  "type",
  "é",
];

/** A text with some stretches cut out and some scraps put in. */
const mutated = fc
  .record({
    source: fc.constantFrom(...SOURCES),
    edits: fc.array(
      fc.record({
        at: fc.nat(900),
        cut: fc.nat(12),
        put: fc.oneof(fc.constantFrom(...SCRAPS), fc.string({ maxLength: 6 })),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ source, edits }) =>
    edits.reduce((text, { at, cut, put }) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + put + text.slice(place + cut);
    }, source),
  );

function refusal(text: string): unknown {
  try {
    loadEndpointPickerConfig(text, { file: "fuzz.yaml" });
  } catch (error) {
    return error;
  }
  return undefined;
}

it("refuses any broken document with one line that says where", () => {
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ maxLength: 60 })), (text) => {
      const error = refusal(text);
      if (error === undefined) return;
      expect(error).toBeInstanceOf(PolicyError);
      const { message, position } = error as PolicyError;
      expect(message).toMatch(/^fuzz\.yaml:\d+:\d+: .+$/);
      expect(message).not.toMatch(/[\r\n]/);
      expect(position!.line).toBeLessThanOrEqual(text.split(/\r\n|\r|\n/).length + 1);
    }),
    { numRuns: 1500, seed: 7 },
  );
});

it.each([
  [
    "a bomb of aliases",
    `a: &a [1,1,1,1,1,1,1,1,1]\n${[..."bcdefgh"].map((c, i) => `${c}: &${c} [${new Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]\n`).join("")}`,
  ],
  ["an alias of itself", "a: &a [*a]\n"],
  ["deep nesting", "[".repeat(5000)],
  ["nothing", ""],
])("refuses %s", (_, text) => {
  expect((refusal(text) as Error).message).toMatch(/^fuzz\.yaml:\d+:\d+: .+$/);
});
