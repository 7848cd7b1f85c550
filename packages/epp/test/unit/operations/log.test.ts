import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AccessLog } from "../../../src/operations/access-log.ts";
import { createLog } from "../../../src/operations/log.ts";
import { allowedFields } from "../../../src/operations/log-fields.ts";
import { flight, refusal } from "./flights.ts";

function logged(verbosity: number): { log: ReturnType<typeof createLog>; lines: () => Record<string, unknown>[] } {
  const texts: string[] = [];
  const log = createLog({ verbosity, write: (line) => void texts.push(line) });
  return { log, lines: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>) };
}

describe("the log", () => {
  test("is JSON, a line each", () => {
    const { log, lines } = logged(2);
    log.info({ grpcPort: 9002 }, "serving");
    expect(lines()).toEqual([
      { level: "info", time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), grpcPort: 9002, msg: "serving" },
    ]);
  });

  test.each([
    [0, ["warn"]],
    [3, ["warn"]],
    [4, ["debug", "warn"]],
  ])("with -v %i writes %s", (verbosity, levels) => {
    const { log, lines } = logged(verbosity);
    log.debug({}, "a");
    log.warn({}, "b");
    expect(lines().map(({ level }) => level)).toEqual(levels);
  });

  test("what is not known to be harmless stays inside, and its name is told", () => {
    const { log, lines } = logged(2);
    log.warn(
      { prompt: "secret", headers: { authorization: "Bearer x" }, endpoint: "pod-a", error: { body: "y" } },
      "m",
    );
    expect(lines()[0]).toMatchObject({ endpoint: "pod-a", withheldFields: ["prompt", "headers", "error"] });
    expect(JSON.stringify(lines())).not.toMatch(/secret|Bearer|"y"/);
  });

  test("texts are one short line", () => {
    const { error } = allowedFields({ error: `bad\n${"x".repeat(10_000)}` });
    expect(error).toHaveLength(501);
    expect(error).not.toContain("\n");
  });

  test("every field that the sources log gets out", () => {
    const source = join(import.meta.dirname, "../../../src");
    const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    const calls = files.flatMap((file) => [
      ...readFileSync(join(source, file), "utf8").matchAll(/\blog\??\s*\.(?:debug|info|warn|error)\(\s*\{([^}]*)\}/g),
    ]);
    expect(calls.length).toBeGreaterThan(10);
    for (const [call, fields] of calls) {
      for (const field of fields!.split(",")) {
        const name = /^\s*(\w+)\s*(?::|$)/.exec(field)?.[1];
        if (name !== undefined) expect(allowedFields({ [name]: 1 }), call).toEqual({ [name]: 1 });
      }
    }
  });
});

describe("the access log", () => {
  test("says what became of a request, without content", () => {
    const { log, lines } = logged(4);
    const more = { endedAtUs: 3_000_000, end: "completed", status: 200, responseStartedAtUs: 1_500_000 } as const;
    new AccessLog(log).responseEnded(flight({}, more));
    expect(lines()[0]).toMatchObject({ requestId: "r-1", target: "10.0.0.1:8000", ttftMs: 500, durationMs: 2000 });
    expect(lines()[0]).not.toHaveProperty("withheldFields");
  });

  test("says why one was refused", () => {
    const { log, lines } = logged(4);
    new AccessLog(log).refused(refusal());
    expect(lines()[0]).toMatchObject({ end: "refused", status: 429, reason: "rejected-saturated" });
    expect(lines()[0]).not.toHaveProperty("withheldFields");
  });
});
