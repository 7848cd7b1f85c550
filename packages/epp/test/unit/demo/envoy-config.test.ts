import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type EnvoyConfigOptions, envoyConfig } from "../../../src/demo/envoy-config.ts";

const BASE: EnvoyConfigOptions = {
  epps: [{ port: 9002 }],
  listenerPort: 8081,
  adminPort: 19000,
  failureModeAllow: false,
  eppTls: false,
};

function clusters(options: Partial<EnvoyConfigOptions>) {
  const config = parse(envoyConfig({ ...BASE, ...options }));
  const [modelServers, epp] = config.static_resources.clusters;
  return { modelServers, epp };
}

describe("Envoy's configuration", () => {
  it("sends to the destination that the Endpoint Picker names", () => {
    const { modelServers } = clusters({});
    expect(modelServers.type).toBe("ORIGINAL_DST");
    expect(modelServers.original_dst_lb_config.http_header_name).toBe("x-gateway-destination-endpoint");
  });

  it("picks among known hosts itself where they are given", () => {
    const { modelServers } = clusters({ overrideHosts: ["127.0.0.1:8000", "[::1]:8001"] });
    const hosts = modelServers.load_assignment.endpoints[0].lb_endpoints;
    expect(hosts.map(({ endpoint }: { endpoint: { address: object } }) => endpoint.address)).toEqual([
      { socket_address: { address: "127.0.0.1", port_value: 8000 } },
      { socket_address: { address: "::1", port_value: 8001 } },
    ]);
  });

  it("checks the health of Endpoint Pickers that have a port for it, and sends nothing to one that is not healthy", () => {
    expect(clusters({}).epp.health_checks).toBeUndefined();
    const { epp } = clusters({ epps: [{ port: 9002, healthPort: 9003 }] });
    expect(epp.load_assignment.endpoints[0].lb_endpoints[0].endpoint.health_check_config).toEqual({ port_value: 9003 });
    expect(epp.common_lb_config.healthy_panic_threshold.value).toBe(0);
  });

  it("speaks TLS to the Endpoint Picker where asked to", () => {
    expect(clusters({}).epp.transport_socket).toBeUndefined();
    expect(clusters({ eppTls: true }).epp.transport_socket.name).toBe("envoy.transport_sockets.tls");
  });
});
