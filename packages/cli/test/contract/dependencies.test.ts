import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PACKAGES, root } from "../support/source-files.ts";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifest = (folder: string): Manifest => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
const named = ({ dependencies, devDependencies }: Manifest): string[] =>
  Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith("@windtunnel/"));

const page = readFileSync(join(root, "docs", "dependencies.md"), "utf8");
const [published, work] = page.split("## For work on it");
const rows = (part: string): string[][] =>
  part
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

test("every dependency of a package stands in the table, with who uses it", () => {
  const used = new Map<string, string[]>();
  for (const name of PACKAGES) {
    for (const dependency of named(manifest(join("packages", name)))) {
      used.set(dependency, [...(used.get(dependency) ?? []), name]);
    }
  }
  const table = rows(published!).map(([, name, by]) => [name, by!.split(", ")]);
  expect(table).toEqual([...used].sort(([a], [b]) => (a < b ? -1 : 1)));
});

test("every dependency of the workspace stands in the other", () => {
  expect(rows(work!).map(([, name]) => name)).toEqual(named(manifest(".")).sort());
});

test("each row has a reason and the licence that the package states", () => {
  for (const cells of [...rows(published!), ...rows(work!)]) {
    const [name, why, licence] = [cells[1]!, cells.at(-3)!, cells.at(-2)!];
    expect(why.length, name).toBeGreaterThan(10);
    const owner = ["", ...PACKAGES.map((one) => `packages/${one}`)].find((at) => named(manifest(at)).includes(name))!;
    const installed = JSON.parse(readFileSync(join(root, owner, "node_modules", name, "package.json"), "utf8"));
    expect(licence, name).toBe(installed.license);
  }
});
