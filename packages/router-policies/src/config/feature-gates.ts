import { PolicyError, quoted, suggestion } from "../errors.ts";
import type { ConfigWarning, FeatureGates } from "./endpoint-picker-config.ts";
import type { Ref } from "./located.ts";

const DEFAULTS: FeatureGates = { flowControl: false, haPopulateNonLeaderDatastore: true };
/** Gates of older releases whose feature is always on now. */
const REMOVED = ["dataLayer", "prepareDataPlugins", "experimentalDatalayer"];
const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/** Reads `gate` or `gate=false`; removed gates are dropped with a warning, unknown ones refused. */
export function readFeatureGates(given: readonly Ref[], warnings: ConfigWarning[]): FeatureGates {
  const gates = { ...DEFAULTS };
  for (const { name: text, at } of given) {
    const [gate = "", value, ...rest] = text.split("=");
    if (REMOVED.includes(gate)) {
      warnings.push({ position: at, message: `feature gate ${quoted(gate)} dropped: it was removed` });
      continue;
    }
    if (gate !== "flowControl" && gate !== "haPopulateNonLeaderDatastore") {
      throw new PolicyError(`unknown feature gate ${quoted(gate)}${suggestion(gate, Object.keys(DEFAULTS))}`, at);
    }
    const on = value === undefined || TRUE.includes(value);
    if (rest.length > 0 || (!on && !FALSE.includes(value))) {
      throw new PolicyError(`feature gate ${quoted(text)}: expected "${gate}=true" or "${gate}=false"`, at);
    }
    gates[gate] = on;
  }
  return gates;
}
