import { quoted } from "../errors.ts";
import {
  completeDataLayer,
  completeDetector,
  completeHandler,
  completeParsers,
  completePolicies,
  completeProducers,
  completeProfiles,
  requireExtractor,
} from "./defaults.ts";
import { type ConfigDocument, readDocument } from "./document.ts";
import type {
  ConfigWarning,
  EndpointPickerConfig,
  FeatureGates,
  PluginSpec,
  SchedulingProfileSpec,
  UnsupportedPlugin,
} from "./endpoint-picker-config.ts";
import { readFeatureGates } from "./feature-gates.ts";
import { lintProfiles } from "./lints.ts";
import { migrate } from "./migrations.ts";
import { PluginSet, type ResolvedPlugin } from "./plugin-set.ts";
import { endpointPickerDocument } from "./source.ts";

export interface LoadOptions {
  /** Names the text in messages. */
  readonly file: string;
  /** Allows plugins that llm-d marks alpha; `--allow-experimental-plugins` there. */
  readonly allowExperimentalPlugins?: boolean;
  /** Departs from upstream's quirks where upstream contradicts its own contract. */
  readonly strict?: boolean;
}

/**
 * Reads an llm-d EndpointPickerConfig, or a Helm values file that holds one, as llm-d-router v0.10 does: strictly, with
 * its defaults put in and older releases' words rewritten.
 *
 * @throws PolicyError with file, line and column at the first thing that is wrong
 */
export function loadEndpointPickerConfig(text: string, options: LoadOptions): EndpointPickerConfig {
  const { file, allowExperimentalPlugins = false, strict = false } = options;
  const document = readDocument(endpointPickerDocument(text, file));
  const warnings: ConfigWarning[] = [];
  if (document.deprecatedGroup) {
    const message = `apiVersion ${quoted(document.apiVersion)} is deprecated: use "llm-d.ai/v1alpha1"`;
    warnings.push({ position: document.at, message });
  }
  const featureGates = readFeatureGates(document.featureGates, warnings);
  const { plugins, dropped } = migrate(document.plugins, warnings);
  const set = new PluginSet(plugins, { allowExperimentalPlugins }, warnings, document.at);
  const schedulingProfiles = completeProfiles(document, set, dropped, warnings);
  const profileHandler = completeHandler(set, schedulingProfiles, document.at);
  const parsers = completeParsers(document.parsers, set);
  const dataLayer = completeDataLayer(document, set);
  requireExtractor(dataLayer, set);
  const saturationDetector = completeDetector(document.saturationDetector, set);
  completePolicies(document.flowControl.policies, set);
  set.checkReferences();
  completeProducers(set, strict, warnings);
  lintProfiles(schedulingProfiles, set, warnings);
  warnIdleFlowControl(document, featureGates, warnings);
  const isUsed = usage(schedulingProfiles, saturationDetector, featureGates.flowControl);
  return {
    ...{ file, apiVersion: document.apiVersion, featureGates },
    plugins: set.all.map(specOf),
    ...{ schedulingProfiles, profileHandler, dataLayer, saturationDetector, strict, warnings },
    requestHandler: { parsers, propagatePriority: document.propagatePriority },
    flowControl: document.flowControl.spec,
    unsupported: set.all.filter(({ status }) => status === "known").flatMap((plugin) => unsupported(plugin, isUsed)),
  };
}

const specOf = ({ entry: _entry, node: _node, ...spec }: ResolvedPlugin): PluginSpec => spec;

function warnIdleFlowControl(document: ConfigDocument, gates: FeatureGates, warnings: ConfigWarning[]): void {
  const { given, policies } = document.flowControl;
  if (given === undefined || gates.flowControl) return;
  const hasMore = given.kind === "map" && given.entries.some(({ key }) => key !== "saturationDetector");
  if (!hasMore && policies.length === 0) return;
  warnings.push({ position: given.at, message: "flowControl has no effect: its feature gate is off" });
}

/** Whether a request's way depends on a plugin, given where it is named. */
function usage(
  profiles: readonly SchedulingProfileSpec[],
  detector: string,
  flowControl: boolean,
): (plugin: ResolvedPlugin) => boolean {
  const inProfiles = new Set(profiles.flatMap(({ plugins }) => plugins.map(({ plugin }) => plugin)));
  return ({ name, role, entry }) => {
    if (entry.status === "built" || entry.definition.host === true) return false;
    if (entry.definition.flowControl === true) return flowControl;
    const onlyInProfile = role === "filter" || role === "scorer" || role === "picker" || role === "saturation-detector";
    return !onlyInProfile || inProfiles.has(name) || name === detector;
  };
}

/** Plugins left to the host, and defaults that rest, are nothing to report. */
function unsupported(plugin: ResolvedPlugin, isUsed: (plugin: ResolvedPlugin) => boolean): UnsupportedPlugin[] {
  const { name, type, position, entry } = plugin;
  const matters = isUsed(plugin);
  if (entry.status === "known" && entry.definition.host === true) return [];
  if (plugin.injected && !matters) return [];
  return [{ name, type, position, matters }];
}
