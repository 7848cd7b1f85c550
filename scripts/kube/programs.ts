// Gets the programs that `npm run test:kube` needs into a cache: `node scripts/kube/programs.ts`. What cannot be had is
// named on stderr; the tests that need it state that they skip.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { cachedProgram, type GoProgram, goProgram, ProgramUnavailable } from "./go-program.ts";

const KUBE_APISERVER: GoProgram = {
  name: "kube-apiserver",
  module: "k8s.io/kubernetes",
  version: "v1.34.4",
  package: "k8s.io/kubernetes/cmd/kube-apiserver",
  stagingVersion: "v0.34.4",
  // What a release build would set; clients ask for it.
  variables: ["gitVersion=v1.34.4", "gitMajor=1", "gitMinor=34"].map((it) => `k8s.io/component-base/version.${it}`),
};

const ETCD: GoProgram = {
  name: "etcd",
  module: "go.etcd.io/etcd/server/v3",
  version: "v3.6.5",
  package: "go.etcd.io/etcd/server/v3",
};

const HELM: GoProgram = {
  name: "helm",
  module: "helm.sh/helm/v3",
  version: "v3.19.0",
  package: "helm.sh/helm/v3/cmd/helm",
};

type Say = (line: string) => void;
const nothing: Say = () => {};

/** The path of the API server, or of the one that WINDTUNNEL_KUBE_APISERVER names. @throws ProgramUnavailable */
export async function kubeApiserver(say: Say = nothing): Promise<string> {
  return given("WINDTUNNEL_KUBE_APISERVER") ?? goProgram(KUBE_APISERVER, say);
}

/** The path of Helm, or of the one that WINDTUNNEL_HELM names. @throws ProgramUnavailable */
export async function helm(say: Say = nothing): Promise<string> {
  return given("WINDTUNNEL_HELM") ?? goProgram(HELM, say);
}

/**
 * The path of etcd: the one that WINDTUNNEL_ETCD names, on the PATH, in the cache, from Debian's package (unpacked, not
 * installed), or built. @throws ProgramUnavailable
 */
export async function etcd(say: Say = nothing): Promise<string> {
  const found = given("WINDTUNNEL_ETCD") ?? onPath("etcd") ?? packagedEtcd(say);
  return found ?? goProgram(ETCD, say);
}

function given(variable: string): string | undefined {
  const path = process.env[variable];
  if (path === undefined || existsSync(path)) return path;
  throw new ProgramUnavailable(`${variable} names "${path}", which is not there`);
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** etcd out of Debian's package; undefined where there is no apt, or no such package. */
function packagedEtcd(say: Say): string | undefined {
  const path = cachedProgram("etcd", "debian");
  if (existsSync(path)) return path;
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-etcd-"));
  try {
    const got = spawnSync("apt-get", ["download", "etcd-server"], { cwd: folder, timeout: 120_000 });
    const file = readdirSync(folder).find((name) => name.endsWith(".deb"));
    if (got.status !== 0 || file === undefined) return undefined;
    if (spawnSync("dpkg-deb", ["-x", file, "."], { cwd: folder }).status !== 0) return undefined;
    say(`took etcd from ${file} into ${path} (once)`);
    mkdirSync(dirname(path), { recursive: true });
    const unfinished = `${path}.${process.pid}`;
    if (spawnSync("cp", [join(folder, "usr/bin/etcd"), unfinished]).status !== 0) return undefined;
    renameSync(unfinished, path);
    return path;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const say: Say = (line) => process.stderr.write(`windtunnel: ${line}\n`);
  for (const program of [etcd, helm, kubeApiserver]) {
    try {
      await program(say);
    } catch (error) {
      if (!(error instanceof ProgramUnavailable)) throw error;
      say(`${error.message}; tests that need it are skipped`);
    }
  }
}
