/** A nested value as one level of dotted names: `fleet.latency.ttft.p50Seconds`, `pools.h100.replicas`. */
export function flatten(value: object, prefix = ""): Record<string, string | number | null> {
  const flat: Record<string, string | number | null> = {};
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    if (Array.isArray(inner)) {
      for (const [index, entry] of inner.entries()) {
        const { name: label = index, path, sha256, ...rest } = entry as Record<string, unknown>;
        if (path === undefined) Object.assign(flat, flatten(rest, `${name}.${String(label)}`));
        else flat[`${name}.${String(path)}`] = String(sha256);
      }
    } else if (typeof inner === "object" && inner !== null) Object.assign(flat, flatten(inner, name));
    else flat[name] = typeof inner === "boolean" ? String(inner) : (inner as string | number | null);
  }
  return flat;
}
