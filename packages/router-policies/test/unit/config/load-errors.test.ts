import { describe, expect, it } from "vitest";
import { config } from "../../support/routing.ts";

describe("errors", () => {
  const fails = (body: string): string => {
    try {
      config(body);
    } catch (error) {
      return (error as Error).message;
    }
    return "loaded";
  };

  it.each([
    ["plugins:\n- type: queue-scorrer\n", '4:9: unknown plugin type "queue-scorrer" (did you mean "queue-scorer"?)'],
    ["plugins:\n- type: queue-scorer\n- type: queue-scorer\n", '5:3: plugin name "queue-scorer" stands twice'],
    [
      "plugins: []\nschedulingProfile: []\n",
      '4:1: unknown field "schedulingProfile" in EndpointPickerConfig (did you mean "schedulingProfiles"?)',
    ],
    ["Plugins: []\n", '3:1: unknown field "Plugins" in EndpointPickerConfig (did you mean "plugins"?)'],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: {treshold: 3}\n",
      '5:16: unknown parameter "treshold" of load-aware-scorer (did you mean "threshold"?)',
    ],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: {threshold: many}\n",
      '5:27: parameter "threshold" of load-aware-scorer: expected number, found "many"',
    ],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: {threshold: 1, THRESHOLD: 2}\n",
      '5:30: parameter "threshold" stands twice',
    ],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: 3\n",
      '5:15: parameters of "load-aware-scorer": expected a mapping, found 3',
    ],
    ["plugins:\n- name: x\n", "4:3: a plugin: expected a type, found a mapping"],
    [
      "plugins: [{type: random-picker}, {type: max-score-picker}]\n",
      '3:41: profile "default" has two pickers, "random-picker" and "max-score-picker"',
    ],
    ["featureGates: [flowcontrol]\n", '3:16: unknown feature gate "flowcontrol" (did you mean "flowControl"?)'],
    [
      "featureGates: ['flowControl =false']\n",
      '3:16: unknown feature gate "flowControl " (did you mean "flowControl"?)',
    ],
    [
      "featureGates: [flowControl=maybe]\n",
      '3:16: feature gate "flowControl=maybe": expected "flowControl=true" or "flowControl=false"',
    ],
    ["schedulingProfiles: [{name: a}, {name: a}]\n", '3:40: profile "a" stands twice'],
    ["schedulingProfiles: [{name: a}, {name: b}]\n", "1:1: 2 scheduling profiles need a profile handler, found none"],
    [
      "plugins: [{type: single-profile-handler}]\nschedulingProfiles: [{name: a}, {name: b}]\n",
      "3:18: single-profile-handler allows one scheduling profile, found 2",
    ],
    [
      "plugins: [{type: single-profile-handler}, {type: single-profile-handler, name: other}]\n",
      '3:50: only one profile handler is allowed, found "single-profile-handler" and "other"',
    ],
    [
      "schedulingProfiles:\n- name: p\n  plugins:\n  - pluginRef: queue-scorer\n",
      '6:16: profile "p" names an unknown plugin "queue-scorer": a known type, but not listed in plugins',
    ],
    [
      "schedulingProfiles:\n- name: p\n  plugins:\n  - {pluginRef: x, weight: heavy}\n",
      '6:28: weight in profile "p": expected a number, found "heavy"',
    ],
    [
      "plugins: [{type: session-affinity-scorer}]\n",
      '3:18: plugin type "session-affinity-scorer" is alpha: it needs the flag that allows experimental plugins',
    ],
    [
      "plugins: [{type: queue-scorer}]\ndataLayer: {injectDefaults: false}\n",
      '3:18: "queue-scorer" needs core-metrics-extractor in dataLayer.sources, found none',
    ],
    [
      "flowControl: {saturationDetector: {pluginRef: concurrency-detector}}\n",
      '3:47: saturationDetector names an unknown plugin "concurrency-detector": a known type, but not listed in plugins',
    ],
    [
      "flowControl: {maxBytes: 10GiB}\n",
      '3:25: maxBytes: expected a quantity such as 500, "1k" or "10Gi", found "10GiB"',
    ],
    [
      "flowControl: {defaultRequestTTL: 60}\n",
      '3:34: defaultRequestTTL: expected a duration such as "60s" or "1h30m", found 60',
    ],
    ["flowControl: {priorityBands: [{priority: 1}, {priority: 1}]}\n", "3:46: priority 1 stands twice"],
    [
      "plugins: [{type: least-connections-picker, parameters: {inFlightLoadProducerName: none}}]\n",
      '3:18: "least-connections-picker" needs in-flight-load data of "none", which nothing produces',
    ],
    [
      "plugins: [{type: mm-embeddings-cache-producer, parameters: {cacheSizeInMB: 3}}]\n",
      '3:61: unknown parameter "cacheSizeInMB" of mm-embeddings-cache-producer (did you mean "cacheSizeInMBPerServer"?)',
    ],
    ["plugins: [\n", "not valid YAML"],
    ["plugins: {}\n", "3:10: plugins: expected a list, found a mapping"],
  ])("%j", (body, expected) => {
    const message = fails(body);
    expect(message).toMatch(/^epp\.yaml:\d+:\d+: /);
    expect(message).toContain(expected);
  });

  it("names versions and kind", () => {
    expect(() => config("apiVersion: llm-d.ai/v2\nkind: EndpointPickerConfig\n")).toThrow(
      'epp.yaml:1:13: unknown apiVersion "llm-d.ai/v2" (did you mean "llm-d.ai/v1"?)',
    );
    expect(() => config("apiVersion: llm-d.ai/v1\nkind: EndpointPicker\n")).toThrow(
      'epp.yaml:2:7: unknown kind "EndpointPicker"',
    );
    expect(() => config("apiVersion: llm-d.ai/v1\n")).toThrow(
      'epp.yaml:1:1: the configuration: expected a field "kind"',
    );
  });
});
