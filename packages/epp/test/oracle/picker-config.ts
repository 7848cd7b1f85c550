/** The parts of an EndpointPickerConfig that cases differ in. */
export interface ConfigParts {
  readonly plugins: readonly { readonly type: string; readonly name?: string; readonly parameters?: object }[];
  /** Plugins of the one profile, with weights for scorers. */
  readonly profile: readonly { readonly pluginRef: string; readonly weight?: number }[];
  /** Several profiles in place of the one. */
  readonly profiles?: readonly { readonly name: string; readonly plugins: ConfigParts["profile"] }[];
  /** Needs the flag that allows alpha plugins. */
  readonly experimental?: boolean;
  /** Extractors of `endpoint-notification-source`, which tells them of endpoints. */
  readonly notified?: readonly string[];
}

/** A whole configuration with endpoints from a file, as text that both Endpoint Pickers read (JSON is YAML). */
export function pickerConfig(parts: ConfigParts, endpointsFile: string): string {
  const { plugins, profile, profiles = [{ name: "default", plugins: profile }], notified = [] } = parts;
  const notification = notified.length === 0 ? [] : [{ type: "endpoint-notification-source" }];
  const config = {
    apiVersion: "llm-d.ai/v1alpha1",
    kind: "EndpointPickerConfig",
    plugins: [
      { type: "file-discovery", parameters: { path: endpointsFile, watchFile: true } },
      { type: "metrics-data-source" },
      { type: "core-metrics-extractor" },
      ...notification,
      ...plugins,
    ],
    schedulingProfiles: profiles,
    dataLayer: {
      discovery: { pluginRef: "file-discovery" },
      sources: [
        { pluginRef: "metrics-data-source", extractors: [{ pluginRef: "core-metrics-extractor" }] },
        ...notification.map(({ type }) => ({
          pluginRef: type,
          extractors: notified.map((pluginRef) => ({ pluginRef })),
        })),
      ],
    },
  };
  return JSON.stringify(config, null, 1);
}
