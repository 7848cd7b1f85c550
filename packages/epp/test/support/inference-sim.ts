import { ChildProgram } from "../../src/demo/child-program.ts";
import { freePorts } from "./epp-program.ts";

/** Where the tests of llm-d-inference-sim find it, in words for a user. */
export const INFERENCE_SIM_SKIP =
  "WINDTUNNEL_LLMD_SIM does not name llm-d-inference-sim (go install github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim@latest)";

export interface InferenceSim {
  readonly name: string;
  /** `ip:port`. */
  readonly address: string;
  stop(): Promise<number>;
}

export interface InferenceSimOptions {
  readonly name: string;
  /** Its own address: by it an Endpoint Picker knows whose events they are. */
  readonly host: string;
  readonly model: string;
  readonly blockSizeTokens: number;
  /** Where it connects to publish KV events. */
  readonly zmqEndpoint: string;
  readonly maps: boolean;
}

/** Starts llm-d's own fake model server with its KV-cache simulation. @throws Error when it does not come up */
export async function startInferenceSim(command: string, options: InferenceSimOptions): Promise<InferenceSim> {
  const [port] = await freePorts(1);
  const { name, host, model, blockSizeTokens, zmqEndpoint, maps } = options;
  const args = ["--model", model, "--port", String(port), "--enable-kvcache", "--force-dummy-tokenizer"];
  args.push("--block-size", String(blockSizeTokens), "--zmq-endpoint", zmqEndpoint, "--event-batch-size", "1");
  args.push("--max-model-len", "8192", "--mode", "echo", ...(maps ? ["--use-vllm-map-event-format"] : []));
  const program = new ChildProgram(command, args, { env: { POD_IP: host } });
  const address = `${host}:${port}`;
  try {
    await program.until("answering", async () => ((await fetch(`http://${address}/health`)).ok ? true : undefined));
  } catch (error) {
    await program.stop("SIGKILL");
    throw error;
  }
  return { name, address, stop: () => program.stop() };
}
