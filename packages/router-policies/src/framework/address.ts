const BRACKETED = /^\[([^\]]*)\](?::(\d+))?$/;

/** The IP of `ip`, `ip:port`, `[v6]` or `[v6]:port`, without brackets. */
export function hostOf(address: string): string {
  const bracketed = BRACKETED.exec(address);
  if (bracketed !== null) return bracketed[1]!;
  return address.indexOf(":") === address.lastIndexOf(":") ? address.split(":")[0]! : address;
}

/** The port of such an address, if it has one. A bare IPv6 address has none. */
export function portOf(address: string): string | undefined {
  const bracketed = BRACKETED.exec(address);
  if (bracketed !== null) return bracketed[2];
  return address.indexOf(":") === address.lastIndexOf(":") ? address.split(":")[1] : undefined;
}

/** What llm-d-router takes for the IP: the text before the last `:`. */
export function textBeforeLastColon(address: string): string {
  const colon = address.lastIndexOf(":");
  return colon < 0 ? address : address.slice(0, colon);
}
