/** The parts of an EndpointPickerConfig that tests differ in. */
export interface ConfigOverFile {
  readonly plugins: readonly { readonly type: string; readonly parameters?: object }[];
  /** None: one of all scorers and pickers. */
  readonly schedulingProfiles?: readonly {
    readonly name: string;
    readonly plugins: readonly { readonly pluginRef: string; readonly weight?: number }[];
  }[];
}

/** A configuration with endpoints from a file that may change, as text that both Endpoint Pickers read (JSON is YAML). */
export function configOverFile(endpointsFile: string, { plugins, ...profiles }: ConfigOverFile): string {
  return JSON.stringify({
    apiVersion: "llm-d.ai/v1alpha1",
    kind: "EndpointPickerConfig",
    plugins: [{ type: "file-discovery", parameters: { path: endpointsFile, watchFile: true } }, ...plugins],
    ...profiles,
    dataLayer: { discovery: { pluginRef: "file-discovery" } },
  });
}
