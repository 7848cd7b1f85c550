import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import type { Log } from "../host/log.ts";
import { FileDiscovery, fileDiscoveryParameters } from "../pool/file-discovery.ts";
import type { PoolSource } from "../pool/pool-source.ts";
import { StaticEndpoints } from "../pool/static-endpoints.ts";
import { type EppOptions, OptionsError } from "./options.ts";

/** Where this Endpoint Picker's endpoints come from: the configuration's discovery plugin, `--endpoint`, or Kubernetes. */
export async function poolSourceOf(
  options: EppOptions,
  config: EndpointPickerConfig,
  log: Log,
): Promise<{ source: PoolSource; usesKubernetes: boolean }> {
  const endpoints = options.list("endpoint");
  const discovery = config.plugins.find(({ name }) => name === config.dataLayer.endpointDiscovery);
  const report = (message: string): void => log.info({ source: "discovery" }, message);
  if (discovery !== undefined) {
    if (discovery.type !== "file-discovery") {
      throw new OptionsError(`${discovery.type}: endpoint discovery knows file-discovery, not this`);
    }
    if (endpoints.length > 0) throw new OptionsError("--endpoint and a discovery plugin exclude each other");
    const parameters = fileDiscoveryParameters.parse(discovery.parameters);
    return { source: new FileDiscovery({ ...parameters, report }), usesKubernetes: false };
  }
  if (endpoints.length > 0) {
    return { source: new StaticEndpoints(endpoints), usesKubernetes: false };
  }
  const pool = options.text("pool-name");
  const selector = options.text("endpoint-selector");
  if (pool === undefined && selector === undefined) {
    throw new OptionsError("give --pool-name, --endpoint-selector, --endpoint, or a file-discovery plugin");
  }
  const { kubernetesPool } = await import("../pool/kubernetes/index.ts");
  const source = await kubernetesPool({
    ...(pool === undefined ? {} : { poolName: pool }),
    ...(selector === undefined ? {} : { endpointSelector: selector }),
    ...(options.text("pool-namespace") === undefined ? {} : { namespace: options.text("pool-namespace")! }),
    poolGroup: options.text("pool-group")!,
    endpointTargetPorts: options.list("endpoint-target-ports").map(Number),
    report,
  });
  return { source, usesKubernetes: true };
}
