import { type EppOptions, OptionsError } from "./options.ts";

/** Reasons not to listen that are the user's, by the system's code. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no such address",
  EAI_AGAIN: "no such address",
  EACCES: "this user may not listen there",
};

/** Opens the port of a flag on the address that the options name. @throws OptionsError where that cannot be */
export async function listening<T>(
  options: EppOptions,
  flag: string,
  open: (host: string, port: number) => Promise<T>,
): Promise<T> {
  const host = options.text("bind-address")!;
  const port = options.number(flag);
  try {
    return await open(host, port);
  } catch (error) {
    const why = REASONS[(error as NodeJS.ErrnoException).code ?? ""];
    throw why === undefined ? error : new OptionsError(`--${flag} ${port} on ${host}: ${why}`);
  }
}
