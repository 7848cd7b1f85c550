import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect, createServer, type Socket, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { etcd, helm, kubeApiserver } from "../../../../scripts/kube/programs.ts";
import { ChildProgram } from "../../src/demo/child-program.ts";

/** Where the custom resource definitions lie. */
const CRDS = resolve(process.env.WINDTUNNEL_DATA ?? join(import.meta.dirname, "../../../../../shared"), "peers/crds");
const CRD_FILES = [
  "inference.networking.k8s.io_inferencepools.yaml",
  "llm-d.ai_inferencemodelrewrites.yaml",
  "llm-d.ai_inferenceobjectives.yaml",
];

/** The programs of a cluster. */
export interface ClusterPrograms {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly helm: string;
}

/** The programs, built or fetched by `npm run test:kube`; a reason to skip where something cannot be had. */
export async function clusterPrograms(): Promise<ClusterPrograms | { readonly skip: string }> {
  try {
    if (!existsSync(join(CRDS, CRD_FILES[0]!))) return { skip: `no custom resource definitions in ${CRDS}` };
    return { etcd: await etcd(), helm: await helm(), kubeApiserver: await kubeApiserver() };
  } catch (error) {
    return { skip: (error as Error).message };
  }
}

/** An object of the Kubernetes API. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string } & Record<string, unknown>;
  readonly [field: string]: unknown;
}

/** What the API server noted of a request. */
export interface AuditEvent {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly apiGroup?: string; readonly resource?: string };
  readonly responseStatus?: { readonly code?: number };
}

