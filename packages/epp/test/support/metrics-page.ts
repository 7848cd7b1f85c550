/** The text of a `/metrics` page on loopback, or at `ip:port`. */
export async function metricsPage(at: number | string): Promise<string> {
  const address = typeof at === "number" ? `127.0.0.1:${at}` : at;
  return (await fetch(`http://${address}/metrics`)).text();
}

/** The value of the first sample of that name, with that label where one is given; NaN where there is none. */
export function sampleOf(page: string, name: string, label = ""): number {
  const labels = label === "" ? "(?:\\{[^}]*\\})?" : `\\{[^}]*${label}[^}]*\\}`;
  return Number(new RegExp(`^${name}${labels} (\\S+)$`, "m").exec(page)?.[1]);
}
