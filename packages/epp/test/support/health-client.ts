import { join } from "node:path";
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

interface HealthService {
  readonly grpc: { readonly health: { readonly v1: { readonly Health: ServiceClientConstructor } } };
}

type Check = (
  request: { readonly service: string },
  options: { readonly deadline: number },
  done: (error: Error | null, answer?: { readonly status: number }) => void,
) => void;

/** What a kubelet's gRPC probe asks: 1 = SERVING. @throws Error when nobody answers */
export function healthStatus(port: number, service: string): Promise<number> {
  const definition = loadPackageDefinition(loadSync(join(import.meta.dirname, "../../proto/health.proto")));
  const { Health } = (definition as unknown as HealthService).grpc.health.v1;
  // A pool of its own: the shared one remembers that nobody answered, and waits longer each time.
  const own = { "grpc.use_local_subchannel_pool": 1 };
  const client = new Health(`127.0.0.1:${port}`, credentials.createInsecure(), own);
  return new Promise((resolve, reject) => {
    const check = (client as unknown as { Check: Check }).Check.bind(client);
    check({ service }, { deadline: Date.now() + 2000 }, (error, answer) => {
      client.close();
      if (error !== null || answer === undefined) reject(error ?? new Error("no answer"));
      else resolve(answer.status);
    });
  });
}
