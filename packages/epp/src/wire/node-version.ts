/** The first version that passes the limits of stream resets on, in a release line that is kept up. */
const LEAST: readonly [number, number] = [22, 12];

/**
 * Refuses a Node that cannot serve Envoy.
 *
 * Envoy ends each ext_proc stream with a reset; an HTTP/2 session of an older Node takes 1,000 of them, then 33 a
 * second, and then turns the gateway away.
 *
 * @throws Error when `version` is too old.
 */
export function requireNodeVersion(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return;
  throw new Error(
    `Node ${version}: the Endpoint Picker needs Node ${LEAST.join(".")} or later, ` +
      "whose HTTP/2 server can be told how many stream resets a gateway may send",
  );
}
