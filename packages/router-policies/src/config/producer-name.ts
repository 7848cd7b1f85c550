import type { DataKey } from "../framework/data.ts";
import { pluginType } from "../registry.ts";
import type { PluginSpec } from "./endpoint-picker-config.ts";

type Named = Pick<PluginSpec, "name" | "type" | "injected">;

/**
 * Who makes a datum: the producer of the name that is asked for. `strict` takes the first listed one of the kind for a key
 * that has any name, where none of that name is listed.
 */
export function producerNameOf(key: DataKey, plugins: readonly Named[], strict: boolean): string {
  if (!strict || key.anyNameIfStrict !== true) return key.producer;
  const listed = plugins.filter(({ injected }) => !injected);
  if (listed.some(({ name }) => name === key.producer)) return key.producer;
  return listed.find(({ type }) => makes(type, key))?.name ?? key.producer;
}

function makes(type: string, { kind }: DataKey): boolean {
  const entry = pluginType(type);
  return entry?.status === "built" && (entry.definition.produces?.includes(kind) ?? false);
}
