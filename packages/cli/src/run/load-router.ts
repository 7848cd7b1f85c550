import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import { loadEndpointPickerConfig, presetNames, presetText } from "@windtunnel/router-policies";
import { didYouMean } from "@windtunnel/sim-core";
import { stringify } from "yaml";
import { UsageError } from "../exit-code.ts";
import { expandPath } from "../host/expand-path.ts";
import type { InputFile } from "../host/read-text.ts";
import { readText } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import type { ReadScenario } from "./read-scenario.ts";
import { atPlace } from "./read-scenario.ts";

/** A router's configuration under the name that results carry. */
export interface NamedRouter {
  readonly policy: string;
  readonly config: EndpointPickerConfig;
  readonly files: readonly InputFile[];
  /** The scenario's own, not one of the command line. */
  readonly own?: boolean;
}

/**
 * The routers to run: the named policies, or the scenario's own.
 *
 * @throws UsageError for a policy that is neither a preset nor a file, or needs a plugin that is not built
 */
export function loadRouters(read: ReadScenario, policies: readonly string[], terminal: Terminal): NamedRouter[] {
  const routers =
    policies.length === 0
      ? [{ ...ownRouter(read, terminal), own: true }]
      : policies.map((name) => policyNamed(name, read, terminal));
  for (const { config } of routers) refuseUnsupported(config);
  return routers;
}

function ownRouter(read: ReadScenario, terminal: Terminal): NamedRouter {
  const { router } = read.scenario.spec;
  if (router.preset !== undefined) {
    if (!presetNames.includes(router.preset)) {
      throw new UsageError(`${read.place(["spec", "router", "preset"])}: ${unknownPreset(router.preset)}`);
    }
    return preset(router.preset, read);
  }
  if (router.config !== undefined) {
    const { config } = router;
    const file = atPlace(read, ["spec", "router", "config"], () =>
      readText(expandPath(config, read.directory, terminal.env), config),
    );
    return fromFile(config, file, read);
  }
  const inline = read.inlineRouter ?? {
    text: stringify(router.inline),
    file: read.place(["spec", "router", "inline"]),
  };
  return {
    policy: "inline",
    config: loadEndpointPickerConfig(inline.text, { file: inline.file, ...flags(read) }),
    files: [],
  };
}

function policyNamed(name: string, read: ReadScenario, terminal: Terminal): NamedRouter {
  if (presetNames.includes(name)) return preset(name, read);
  const path = resolve(terminal.cwd, name);
  if (existsSync(path)) return fromFile(name, readText(path, name), read);
  throw new UsageError(`--policy ${name}: ${unknownPreset(name)}, or a file`);
}

function unknownPreset(name: string): string {
  return `unknown preset "${name}"${didYouMean(name, presetNames)}; allowed: ${presetNames.join(", ")}`;
}

function preset(name: string, read: ReadScenario): NamedRouter {
  const config = loadEndpointPickerConfig(presetText(name) ?? "", { file: `preset ${name}`, ...flags(read) });
  return { policy: name, config, files: [] };
}

function fromFile(policy: string, { text, input }: ReturnType<typeof readText>, read: ReadScenario): NamedRouter {
  return { policy, config: loadEndpointPickerConfig(text, { file: policy, ...flags(read) }), files: [input] };
}

function flags({
  scenario: {
    spec: {
      router: { strict, allowExperimentalPlugins },
    },
  },
}: ReadScenario) {
  return { strict, allowExperimentalPlugins };
}

/** One line: where the first such plugin stands, and which others there are. */
function refuseUnsupported({ unsupported, plugins }: EndpointPickerConfig): void {
  const [first, ...others] = unsupported.filter(({ matters }) => matters);
  if (!first) return;
  const { file, line, column } = first.position;
  const byDefault = plugins.some(({ name, injected }) => injected && name === first.name) ? " (a default)" : "";
  const rest = others.length === 0 ? "" : `; nor are ${others.map(({ type }) => type).join(", ")}`;
  throw new UsageError(
    `${file}:${line}:${column}: plugin "${first.type}"${byDefault} is known to llm-d, not supported yet${rest}`,
  );
}
