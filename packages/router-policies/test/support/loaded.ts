import type { EndpointPickerConfig } from "@windtunnel/router-policies";

/** Names of its plugins. */
export const names = (loaded: EndpointPickerConfig): string[] => loaded.plugins.map(({ name }) => name);

/** Its warnings, with their places. */
export const notes = (loaded: EndpointPickerConfig): string[] =>
  loaded.warnings.map(({ position, message }) => `${position.line}:${position.column} ${message}`);

/** Parameters of one of its plugins. */
export const parametersOf = (loaded: EndpointPickerConfig, name: string) =>
  loaded.plugins.find((plugin) => plugin.name === name)?.parameters;
