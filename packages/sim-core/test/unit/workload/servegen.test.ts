import { describe, expect, test } from "vitest";
import { parseServeGenClient, serveGenWorkload } from "../../../src/workload/generators/servegen.ts";

const trace = (text: string) => ({ file: "chunk-0-trace.csv", text });
const dataset = (windows: object) => ({ file: "chunk-0-dataset.json", text: JSON.stringify(windows) });
const lengths = { "0": { input_tokens: "{10: 0.5, 20: 0.5, 30: nan}", output_tokens: "{7: 1.0}", reason_ratio: "{}" } };
const windows = "0,0.5,2,Gamma,0.25,99\n600,0,0,,0,0\n1200,1,1,Weibull,1.5,99\n";
const options = { name: "mix", seed: 1, startSeconds: 0, durationSeconds: 1800 };

describe("ServeGen client mixtures", () => {
  const client = parseServeGenClient("chunk-0", trace(windows), dataset(lengths));

  test("are read window by window; nan entries are left out", () => {
    expect(client.windows.map(({ ratePerSecond }) => ratePerSecond)).toEqual([0.5, 0, 1]);
    expect([...client.datasets[0]!.input.tokens]).toEqual([10, 20]);
  });

  test("send their rate in each window, and nothing where it is 0", () => {
    const { arrivalUs, promptTokens, outputTokens } = serveGenWorkload([client], options);
    const between = (from: number, to: number): number =>
      arrivalUs.filter((us) => us >= from * 1e6 && us < to * 1e6).length;
    expect([between(0, 600), between(600, 1200), between(1200, 1800)]).toEqual([300, 0, 600]);
    expect(arrivalUs.every((us, i) => i === 0 || us >= arrivalUs[i - 1]!)).toBe(true);
    expect(new Set(promptTokens)).toEqual(new Set([10, 20]));
    expect(new Set(outputTokens)).toEqual(new Set([7]));
  });

  test("keep the burstiness of their gaps", () => {
    const { arrivalUs } = serveGenWorkload([client], options);
    const cv = (times: Float64Array): number => {
      const gaps = Array.from(times.slice(1), (us, i) => us - times[i]!);
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      return Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length) / mean;
    };
    // Gamma of shape 1/4 has CV 2, Weibull of shape 1.5 has 0.68.
    expect(cv(arrivalUs.slice(0, 300))).toBeGreaterThan(1.5);
    expect(cv(arrivalUs.slice(300))).toBeLessThan(0.8);
  });

  test("give the same requests in a part as in the whole", () => {
    const whole = serveGenWorkload([client], options);
    const part = serveGenWorkload([client], { ...options, startSeconds: 1200, durationSeconds: 600 });
    expect([...part.arrivalUs]).toEqual([...whole.arrivalUs.slice(300)].map((us) => us - 1_200_000_000));
    expect([...part.promptTokens]).toEqual([...whole.promptTokens.slice(300)]);
  });

  test("errors name file, line, column and value", () => {
    const parse = (text: string) => () => parseServeGenClient("c", trace(text), dataset(lengths));
    expect(parse("0,0.5,2,Gamma,0.25,99\n600,x,0,,0,0\n")).toThrow(
      'chunk-0-trace.csv:2:5: rate_rps: found "x"; allowed: a number, 0 or more',
    );
    expect(parse("0,1,1,Pareto,1,1\n")).toThrow('pattern: found "Pareto"; allowed: Gamma, Weibull or nothing');
    expect(() => parseServeGenClient("c", trace(windows), dataset({ "0": { input_tokens: "[1]" } }))).toThrow(
      /0\.input_tokens: found "\[1\]"/,
    );
  });
});
