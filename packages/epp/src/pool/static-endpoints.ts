import { isIPv4, isIPv6 } from "node:net";
import type { EndpointFacts } from "@windtunnel/router-policies";
import { PoolError, type PoolSink, type PoolSource } from "./pool-source.ts";

const FORM = "name=ip:port[,label=value...]";

/** An endpoint as `--endpoint name=ip:port[,label=value...]` gives it. @throws PoolError */
export function parseStaticEndpoint(text: string): EndpointFacts {
  const [head = "", ...pairs] = text.split(",");
  const { key: name, value: address } = keyAndValue(head, text);
  if (/[\s/]/.test(name)) fail(text, `the name ${JSON.stringify(name)} has a space or "/"`);
  const labels: Record<string, string> = {};
  for (const pair of pairs) {
    const { key, value } = keyAndValue(pair, text);
    if (Object.hasOwn(labels, key)) fail(text, `the label ${JSON.stringify(key)} comes twice`);
    labels[key] = value;
  }
  return { name, namespace: "default", address: checkedAddress(address, text), labels };
}

function keyAndValue(pair: string, text: string): { key: string; value: string } {
  const at = pair.indexOf("=");
  if (at <= 0) fail(text, `${JSON.stringify(pair)} is not key=value`);
  return { key: pair.slice(0, at), value: pair.slice(at + 1) };
}

function checkedAddress(address: string, text: string): string {
  const colon = address.lastIndexOf(":");
  const [host, port] = [address.slice(0, Math.max(0, colon)), address.slice(colon + 1)];
  const bare = /^\[(.*)\]$/.exec(host)?.[1];
  if (bare === undefined ? !isIPv4(host) : !isIPv6(bare)) {
    fail(text, `${JSON.stringify(address)} is not an IPv4 or [IPv6] literal with a port`);
  }
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    fail(text, `the port must be from 1 to 65535, found ${JSON.stringify(port)}`);
  }
  return `${host}:${Number(port)}`;
}

function fail(text: string, detail: string): never {
  throw new PoolError(`--endpoint ${JSON.stringify(text)}: ${detail} (expected ${FORM})`);
}

/** Endpoints that flags give, and that never change. */
export class StaticEndpoints implements PoolSource {
  readonly #endpoints: readonly EndpointFacts[];

  /** @throws PoolError when one cannot be used, or a name or an address comes twice. */
  constructor(flags: readonly string[]) {
    this.#endpoints = flags.map(parseStaticEndpoint);
    const seen = new Set<string>();
    for (const [index, { name, address }] of this.#endpoints.entries()) {
      for (const key of [`the name ${JSON.stringify(name)}`, `the address ${address}`]) {
        if (seen.has(key)) fail(flags[index]!, `${key} comes twice`);
        seen.add(key);
      }
    }
  }

  async start(sink: PoolSink): Promise<void> {
    sink.endpoints(this.#endpoints);
    sink.objectives(new Map());
    sink.rewrites([]);
    sink.pool({ synced: true });
  }

  async stop(): Promise<void> {}
}
