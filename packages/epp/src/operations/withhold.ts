const SECRET_NAME = /password|passwd|secret|api[-_]?key|credential|authorization|bearer/i;
const WITHHELD = "(withheld)";
/** Shown as it was read, not as it was given. */
const SHOWN_ELSEWHERE = "config-text";

/** A copy to show, without values that look like credentials: by their name, or before the @ of a URL. */
export function withoutSecrets(value: unknown, name = ""): unknown {
  if (name === SHOWN_ELSEWHERE && value !== undefined) return "(see config)";
  if (typeof value === "string") {
    if (SECRET_NAME.test(name) && value !== "") return WITHHELD;
    return value.replaceAll(/\/\/[^/@\s]+@/g, `//${WITHHELD}@`);
  }
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutSecrets(one, key)]));
}
