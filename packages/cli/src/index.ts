export { LONG_COMMANDS, runCommand } from "./commands/command.ts";
export { ExitCode } from "./exit-code.ts";
