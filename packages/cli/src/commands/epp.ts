import { runEpp } from "@windtunnel/epp";
import type { ExitCode } from "../exit-code.ts";
import type { Command } from "./command.ts";

/** `windtunnel epp`: the production Endpoint Picker; its flags are llm-d's. */
export const epp: Command = async ({ positional }, terminal) => (await runEpp(positional, terminal)) as ExitCode;
