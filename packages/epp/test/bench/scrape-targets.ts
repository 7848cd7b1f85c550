import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { FakeMetricsPage, type MetricsPageSize } from "../../src/demo/fake-metrics-page.ts";

/** Pages that differ, so that no reader can take one for the next. */
const PAGES = 16;

/** Model servers of which there is only `/metrics`, each at a port of its own: answers that are written already. */
export class ScrapeTargets {
  /** Pages asked for so far. */
  asked = 0;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #answers: readonly Buffer[];

  private constructor(size: MetricsPageSize) {
    const pages = new FakeMetricsPage("fake-model", size);
    this.#answers = Array.from({ length: PAGES }, (_, waiting) => {
      const gauges = { waiting, running: 7, kvUsageFraction: 0.2534879213, blockSizeTokens: 16, numGpuBlocks: 27_468 };
      const page = pages.page(gauges);
      const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${page.length}\r\n\r\n`;
      return Buffer.concat([Buffer.from(head), page]);
    });
  }

  static async start(count: number, size: MetricsPageSize): Promise<ScrapeTargets> {
    const targets = new ScrapeTargets(size);
    for (let i = 0; i < count; i++) await targets.#listen();
    return targets;
  }

  /** `ip:port` of each. */
  get addresses(): string[] {
    return this.#servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  stop(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      // A request for a page is one small packet.
      socket.on("data", () => socket.write(this.#answers[this.asked++ % PAGES]!));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.push(server);
  }
}
