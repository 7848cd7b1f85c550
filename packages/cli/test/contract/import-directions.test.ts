import { describe, expect, test } from "vitest";
import { importsOf, PACKAGES, type PackageName, resolved, sourceFiles } from "../support/source-files.ts";

/** Packages of this workspace that each may import. */
const ALLOWED: Readonly<Record<PackageName, readonly string[]>> = {
  "router-policies": [],
  "sim-core": ["@windtunnel/router-policies"],
  epp: ["@windtunnel/router-policies"],
  cli: ["@windtunnel/router-policies", "@windtunnel/sim-core", "@windtunnel/epp"],
};

/** Folders of the simulator, left to right: at run time, none imports one to its right. Equal rank: either way. */
const SIM_CORE_ORDER = [
  ["errors.ts"],
  ["kernel"],
  ["hardware", "model"],
  ["engine"],
  ["network"],
  ["tiers"],
  ["workload"],
  ["metrics"],
  ["scenario"],
  ["simulate"],
  ["planner"],
  ["index.ts"],
];

/** Imports at run time that point right all the same, each with its reason in docs/architecture.md. */
const SIM_CORE_EXCEPTIONS = ["metrics/definitions.ts -> simulate/result.ts", "metrics/scope.ts -> simulate/result.ts"];

const rankOf = (path: string): number => SIM_CORE_ORDER.findIndex((folders) => folders.includes(path.split("/")[0]!));

describe("the parser of imports", () => {
  test("tells run-time imports from types, and sees every form", () => {
    const text = `
      import a, { b } from "./a.ts";
      import type { C } from "./c.ts";
      import { type D, type E } from "./d.ts";
      import { type F, g } from "./f.ts";
      export * from "./h.ts";
      export type * from "./i.ts";
      import "./j.ts";
      // import { k } from "./k.ts";
      const l = await import("./l.ts");
      import * as m
        from "./m.ts";`;
    const found = importsOf(text).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? " type" : ""}`);
    expect(found.sort()).toEqual([
      "./a.ts",
      "./c.ts type",
      "./d.ts type",
      "./f.ts",
      "./h.ts",
      "./i.ts type",
      "./j.ts",
      "./l.ts",
      "./m.ts",
    ]);
  });
});

describe("packages", () => {
  for (const name of PACKAGES) {
    test(`${name} imports other packages by name, and only those below it`, () => {
      const wrong = sourceFiles(name).flatMap(({ path, text }) =>
        importsOf(text)
          .map(({ specifier }) => specifier)
          .filter((specifier) =>
            specifier.startsWith(".")
              ? resolved(path, specifier).startsWith("..") && !specifier.endsWith("package.json")
              : specifier.startsWith("@windtunnel/") && !ALLOWED[name].includes(specifier),
          )
          .map((specifier) => `${path} -> ${specifier}`),
      );
      expect(wrong).toEqual([]);
    });
  }

  test("the command loads the Endpoint Picker only when it is asked for", () => {
    const ways = sourceFiles("cli").flatMap(({ path, text }) =>
      importsOf(text)
        .filter(({ specifier, typeOnly }) => specifier === "@windtunnel/epp" && !typeOnly)
        .map(() => path),
    );
    expect(ways.length).toBeGreaterThan(0);
    expect(ways.filter((path) => !path.startsWith("commands/"))).toEqual([]);
    // Commands themselves are loaded when asked for.
    const eager = sourceFiles("cli").flatMap(({ path, text }) =>
      [...text.matchAll(/^import (?!type).*"\.\/(?:commands\/)?epp\.ts"/gm)].map(() => path),
    );
    expect(eager).toEqual([]);
  });

  test("the cores import nothing of Node", () => {
    const wrong = (["router-policies", "sim-core"] as const).flatMap((name) =>
      sourceFiles(name).flatMap(({ path, text }) =>
        importsOf(text)
          .filter(({ specifier }) => specifier.startsWith("node:"))
          .map(({ specifier }) => `${name}/${path} -> ${specifier}`),
      ),
    );
    expect(wrong).toEqual([]);
  });
});

describe("folders of the simulator", () => {
  test("each stands in the order", () => {
    expect(sourceFiles("sim-core").filter(({ path }) => rankOf(path) < 0)).toEqual([]);
  });

  test("none imports one to its right at run time, but for what is listed", () => {
    const right = sourceFiles("sim-core").flatMap(({ path, text }) =>
      importsOf(text)
        .filter(({ specifier, typeOnly }) => specifier.startsWith(".") && !typeOnly)
        .map(({ specifier }) => resolved(path, specifier))
        .filter((target) => rankOf(target) > rankOf(path))
        .map((target) => `${path} -> ${target}`),
    );
    expect(right.sort()).toEqual(SIM_CORE_EXCEPTIONS);
  });
});

test("there are no import cycles at run time", () => {
  for (const name of PACKAGES) {
    const files = new Map(sourceFiles(name).map(({ path, text }) => [path, text]));
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): void => {
      expect(trail, `import cycle: ${[...trail, path].join(" -> ")}`).not.toContain(path);
      const text = files.get(path);
      if (text === undefined || done.has(path)) return;
      for (const { specifier, typeOnly } of importsOf(text)) {
        if (!typeOnly && specifier.startsWith(".")) visit(resolved(path, specifier), [...trail, path]);
      }
      done.add(path);
    };
    for (const path of files.keys()) visit(path, []);
  }
});
