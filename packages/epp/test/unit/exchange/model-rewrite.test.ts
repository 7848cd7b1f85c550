import { describe, expect, it } from "vitest";
import { restoreModel, rewriteTarget } from "../../../src/exchange/model-rewrite.ts";

const targets = (...weights: number[]) => ({
  models: [],
  targets: weights.map((weight, index) => ({ model: `t${index}`, weight })),
});
const drawn = (value: number) => ({ next: () => value });

describe("a rewrite's target", () => {
  it.each([
    [0, "t0"],
    [0.249, "t0"],
    [0.25, "t2"],
    [0.999, "t2"],
  ])("is drawn by weight: %f gives %s of 1, 0 and 3", (value, model) => {
    expect(rewriteTarget(targets(1, 0, 3), drawn(value))).toBe(model);
  });

  it("is any when no weight is above 0, and none without targets", () => {
    expect(rewriteTarget(targets(0, -1), drawn(0.6))).toBe("t1");
    expect(rewriteTarget(targets(), drawn(0.6))).toBeUndefined();
  });
});

describe("putting the model's name back", () => {
  const restored = (text: string, target = "target", model = "asked") =>
    Buffer.from(restoreModel(Buffer.from(text), target, model)).toString();

  it("changes every place that names the target as the model", () => {
    expect(restored('{"model":"target"} {"model":"target","id":"target"}')).toBe(
      '{"model":"asked"} {"model":"asked","id":"target"}',
    );
    expect(restored('{"model": "target"}')).toBe('{"model": "asked"}');
  });

  it("leaves other models and other text", () => {
    for (const text of ['{"model":"target2"}', '{"models":"target"}', "target"]) expect(restored(text)).toBe(text);
  });

  it("keeps bytes that are no UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('{"model":"target","x":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const wanted = Buffer.concat([Buffer.from('{"model":"asked","x":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    expect(Buffer.from(restoreModel(bytes, "target", "asked")).equals(wanted)).toBe(true);
  });

  it("takes names with characters that a replacement would read as its own", () => {
    expect(restored('{"model":"a$&b"}', "a$&b", "x$1$&$$")).toBe('{"model":"x$1$&$$"}');
  });
});
