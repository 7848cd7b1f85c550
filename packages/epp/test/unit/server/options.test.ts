import { describe, expect, it } from "vitest";
import { EPP_FLAGS, INEFFECTIVE_FLAGS } from "../../../src/server/flags.ts";
import { eppOptions } from "../../../src/server/options.ts";

const read = (...args: string[]) => eppOptions(args, {});

describe("flags of the Endpoint Picker", () => {
  it("have upstream's ports, sizes and times where none is given", () => {
    const options = read();
    const ports = ["grpc-port", "grpc-health-port", "metrics-port"].map((name) => options.number(name));
    expect(ports).toEqual([9002, 9003, 9090]);
    expect(options.number("grpc-max-recv-msg-size")).toBe(4 * 1024 * 1024);
    expect(options.durationUs("drain-timeout")).toBe(30_000_000);
    expect(options.durationUs("refresh-metrics-interval")).toBe(50_000);
    expect([options.flag("secure-serving"), options.flag("tracing"), options.flag("strict")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("are unique, and those with a default can be read", () => {
    const names = [...EPP_FLAGS, ...INEFFECTIVE_FLAGS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, default: text } of EPP_FLAGS) if (text !== undefined) read(`--${name}=${text}`);
  });

  it("come with one dash or two, with a space or =, as Go reads them", () => {
    for (const args of [["--v=4"], ["--v", "4"], ["-v=4"], ["-v", "4"]]) expect(read(...args).number("v")).toBe(4);
    for (const args of [["--strict"], ["-strict"], ["--strict=true"], ["--strict=T"], ["--strict=1"]]) {
      expect(read(...args).flag("strict")).toBe(true);
    }
    expect(read("-secure-serving=false").flag("secure-serving")).toBe(false);
  });

  it("count the last time that they are given, and each time where they may be repeated", () => {
    expect(read("--grpc-port", "1", "--grpc-port", "2").number("grpc-port")).toBe(2);
    expect(read("--endpoint", "a=1.1.1.1:1", "--endpoint", "b=1.1.1.2:1").list("endpoint")).toHaveLength(2);
  });

  it("take sizes and durations in their units", () => {
    for (const text of ["1Ki", "1KiB", "1024"])
      expect(read("--record-max-size", text).number("record-max-size")).toBe(1024);
    expect(read("--drain-timeout", "1m30s").durationUs("drain-timeout")).toBe(90_000_000);
  });

  it("without an effect are read, and named", () => {
    const { ineffective } = read("--zap-encoder", "json", "--enable-pprof", "--metrics-staleness-threshold=2s");
    const names = ineffective.map(({ name }) => name);
    expect(names).toEqual(["metrics-staleness-threshold", "enable-pprof", "zap-encoder"]);
  });

  it("let the environment name the address, unless a flag does", () => {
    const environment = { WINDTUNNEL_EPP_BIND_ADDRESS: "0.0.0.0" };
    expect(eppOptions([], environment).text("bind-address")).toBe("0.0.0.0");
    expect(eppOptions(["--bind-address", "::1"], environment).text("bind-address")).toBe("::1");
  });

  it.each([
    [["--seeed", "1"], "unknown flag --seeed (did you mean --seed?)"],
    [["--queue-metric", "x"], "unknown flag --queue-metric"],
    [["--strict=maybe"], '--strict: "maybe" is not true or false'],
    [["--drain-timeout", "5"], '--drain-timeout: "5" is not a duration such as 50ms'],
    [["--max-request-body-size", "0"], '--max-request-body-size: "0" is not a size such as 4MiB, 1 or more'],
    [["--record-max-size", "1x"], '--record-max-size: "1x" is not a size such as 4MiB'],
    [["--v", "-1"], "Option '--v' argument is ambiguous"],
    [["--grpc-port", "65536"], "--grpc-port: 65536 is no port (0 to 65535)"],
    [["--config-file", "a", "--config-text", "b"], "--config-file and --config-text exclude each other"],
    [["--pool-name", "a", "--endpoint-selector", "b"], "--pool-name and --endpoint-selector exclude each other"],
    [["--endpoint-selector", "a"], "--endpoint-selector needs --endpoint-target-ports with 1 to 8 ports, not 0"],
    [["--endpoint-target-ports", "80,x"], '--endpoint-target-ports: "x" is no port (1 to 65535)'],
    [["serve"], "Unexpected argument 'serve'. This command does not take positional arguments"],
  ])("%j are refused in one line", (args, message) => {
    expect(() => read(...args)).toThrow(new RegExp(`^${message.replaceAll(/[()?.]/g, "\\$&")}[^\n]*$`));
  });
});
