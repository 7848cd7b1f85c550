import { expect, test } from "vitest";
import { parseEndpointsFile } from "../../../src/pool/endpoints-file.ts";
import { PoolError } from "../../../src/pool/pool-source.ts";

function problem(text: string): string {
  try {
    parseEndpointsFile(text, "pool.yaml");
  } catch (error) {
    if (error instanceof PoolError) return error.message;
    throw error;
  }
  return "none";
}

const one = (fields: string): string => `endpoints:\n  - name: a\n    address: 10.0.0.1\n    port: "8000"\n${fields}`;

test("reads endpoints, with the default namespace and without labels", () => {
  const text = `${one("")}  - {name: b, namespace: ns, address: 10.0.0.2, port: "80", labels: {llm-d.ai/role: decode}}\n`;
  expect(parseEndpointsFile(text, "pool.yaml")).toEqual([
    { name: "a", namespace: "default", address: "10.0.0.1:8000", labels: {} },
    { name: "b", namespace: "ns", address: "10.0.0.2:80", labels: { "llm-d.ai/role": "decode" } },
  ]);
});

test("an empty list is an empty pool", () => {
  expect(parseEndpointsFile("endpoints: []\n", "pool.yaml")).toEqual([]);
});

test("labels may be shared through an anchor", () => {
  const text = `${one("    labels: &l {x: y}\n")}  - {name: b, address: 10.0.0.2, port: "80", labels: *l}\n`;
  expect(parseEndpointsFile(text, "pool.yaml").map(({ labels }) => labels)).toEqual([{ x: "y" }, { x: "y" }]);
});

test.each([
  ["", "pool.yaml:1:1: the file must be a mapping, found nothing"],
  ["endpoints:\n", "pool.yaml:1:11: endpoints must be a list, found nothing"],
  ["{}\n", "pool.yaml:1:1: the file has no endpoints (an empty pool is written endpoints: [])"],
  ["endpoint: []\n", 'pool.yaml:1:1: the file has no field "endpoint" (did you mean "endpoints"?)'],
  ["endpoints: [7]\n", "pool.yaml:1:13: an endpoint must be a mapping, found 7"],
  ["endpoints:\n  - name: a\n    address: 10.0.0.1\n", "pool.yaml:2:5: an endpoint needs port, found none"],
  [one("    adress: x\n"), 'pool.yaml:5:5: an endpoint has no field "adress" (did you mean "address"?)'],
  [one("    labels: {a: 1}\n"), 'pool.yaml:5:17: label "a" must be a string, found 1; put it in quotes'],
  [one("    labels: [a]\n"), "pool.yaml:5:13: labels must be a mapping, found a list"],
  [
    one("    namespace: a/b\n"),
    'pool.yaml:5:16: namespace must be 1 to 253 characters without spaces or "/", found "a/b"',
  ],
  [
    one('  - {name: a, address: 10.0.0.2, port: "80"}\n'),
    "pool.yaml:5:5: endpoint default/a comes twice; the first is on line 2",
  ],
  [
    one('  - {name: b, address: 10.0.0.1, port: "8000"}\n'),
    "pool.yaml:5:5: address 10.0.0.1:8000 comes twice; the first is on line 2",
  ],
])("says where %j is wrong", (text, message) => {
  expect(problem(text)).toBe(message);
});

test.each([
  ["address", "localhost", 'address must be an IPv4 literal such as 10.0.0.7, found "localhost"'],
  ["address", "10.0.0.256", 'address must be an IPv4 literal such as 10.0.0.7, found "10.0.0.256"'],
  ["address", '"::1"', 'address must be an IPv4 literal such as 10.0.0.7, found "::1"'],
  ["port", "8000", "port must be a string, found 8000; put it in quotes"],
  ["port", '"0"', 'port must be a quoted number from "1" to "65535", found "0"'],
  ["port", '"65536"', 'port must be a quoted number from "1" to "65535", found "65536"'],
  ["port", '"8000 "', 'port must be a quoted number from "1" to "65535", found "8000 "'],
])("refuses %s %s", (field, value, message) => {
  const fields: Record<string, string> = { name: "a", address: "10.0.0.1", port: '"8000"', [field]: value };
  const text = `endpoints:\n  - ${Object.entries(fields)
    .map(([key, given]) => `${key}: ${given}`)
    .join("\n    ")}\n`;
  expect(problem(text)).toMatch(
    new RegExp(`^pool\\.yaml:[34]:\\d+: ${message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`),
  );
});

test("text that is no YAML is one line", () => {
  const message = problem("endpoints: [\n  {a: b\n");
  expect(message).toMatch(/^pool\.yaml:\d+:\d+: not valid YAML: /);
  expect(message).not.toContain("\n");
});
