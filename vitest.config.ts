import { defineConfig } from "vitest/config";

/** Each package has a project of its tests, and one for each kind of suite with its own command. */
const project = (name: string) => [
  { name, include: [`packages/${name}/test/**/*.test.ts`] },
  { name: `${name}:long`, include: [`packages/${name}/test/**/*.long.ts`] },
  { name: `${name}:kube`, include: [`packages/${name}/test/kube/**/*.kube.ts`] },
];

export default defineConfig({
  ssr: { resolve: { conditions: ["windtunnel-source"] } },
  resolve: { conditions: ["windtunnel-source"] },
  test: {
    pool: "threads",
    projects: ["router-policies", "sim-core", "epp", "cli"].flatMap(project).map((test) => ({
      extends: true as const,
      test: { ...test, testTimeout: test.name.endsWith(":long") ? 600_000 : 60_000 },
    })),
  },
});
