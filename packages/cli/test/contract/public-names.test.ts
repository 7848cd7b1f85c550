import { expect, test } from "vitest";
import { resolved, type SourceFile, sourceFiles, withoutComments } from "../support/source-files.ts";

/** The names that a module exports, types marked; `export *` is followed. */
function exportedNames(files: ReadonlyMap<string, string>, path: string, typesOnly = false): string[] {
  const code = withoutComments(files.get(path) ?? "");
  const mark = (name: string, type: boolean): string => `${type || typesOnly ? "type " : ""}${name}`;
  const listed = [...code.matchAll(/\bexport\s+(type\s+)?\{([^}]*)\}/g)].flatMap(([, type, names]) =>
    names!
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) =>
        mark(name.replace(/^type\s+/, "").replace(/^.* as /, ""), type !== undefined || /^type\s/.test(name)),
      ),
  );
  const declared = [
    ...code.matchAll(/\bexport\s+(?:abstract\s+)?(const|function\*?|class|interface|type)\s+(\w+)/g),
  ].map(([, kind, name]) => mark(name!, kind === "interface" || kind === "type"));
  const starred = [...code.matchAll(/\bexport\s+(type\s+)?\*\s+from\s*"([^"]+)"/g)].flatMap(([, type, specifier]) =>
    exportedNames(files, resolved(path, specifier!), typesOnly || type !== undefined),
  );
  return [...listed, ...declared, ...starred];
}

const byPath = (files: readonly SourceFile[]) => new Map(files.map(({ path, text }) => [path, text]));

test("every form of export is read", () => {
  const files = new Map([
    ["index.ts", 'export { a, type B, c as d } from "./a.ts"; export type * from "./e.ts"; export * from "./f/f.ts";'],
    ["e.ts", "export interface E {}\nexport const e = 1;"],
    ["f/f.ts", "export type F = 1; export function f() {} // export const g = 1;"],
  ]);
  expect(exportedNames(files, "index.ts")).toEqual(["a", "type B", "d", "type E", "type e", "type F", "f"]);
});

/** What others build on: a name that goes or comes shows up in review. `npm test -- -u` writes the list again. */
test.each(["router-policies", "sim-core", "epp"] as const)(
  "the public names of %s are those on record",
  async (name) => {
    const names = exportedNames(byPath(sourceFiles(name)), "index.ts");
    expect(new Set(names).size).toBe(names.length);
    const byName = names.sort((a, b) => (a.replace("type ", "") < b.replace("type ", "") ? -1 : 1));
    await expect(`${byName.join("\n")}\n`).toMatchFileSnapshot(`public-names.${name}.txt`);
  },
);
