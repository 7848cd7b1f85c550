/** A published trace that can be fetched: only files whose full SHA-256 is known. */
export interface CatalogueEntry {
  readonly name: string;
  readonly url: string;
  readonly file: string;
  readonly sha256: string;
  readonly licence: string;
  readonly bytes?: number;
}

const MOONCAKE = "https://raw.githubusercontent.com/kvcache-ai/Mooncake/main/FAST25-release/traces";
const AZURE = "https://raw.githubusercontent.com/Azure/AzurePublicDataset/master/data";

/** By name. */
export const traceCatalogue: readonly CatalogueEntry[] = [
  {
    name: "mooncake-conversation",
    url: `${MOONCAKE}/conversation_trace.jsonl`,
    file: "conversation_trace.jsonl",
    sha256: "b8cbb061a85206d729d91cdc2981f43c9e0d99209dce588d3af5f7934408b9df",
    licence: "Apache-2.0",
    bytes: 3_029_533,
  },
  {
    name: "mooncake-toolagent",
    url: `${MOONCAKE}/toolagent_trace.jsonl`,
    file: "toolagent_trace.jsonl",
    sha256: "48a2db1a13d3bc05e6330140c64f604ba366df20d3c9e128b5c35a01c1fa5f71",
    licence: "Apache-2.0",
  },
  {
    name: "azure-2023-conversation",
    url: `${AZURE}/AzureLLMInferenceTrace_conv.csv`,
    file: "AzureLLMInferenceTrace_conv.csv",
    sha256: "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
    licence: "CC-BY-4.0",
    bytes: 719_188,
  },
  {
    name: "azure-2023-code",
    url: `${AZURE}/AzureLLMInferenceTrace_code.csv`,
    file: "AzureLLMInferenceTrace_code.csv",
    sha256: "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
    licence: "CC-BY-4.0",
    bytes: 320_117,
  },
];
