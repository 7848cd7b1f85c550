import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type PeerCertificate } from "node:tls";
import { credentials, status as STATUS } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { createGrpcServer } from "../../../src/wire/grpc-server.ts";
import { selfSignedCertificate } from "../../../src/wire/self-signed.ts";
import { loadCertificates, tlsCiphers, tlsMinVersion } from "../../../src/wire/tls.ts";
import { watchCertificates } from "../../../src/wire/watch-certificates.ts";
import { echoMethod, GrpcPeer, outcome } from "./grpc-peer.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "windtunnel-tls-"));
  undo.push(() => rmSync(path, { recursive: true }));
  return path;
}

const certificate = (name = "localhost") => selfSignedCertificate({ name, nowMs: Date.now(), validDays: 365 });

async function serve(tls: Parameters<typeof createGrpcServer>[0]["tls"] & object) {
  const server = createGrpcServer({ methods: [echoMethod("/e/e")], tls });
  undo.push(() => server.close());
  return { server, port: (await server.listen("127.0.0.1", 0)).port };
}

function shake(port: number, options: ConnectionOptions) {
  return new Promise<{ protocol: string | null; alpn: string | false | null; cipher: string; peer: PeerCertificate }>(
    (resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ALPNProtocols: ["h2"], ...options });
      socket.once("secureConnect", () => {
        resolve({
          protocol: socket.getProtocol(),
          alpn: socket.alpnProtocol,
          cipher: socket.getCipher().name,
          peer: socket.getPeerCertificate(),
        });
        socket.destroy();
      });
      socket.once("error", reject);
    },
  );
}

describe("a self-signed certificate", () => {
  it("says what it is for, and is signed by its own key", () => {
    const nowMs = Date.UTC(2027, 1, 3, 4, 5, 6);
    const { cert } = selfSignedCertificate({ name: "picker.example", nowMs, validDays: 3650 });
    const x509 = new X509Certificate(cert);
    expect(x509.verify(x509.publicKey)).toBe(true);
    expect(x509.verify(new X509Certificate(certificate().cert).publicKey)).toBe(false);
    expect(x509.subject).toBe("CN=picker.example");
    expect(x509.issuer).toBe("CN=picker.example");
    expect(x509.validFrom).toBe("Feb  2 04:05:06 2027 GMT");
    expect(x509.validTo).toBe("Jan 31 04:05:06 2037 GMT");
    expect(x509.ca).toBe(true);
    expect(x509.checkHost("picker.example")).toBe("picker.example");
    expect(x509.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  it("may end after 2049", () => {
    const { cert } = selfSignedCertificate({ name: "a", nowMs: Date.UTC(2049, 11, 1), validDays: 365 });
    expect(new X509Certificate(cert).validTo).toBe("Dec  1 00:00:00 2050 GMT");
  });

  it("is taken by a client that has it as its root, over h2", async () => {
    const tls = certificate();
    const { port } = await serve(tls);
    const shaken = await shake(port, { ca: tls.cert });
    expect(shaken.alpn).toBe("h2");
    expect(shaken.protocol).toBe("TLSv1.3");
    await expect(shake(port, {})).rejects.toThrow("self-signed certificate");
    const peer = new GrpcPeer(port, credentials.createSsl(Buffer.from(tls.cert)), {
      "grpc.ssl_target_name_override": "localhost",
    });
    undo.push(() => peer.close());
    const stream = peer.stream("/e/e");
    stream.end(Buffer.from("hello"));
    expect(await outcome(stream)).toMatchObject({ code: STATUS.OK, messages: [Buffer.from("hello")] });
  });
});

describe("options of TLS", () => {
  it("bound the versions", async () => {
    const { server, port } = await serve({ ...certificate(), minVersion: tlsMinVersion("VersionTLS13") });
    const old = { rejectUnauthorized: false, maxVersion: "TLSv1.2" } as const;
    await expect(shake(port, old)).rejects.toThrow();
    server.setTls(certificate());
    await expect(shake(port, old)).rejects.toThrow();
    expect((await shake(port, { rejectUnauthorized: false })).protocol).toBe("TLSv1.3");
    expect(() => tlsMinVersion("VersionTLS21")).toThrow(
      '--tls-min-version: unknown version "VersionTLS21" (did you mean "VersionTLS11"?)',
    );
  });

  it("choose among the suites of TLS 1.2 by Go's names and leave those of 1.3", async () => {
    const ciphers = tlsCiphers(["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]);
    const { port } = await serve({ ...certificate(), ciphers });
    const old = await shake(port, { rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    expect(old.cipher).toBe("ECDHE-ECDSA-AES256-GCM-SHA384");
    expect((await shake(port, { rejectUnauthorized: false })).protocol).toBe("TLSv1.3");
    await expect(
      shake(port, { rejectUnauthorized: false, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }),
    ).rejects.toThrow();
    expect(() => tlsCiphers(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25"])).toThrow("did you mean");
  });
});

describe("certificates of a folder", () => {
  const write = (path: string, pair: { key: string; cert: string }): void => {
    writeFileSync(join(path, "tls.crt"), pair.cert);
    writeFileSync(join(path, "tls.key"), pair.key);
  };

  it("are refused in one line that says which file and why", () => {
    const path = folder();
    expect(() => loadCertificates(path)).toThrow(`${join(path, "tls.crt")}: cannot be read (ENOENT)`);
    writeFileSync(join(path, "tls.crt"), "nonsense");
    writeFileSync(join(path, "tls.key"), certificate().key);
    expect(() => loadCertificates(path)).toThrow(`${join(path, "tls.crt")}: is not a certificate in PEM`);
    writeFileSync(join(path, "tls.crt"), certificate().cert);
    expect(() => loadCertificates(path)).toThrow(`${path}: tls.key is not the key of the certificate in tls.crt`);
  });

  it("are followed behind Kubernetes' swapped link, and a bad pair changes nothing", async () => {
    const path = folder();
    const [first, second] = [certificate("first.example"), certificate("second.example")];
    const mount = (name: string, pair: { key: string; cert: string }): void => {
      mkdirSync(join(path, name));
      write(join(path, name), pair);
      symlinkSync(name, join(path, "..data_tmp"));
      renameSync(join(path, "..data_tmp"), join(path, "..data"));
    };
    mount("..1", first);
    for (const file of ["tls.crt", "tls.key"]) symlinkSync(join("..data", file), join(path, file));
    const { server, port } = await serve(loadCertificates(path));
    const failures: string[] = [];
    const changes: string[] = [];
    undo.push(
      watchCertificates(
        path,
        (pair) => {
          changes.push(pair.cert);
          server.setTls(pair);
        },
        (error) => failures.push(error.message),
        20,
      ),
    );
    const until = async (condition: () => boolean): Promise<void> => {
      for (let waits = 0; !condition() && waits < 500; waits += 1) await new Promise((next) => setTimeout(next, 10));
      expect(condition()).toBe(true);
    };
    const served = async () => (await shake(port, { rejectUnauthorized: false })).peer.subject.CN;

    expect(await served()).toBe("first.example");
    mount("..2", { key: first.key, cert: second.cert });
    await until(() => failures.length > 0);
    expect(failures).toEqual([`${path}: tls.key is not the key of the certificate in tls.crt`]);
    expect(await served()).toBe("first.example");
    mount("..3", second);
    await until(() => changes.length > 0);
    expect(await served()).toBe("second.example");
    expect(changes).toEqual([second.cert]);
  });
});
