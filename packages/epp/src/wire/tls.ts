import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SecureVersion } from "node:tls";
import { nearestMatch } from "@windtunnel/router-policies";

/** What a TLS server needs, by the names of `node:tls`. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  readonly minVersion?: SecureVersion;
  /** OpenSSL's names, separated by colons. */
  readonly ciphers?: string;
}

/** Certificates or options of TLS that cannot be used. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}

/**
 * The pair `tls.crt` and `tls.key` of a folder, as Kubernetes mounts a TLS secret.
 *
 * @throws TlsError when one cannot be read, or the key is not the certificate's.
 */
export function loadCertificates(folder: string): { readonly key: string; readonly cert: string } {
  const cert = read(join(folder, "tls.crt"));
  const key = read(join(folder, "tls.key"));
  const certificate = parse(join(folder, "tls.crt"), "a certificate in PEM", () => new X509Certificate(cert));
  const privateKey = parse(join(folder, "tls.key"), "a private key in PEM", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new TlsError(`${folder}: tls.key is not the key of the certificate in tls.crt`);
  return { key, cert };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new TlsError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`);
  }
}

function parse<T>(path: string, wanted: string, parser: () => T): T {
  try {
    return parser();
  } catch {
    throw new TlsError(`${path}: is not ${wanted}`);
  }
}

const MIN_VERSIONS: Readonly<Record<string, SecureVersion>> = {
  VersionTLS10: "TLSv1",
  VersionTLS11: "TLSv1.1",
  VersionTLS12: "TLSv1.2",
  VersionTLS13: "TLSv1.3",
};

/**
 * The least version of TLS by Go's name, as `--tls-min-version` has it.
 *
 * @throws TlsError on another name.
 */
export function tlsMinVersion(name: string): SecureVersion {
  const version = MIN_VERSIONS[name];
  if (version === undefined) throw unknownName("--tls-min-version", "version", name, Object.keys(MIN_VERSIONS));
  return version;
}

const TLS13_SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** OpenSSL's names of Go's TLS 1.2 suites. */
const TLS12_SUITES: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
  TLS_RSA_WITH_AES_128_GCM_SHA256: "AES128-GCM-SHA256",
  TLS_RSA_WITH_AES_256_GCM_SHA384: "AES256-GCM-SHA384",
  TLS_RSA_WITH_AES_128_CBC_SHA: "AES128-SHA",
  TLS_RSA_WITH_AES_256_CBC_SHA: "AES256-SHA",
};

/**
 * Cipher suites by Go's names, as `--tls-cipher-suites` has them. Those of TLS 1.3 are always on, as they are in Go:
 * the list chooses among the older ones.
 *
 * @throws TlsError on a name that is not known.
 */
export function tlsCiphers(names: readonly string[]): string {
  const chosen = names.map((name) => {
    if (TLS13_SUITES.includes(name)) return name;
    const suite = TLS12_SUITES[name];
    if (suite === undefined)
      throw unknownName("--tls-cipher-suites", "suite", name, [...Object.keys(TLS12_SUITES), ...TLS13_SUITES]);
    return suite;
  });
  return [...new Set([...TLS13_SUITES, ...chosen])].join(":");
}

function unknownName(flag: string, what: string, found: string, allowed: readonly string[]): TlsError {
  const near = nearestMatch(found, allowed);
  const hint = near === undefined ? `allowed: ${allowed.join(", ")}` : `did you mean "${near}"?`;
  return new TlsError(`${flag}: unknown ${what} "${found}" (${hint})`);
}
