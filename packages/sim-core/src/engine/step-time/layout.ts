import { ScenarioError } from "../../errors.ts";
import type { RooflineOptions } from "./options.ts";

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1;

/**
 * Refuses a parallel layout that the model cannot be cut into.
 *
 * @throws ScenarioError with what would be allowed
 */
export function requireLayout(options: RooflineOptions): void {
  const { model, tensorParallel, pipelineParallel = 1, dataParallel = 1, expertParallel = 1 } = options;
  const { expertSkew = 1 } = options;
  const refuse = (name: string, value: number, allowed: string): never => {
    throw new ScenarioError(`${model.name}: ${name} is ${value}, allowed: ${allowed}`);
  };
  const heads = [...new Set([...model.attention, ...model.states].map((layer) => layer.heads))];
  const divides = isCount(tensorParallel) && heads.every((count) => count % tensorParallel === 0);
  if (!divides) {
    const of = `${heads.join(" and ")} attention heads`;
    refuse("tensorParallel", tensorParallel, `a divisor of its ${of}`);
  }
  const groups = model.attention[0]?.sharedLatent?.outputGroups ?? tensorParallel;
  if (groups % tensorParallel !== 0) {
    refuse("tensorParallel", tensorParallel, `a divisor of its ${groups} groups of output projections`);
  }
  if (!isCount(pipelineParallel) || pipelineParallel > model.layers) {
    refuse("pipelineParallel", pipelineParallel, `1 to its ${model.layers} layers`);
  }
  if (!isCount(dataParallel)) refuse("dataParallel", dataParallel, "a whole number above 0");
  if (expertParallel !== 1) {
    const devices = tensorParallel * dataParallel;
    if (model.moe === undefined) refuse("expertParallel", expertParallel, "1, as the model has no experts");
    if (!isCount(expertParallel) || devices % expertParallel !== 0 || model.moe!.experts < expertParallel) {
      refuse(
        "expertParallel",
        expertParallel,
        `a divisor of tensorParallel x dataParallel = ${devices}, at most its ${model.moe!.experts} experts`,
      );
    }
  }
  if (!(expertSkew >= 1 && expertSkew <= (model.moe?.experts ?? 1))) {
    refuse("expertSkew", expertSkew, "1 (even) to the number of experts (all on one)");
  }
}
