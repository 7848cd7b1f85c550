import { expect, test } from "vitest";
import { parseStaticEndpoint, StaticEndpoints } from "../../../src/pool/static-endpoints.ts";
import { RecordingSink } from "./recording-sink.ts";

test("reads name, address and labels", () => {
  expect(parseStaticEndpoint("a=10.0.0.1:8000,llm-d.ai/role=prefill,empty=")).toEqual({
    name: "a",
    namespace: "default",
    address: "10.0.0.1:8000",
    labels: { "llm-d.ai/role": "prefill", empty: "" },
  });
  expect(parseStaticEndpoint("a=[::1]:8000").address).toBe("[::1]:8000");
});

test.each([
  ["a", '"a" is not key=value'],
  ["=10.0.0.1:80", '"=10.0.0.1:80" is not key=value'],
  ["a b=10.0.0.1:80", 'the name "a b" has a space or "/"'],
  ["a=localhost:80", '"localhost:80" is not an IPv4 or [IPv6] literal with a port'],
  ["a=10.0.0.1", '"10.0.0.1" is not an IPv4 or [IPv6] literal with a port'],
  ["a=::1:80", '"::1:80" is not an IPv4 or [IPv6] literal with a port'],
  ["a=10.0.0.1:0", 'the port must be from 1 to 65535, found "0"'],
  ["a=10.0.0.1:80,x", '"x" is not key=value'],
  ["a=10.0.0.1:80,x=1,x=2", 'the label "x" comes twice'],
])("refuses %s", (flag, detail) => {
  const expected = `--endpoint ${JSON.stringify(flag)}: ${detail} (expected name=ip:port[,label=value...])`;
  expect(() => parseStaticEndpoint(flag)).toThrow(expect.objectContaining({ name: "PoolError", message: expected }));
});

test("refuses a name or an address that comes twice", () => {
  expect(() => new StaticEndpoints(["a=10.0.0.1:80", "a=10.0.0.2:80"])).toThrow('the name "a" comes twice');
  expect(() => new StaticEndpoints(["a=10.0.0.1:80", "b=10.0.0.1:80"])).toThrow("the address 10.0.0.1:80 comes twice");
});

test("tells its endpoints once", async () => {
  const sink = new RecordingSink();
  const source = new StaticEndpoints(["a=10.0.0.1:80", "b=10.0.0.2:80"]);
  await source.start(sink);
  await source.stop();
  expect(sink.lists).toEqual([["a=10.0.0.1:80", "b=10.0.0.2:80"]]);
  expect(sink.synced).toEqual([true]);
});
