import type { Log } from "../host/log.ts";
import type { GrpcServer } from "../wire/grpc-server.ts";
import { selfSignedCertificate } from "../wire/self-signed.ts";
import { loadCertificates, type TlsMaterial, tlsCiphers, tlsMinVersion } from "../wire/tls.ts";
import { watchCertificates } from "../wire/watch-certificates.ts";
import type { EppOptions } from "./options.ts";

const SELF_SIGNED_DAYS = 3650;

/** The certificates of the ext_proc port. */
export interface ServerTls {
  readonly material: TlsMaterial;
  /** Hands later certificates to the server, with `--enable-cert-reload`. */
  watch(server: GrpcServer): void;
  stop(): void;
}

/** Given certificates, or a self-signed one. @throws TlsError */
export function serverTls(options: EppOptions, log: Log): ServerTls {
  const folder = options.text("cert-path");
  const minVersion = options.text("tls-min-version");
  const ciphers = options.list("tls-cipher-suites");
  const withPolicy = (pair: { readonly key: string; readonly cert: string }): TlsMaterial => ({
    ...pair,
    ...(minVersion === undefined ? {} : { minVersion: tlsMinVersion(minVersion) }),
    ...(ciphers.length === 0 ? {} : { ciphers: tlsCiphers(ciphers) }),
  });
  const pair =
    folder === undefined
      ? selfSignedCertificate({ name: "localhost", nowMs: Date.now(), validDays: SELF_SIGNED_DAYS })
      : loadCertificates(folder);
  let stop = (): void => {};
  return {
    material: withPolicy(pair),
    watch(server) {
      if (folder === undefined || !options.flag("enable-cert-reload")) return;
      stop = watchCertificates(
        folder,
        (changed) => {
          server.setTls(withPolicy(changed));
          log.info({ folder }, "took over new certificates");
        },
        (error) => log.error({ folder, error: error.message }, "the certificates from before stay"),
      );
    },
    stop: () => stop(),
  };
}