/** A real etcd and kube-apiserver on loopback, with a door in front that can be shut. */
export class Cluster {
  /** Where clients connect: the door. */
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "windtunnel-kube-"));
  readonly #programs: ClusterPrograms;
  readonly #etcdPorts: readonly [number, number];
  readonly #apiPort: number;
  readonly #door: Door;
  readonly #adminToken = randomBytes(16).toString("hex");
  #etcd: ChildProgram | undefined;
  #api: ChildProgram | undefined;

  private constructor(programs: ClusterPrograms, ports: readonly number[], door: Door) {
    this.#programs = programs;
    this.#etcdPorts = [ports[0]!, ports[1]!];
    this.#apiPort = ports[2]!;
    this.#door = door;
    this.url = `https://127.0.0.1:${door.port}`;
  }

  static async start(programs: ClusterPrograms): Promise<Cluster> {
    const ports = await freePorts(3);
    const cluster = new Cluster(programs, ports, await Door.open(ports[2]!));
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#door.close();
    await this.#api?.stop("SIGKILL");
    await this.#etcd?.stop("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async killApiServer(): Promise<void> {
    await this.#api?.stop("SIGKILL");
  }

  async startApiServer(): Promise<void> {
    this.#api = new ChildProgram(this.#programs.kubeApiserver, this.#apiArguments());
    await this.#api.until(
      "ready",
      async () => ((await this.admin("GET", "/readyz")).status === 200 ? true : undefined),
      90_000,
    );
  }

  /** Cuts every connection of clients and lets no new one in; this class's own requests do not go through it. */
  shutDoor(): void {
    this.#door.shut();
  }

  openDoor(): void {
    this.#door.reopen();
  }

  /** A request with all rights. */
  admin(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<Answer> {
    return this.#send(this.#apiPort, this.#adminToken, method, path, body, contentType);
  }

  /** A request as somebody else, through the door. */
  as(token: string, method: string, path: string, body?: unknown): Promise<Answer> {
    return this.#send(this.#door.port, token, method, path, body, "application/json");
  }

  /** @throws Error with the server's words when it refuses. */
  async must(method: string, path: string, body?: unknown, contentType?: string): Promise<Record<string, unknown>> {
    const { status, json } = await this.admin(method, path, body, contentType);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${(json as { message?: string }).message}`);
    return json as Record<string, unknown>;
  }

  /** Applies as `kubectl apply --server-side` does, unknown fields being errors. */
  apply(manifest: Manifest, options = ""): Promise<Record<string, unknown>> {
    const path = `${pathOf(manifest)}?fieldManager=test&force=true&fieldValidation=Strict${options}`;
    return this.must("PATCH", path, stringify(manifest), "application/apply-patch+yaml");
  }

  /** A token of a service account, as a pod would be given one. */
  async tokenOf(namespace: string, name: string): Promise<string> {
    const answer = await this.must("POST", `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {},
    });
    return (answer.status as { token: string }).token;
  }

  /** A kubeconfig file for a token; what it leads to goes through the door. */
  kubeconfig(token: string, namespace: string): string {
    const path = join(this.#folder, `${randomBytes(4).toString("hex")}.kubeconfig`);
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: this.url, "certificate-authority": this.#certificate() } }],
      users: [{ name: "u", user: { token } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace } }],
      "current-context": "x",
    };
    writeFileSync(path, stringify(config), { mode: 0o600 });
    return path;
  }

  /** What was asked of the API server so far. */
  audit(): AuditEvent[] {
    const lines = readFileSync(join(this.#folder, "audit.log"), "utf8").split("\n");
    // The last line may be half written.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
  }

  /** Renders the chart. */
  async render(release: string, namespace: string, ...flags: string[]): Promise<Manifest[]> {
    const chart = join(import.meta.dirname, "../../../../deploy/chart");
    const args = ["template", release, chart, "--namespace", namespace, "--kube-version", "1.34.4", ...flags];
    return manifestsOf(await outputOf(this.#programs.helm, args));
  }

  async #start(): Promise<void> {
    const [client, peer] = this.#etcdPorts.map((port) => `http://127.0.0.1:${port}`);
    const urls = ["--listen-client-urls", client!, "--advertise-client-urls", client!];
    const peers = [
      "--listen-peer-urls",
      peer!,
      "--initial-advertise-peer-urls",
      peer!,
      "--initial-cluster",
      `default=${peer}`,
    ];
    this.#etcd = new ChildProgram(this.#programs.etcd, ["--data-dir", join(this.#folder, "etcd"), ...urls, ...peers], {
      // Debian's etcd asks for it where the platform is not amd64.
      env: { ETCD_UNSUPPORTED_ARCH: process.arch === "x64" ? "amd64" : process.arch },
    });
    await this.#etcd.until("healthy", async () => ((await fetch(`${client}/health`)).ok ? true : undefined), 60_000);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(join(this.#folder, "sa.key"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    writeFileSync(join(this.#folder, "tokens.csv"), `${this.#adminToken},admin,admin,"system:masters"\n`, {
      mode: 0o600,
    });
    writeFileSync(join(this.#folder, "audit.yaml"), AUDIT_POLICY);
    await this.startApiServer();
    await Promise.all(CRD_FILES.map((file) => this.define(manifestsOf(readFileSync(join(CRDS, file), "utf8"))[0]!)));
  }

  /** Applies a CustomResourceDefinition and waits until it is served. */
  async define(manifest: Manifest): Promise<void> {
    await this.apply(manifest);
    const established = async (): Promise<true | undefined> => {
      const { status } = (await this.must("GET", pathOf(manifest))) as {
        status?: { conditions?: { type: string; status: string }[] };
      };
      return status?.conditions?.some(({ type, status: is }) => type === "Established" && is === "True") || undefined;
    };
    await this.#api!.until(`serving ${manifest.metadata.name}`, established);
  }

  #apiArguments(): string[] {
    const file = (name: string): string => join(this.#folder, name);
    return [
      `--etcd-servers=http://127.0.0.1:${this.#etcdPorts[0]}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${this.#apiPort}`,
      `--cert-dir=${file("certs")}`,
      `--service-account-key-file=${file("sa.key")}`,
      `--service-account-signing-key-file=${file("sa.key")}`,
      "--service-account-issuer=https://windtunnel.test",
      `--token-auth-file=${file("tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      "--disable-admission-plugins=ServiceAccount",
      "--endpoint-reconciler-type=none",
      `--audit-policy-file=${file("audit.yaml")}`,
      `--audit-log-path=${file("audit.log")}`,
      "--audit-log-mode=blocking",
      "--v=0",
    ];
  }

  #certificate(): string {
    return join(this.#folder, "certs", "apiserver.crt");
  }

  async #send(port: number, token: string, method: string, path: string, body: unknown, type: string): Promise<Answer> {
    const text = typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token}`, accept: "application/json", "content-type": type };
    return new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers,
        ca: readFileSync(this.#certificate()),
        agent: false as const,
      };
      const sent = request(options, (response) => {
        let answer = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          answer += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, json: parsed(answer) }));
      });
      sent.setTimeout(30_000, () => sent.destroy(new Error(`${method} ${path}: no answer`)));
      sent.on("error", reject);
      sent.end(text);
    });
  }
}

/** An answer of the API server. */
export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`;

/** The manifests of a YAML text. */
function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => (document as { toJS(): unknown }).toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const CLUSTER_SCOPED = ["CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Namespace"];

/** Where the API has an object. */
function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = CLUSTER_SCOPED.includes(kind) ? "" : `/namespaces/${metadata.namespace}`;
  return `${base}${scope}/${kind.toLowerCase().replace(/y$/, "ie")}s/${metadata.name}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text };
  }
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const { execFile } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr.trim() || error.message));
    });
  });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening(createServer())));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listening(server: TcpServer): Promise<TcpServer> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function portOf(server: TcpServer): number {
  return (server.address() as { port: number }).port;
}

/** Passes connections on while it is open. */
class Door {
  readonly port: number;
  readonly #server: TcpServer;
  readonly #sockets = new Set<Socket>();
  #isOpen = true;

  private constructor(server: TcpServer) {
    this.#server = server;
    this.port = portOf(server);
  }

  static async open(target: number): Promise<Door> {
    const server = createServer((socket) => door.#pass(socket, target));
    const door: Door = new Door(await listening(server));
    return door;
  }

  shut(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  reopen(): void {
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.shut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(client: Socket, target: number): void {
    if (!this.#isOpen) return void client.destroy();
    const server = connect(target, "127.0.0.1");
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
