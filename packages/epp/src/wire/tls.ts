/** What a TLS server of ours needs, by the names of `node:tls`. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  readonly minVersion?: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's names, separated by colons. */
  readonly ciphers?: string;
}
