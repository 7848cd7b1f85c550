import { expect, it } from "vitest";
import { MetricSpecError, parseMetricSpec } from "../../../src/signals/metric-spec.ts";

it.each([
  ["", undefined],
  ["  ", undefined],
  ["vllm:num_requests_waiting", { name: "vllm:num_requests_waiting", labels: [] }],
  ["a{}", { name: "a", labels: [] }],
  ["a{b=c}", { name: "a", labels: [{ name: "b", value: "c" }] }],
  [
    'a{b=c, d="e,}\\" f"}',
    {
      name: "a",
      labels: [
        { name: "b", value: "c" },
        { name: "d", value: 'e,}" f' },
      ],
    },
  ],
])("reads %j", (text, spec) => expect(parseMetricSpec(text)).toEqual(spec));

it.each([
  ["1a", /"1a" is no metric name/],
  ["{a=b}", /"" is no metric name/],
  ["a{b=c", /no closing brace/],
  ["a{b}", /"b" is no label=value/],
  ["a{b=~c}", /"b=~c" is no label=value/],
  ["a b", /"a b" is no metric name/],
])("refuses %j", (text, message) => {
  expect(() => parseMetricSpec(text)).toThrow(MetricSpecError);
  expect(() => parseMetricSpec(text)).toThrow(message);
});
