// Bundles what is published: `npm run build`, or `node scripts/build.ts --out DIRECTORY` to write elsewhere. Nothing in the
// repository needs it: everything runs from source.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BuildOptions, build } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "packages") } } });
const LIBRARIES = ["router-policies", "sim-core"];

const COMMON = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  conditions: ["windtunnel-source"],
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Where a package's bundle goes. */
const dist = (name: string): string => join(resolve(values.out), name, "dist");

/** A library: its own modules in one file; dependencies are left to whoever installs it. */
async function buildLibrary(name: string): Promise<void> {
  await build({
    ...COMMON,
    entryPoints: [`packages/${name}/src/index.ts`],
    outfile: join(dist(name), "index.js"),
    platform: "neutral",
    target: "es2023",
    packages: "external",
    sourcemap: true,
  });
}

/** A library's types, module by module. */
function buildTypes(name: string): void {
  const folder = join(root, "packages", name);
  const where = ["-p", folder, "--rootDir", join(folder, "src"), "--outDir", dist(name)];
  const what = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly"];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, ...where, ...what], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

/**
 * The command: it needs nothing but Node, with the demonstration's scenarios and traces beside it. Each subcommand is a
 * file that is read when it is asked for, and what several need one more.
 */
async function buildCommand(): Promise<void> {
  // Some dependencies are CommonJS, and ask for Node's own modules with `require`.
  const require = 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);';
  const command = join(dist("cli"), "windtunnel.js");
  const { metafile } = await build({
    ...COMMON,
    metafile: true,
    entryPoints: { windtunnel: "packages/cli/src/main.ts" },
    outdir: dist("cli"),
    splitting: true,
    chunkNames: "parts/[name]-[hash]",
    platform: "node",
    target: "node24",
    banner: { js: require },
    // It has a native part; whoever wants KV events installs it beside the command, as the container image does.
    external: ["zeromq"],
  });
  chmodSync(command, 0o755);
  writeFileSync(join(dist("cli"), "licences.txt"), licences(Object.keys(metafile.inputs)));
  for (const beside of ["scenarios", "traces"]) {
    const filter = (path: string): boolean => !basename(path).startsWith(".");
    cpSync(join(root, beside), join(dist("cli"), beside), { recursive: true, filter });
  }
}

/** The licence of each package that has a file in the bundle, as those licences ask for. */
function licences(inputs: readonly string[]): string {
  const folders = new Set(inputs.map((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]));
  const texts = [...folders].flatMap((folder) => {
    if (folder === undefined) return [];
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const read = (pattern: RegExp): string => {
      const file = readdirSync(join(root, folder)).find((entry) => pattern.test(entry));
      return file === undefined ? "" : readFileSync(join(root, folder, file), "utf8");
    };
    // Some have it in a section of their README only.
    const text = (read(/^licen[cs]e/i) || read(/^readme/i).replace(/^[\s\S]*\n(?=[#\s]*licen[cs]e\b)/i, "")).trim();
    // A file of another author says so at its head.
    const heads = inputs
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => /^(?:\/\/.*\n|\n)+/.exec(readFileSync(join(root, path), "utf8"))?.[0].trim() ?? "")
      .filter((head) => head.includes("Copyright"));
    return [`${name} ${version} (${license})\n\n${[text, ...heads].join("\n\n")}\n`];
  });
  return texts.sort().join(`\n${"-".repeat(80)}\n\n`);
}

for (const name of [...LIBRARIES, "cli"]) rmSync(dist(name), { recursive: true, force: true });
await Promise.all([...LIBRARIES.map(buildLibrary), buildCommand()]);
for (const name of LIBRARIES) buildTypes(name);
