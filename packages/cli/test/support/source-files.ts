import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

export const PACKAGES = ["router-policies", "sim-core", "epp", "cli"] as const;
export type PackageName = (typeof PACKAGES)[number];

export interface SourceFile {
  readonly package: PackageName;
  /** Below `src`, with `/` between folders. */
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file of a package's `src`. */
export function sourceFiles(name: PackageName): SourceFile[] {
  const folder = join(root, "packages", name, "src");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => ({
      package: name,
      path: path.replaceAll("\\", "/"),
      text: readFileSync(join(folder, path), "utf8"),
    }));
}

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** Gone when types are stripped. */
  readonly typeOnly: boolean;
}

/** What a source text imports or exports from elsewhere. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const named = code.matchAll(/\b(import|export)\s+(type\s+)?((?:\{[^}]*\}|[\w$*,\s])*?)\s*from\s*"([^"]+)"/g);
  const bare = code.matchAll(/(?:^|\n)\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g);
  return [
    ...[...named].map(([, , type, what, specifier]) => ({
      specifier: specifier!,
      typeOnly: type !== undefined || onlyTypes(what!),
    })),
    ...[...bare].map(([, plain, dynamic]) => ({ specifier: (plain ?? dynamic)!, typeOnly: false })),
  ];
}

/** `{ type A, type B }`: verbatimModuleSyntax would keep such an import, Biome makes it `import type`. */
function onlyTypes(what: string): boolean {
  const names = /^\{([^}]*)\}$/
    .exec(what.trim())?.[1]
    ?.split(",")
    .map((name) => name.trim());
  return names?.filter((name) => name !== "").every((name) => name.startsWith("type ")) ?? false;
}

/** The text without comments; strings stay as they are. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_all, literal?: string) => literal ?? " ",
  );
}

/** The path below `src` that a relative specifier of `from` means. */
export const resolved = (from: string, specifier: string): string => posix.join(posix.dirname(from), specifier);
