import { readFileSync } from "node:fs";
import { type EndpointPickerConfig, loadEndpointPickerConfig } from "@windtunnel/router-policies";
import type { RecordedConfiguration } from "../record/recording-line.ts";
import { type EppOptions, OptionsError } from "./options.ts";

/** A configuration as it is in force, and what it was read from. */
export interface Configuration {
  readonly given: RecordedConfiguration;
  readonly config: EndpointPickerConfig;
}

/** An empty document: every default of llm-d. */
const DEFAULT_TEXT = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";

/** The configuration that the options name; llm-d's default without one. @throws OptionsError or PolicyError */
export function liveConfiguration(options: EppOptions): Configuration {
  const file = options.text("config-file");
  if (file === undefined) return loaded("--config-text", options.text("config-text") ?? DEFAULT_TEXT, options);
  return loaded(file, readText("config-file", file), options);
}

/** The candidate that decides beside the live one, where there is one. @throws OptionsError or PolicyError */
export function shadowConfiguration(options: EppOptions): Configuration | undefined {
  const file = options.text("shadow-config");
  return file === undefined ? undefined : loaded(file, readText("shadow-config", file), options);
}

function loaded(file: string, text: string, options: EppOptions): Configuration {
  const strict = options.flag("strict");
  const allowExperimentalPlugins = options.flag("allow-experimental-plugins");
  const config = loadEndpointPickerConfig(text, { file, strict, allowExperimentalPlugins });
  return { given: { file, text, strict, allowExperimentalPlugins }, config };
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new OptionsError(`--${flag} ${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`);
  }
}
