import { expect, test } from "vitest";
import { didYouMean, nearest } from "../../src/errors.ts";

test.each([
  ["host-drum", ["host-dram", "nvme"], "host-dram"],
  ["nmve", ["host-dram", "nvme"], "nvme"],
  ["NVME", ["host-dram", "nvme"], "nvme"],
  // Not alike, but a beginning: versions are often left away.
  ["sglang", ["vllm-0.19", "sglang-0.5", "sglang-0.4"], "sglang-0.5"],
  // A like one goes before a longer one.
  ["poll", ["polling-of-everything", "pull"], "pull"],
  ["sg", ["sglang-0.5"], undefined],
  ["dynamo", ["vllm-0.19", "sglang-0.5"], undefined],
])("the nearest to %j of %j is %j", (name, candidates, found) => {
  expect(nearest(name, candidates)).toBe(found);
  expect(didYouMean(name, candidates)).toBe(found === undefined ? "" : ` (did you mean "${found}"?)`);
});
