import { describe, expect, it } from "vitest";
import { RequestHeaders } from "../../../src/exchange/request-headers.ts";

const of = (headers: Record<string, string>) =>
  new RequestHeaders({
    headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: Buffer.from(value) })),
  });

describe("request headers", () => {
  it("have lower-case names, and of a repeated one the last", () => {
    const headers = new RequestHeaders({
      headers: [
        { key: "X-A", value: "1" },
        { key: "x-a", value: "2" },
        { key: "x-b", value: "text", rawValue: Buffer.from("bytes") },
        { key: "x-c", value: "text", rawValue: new Uint8Array() },
      ],
    });
    expect(["x-a", "x-b", "x-c", "x-d"].map((name) => headers.get(name))).toEqual(["2", "bytes", "text", undefined]);
  });

  it("are UTF-8; what is not becomes a replacement character", () => {
    const headers = new RequestHeaders({
      headers: [
        { key: "a", rawValue: Buffer.from("modèle") },
        { key: "b", rawValue: Uint8Array.of(0x6d, 0xff, 0x6d) },
      ],
    });
    expect([headers.get("a"), headers.get("b")]).toEqual(["modèle", "m\u{fffd}m"]);
  });

  it.each([
    ["a=1; b=2", "b", "2"],
    ["a=1;b=x=y ;c", "b", "x=y"],
    ["b=; b=2", "b", ""],
    ["bb=1; B=2; b =3", "b", undefined],
    ["b", "b", undefined],
    ["=1", "", "1"],
  ])("have in %j the cookie %s: %j", (cookie, name, value) => {
    expect(of({ Cookie: cookie }).cookie(name)).toBe(value);
    expect(of({}).cookie(name)).toBeUndefined();
  });

  it.each([
    ["/v1/completions", { ":path": "/v1/completions?a=/b?c" }],
    ["/original", { "x-original-path": "/original" }],
    ["/forwarded", { ":path": "", "x-forwarded-path": "/forwarded" }],
    ["/v1/completions", {}],
  ])("take the path %s from where it is", (path, headers) => {
    expect(of(headers as Record<string, string>).path).toBe(path);
  });

  it.each([
    ["250", 250],
    ["0.5", 0.5],
    ["0", undefined],
    ["-1", undefined],
    ["", undefined],
    ["1e999", undefined],
    ["NaN", undefined],
    ["5 minutes", undefined],
  ])("read %j as the number %s", (text, number) => {
    expect(of({ "x-llm-d-slo-ttft-ms": text }).controlNumber("ttftSloMs")).toBe(number);
  });

  it("prefer the newer of two names", () => {
    const both = { "x-gateway-inference-objective": "old", "x-llm-d-inference-objective": "new" };
    expect(of(both).control("objective")).toBe("new");
    expect(of({ "x-gateway-inference-objective": "old" }).control("objective")).toBe("old");
  });

  it.each([
    ["if-available", true],
    ["wait=5, IF-AVAILABLE ; x=1", true],
    ["if-available=1", false],
    ["if-availables", false],
    ["", false],
  ])("say in Prefer: %s whether only a cached prefix will do", (prefer, wanted) => {
    expect(of({ prefer }).onlyIfCached).toBe(wanted);
  });
});
