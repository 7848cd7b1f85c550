import { parseArgs } from "node:util";
import { durationUs, nearestMatch, quantity } from "@windtunnel/router-policies";
import { EPP_FLAGS, type EppFlag, type FlagKind, INEFFECTIVE_FLAGS, type IneffectiveFlag } from "./flags.ts";

/** The command line, or what it leads to, is wrong: one line. */
export class OptionsError extends Error {
  override readonly name = "OptionsError";
}

const READ_FLAGS = [...EPP_FLAGS, ...INEFFECTIVE_FLAGS];

interface FlagValues {
  text: string;
  integer: number;
  boolean: boolean;
  duration: number;
  bytes: number;
  list: readonly string[];
}

/** Values by flag, unset ones absent; durations in microseconds. */
export class EppOptions {
  /** Flags that were given and do nothing. */
  readonly ineffective: readonly IneffectiveFlag[];
  readonly #values: ReadonlyMap<string, FlagValues[FlagKind] | readonly string[]>;

  constructor(
    values: ReadonlyMap<string, FlagValues[FlagKind] | readonly string[]>,
    ineffective: readonly IneffectiveFlag[],
  ) {
    this.#values = values;
    this.ineffective = ineffective;
  }

  text(name: string): string | undefined {
    return this.#values.get(name) as string | undefined;
  }

  number(name: string): number {
    return this.#values.get(name) as number;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  list(name: string): readonly string[] {
    return (this.#values.get(name) as readonly string[] | undefined) ?? [];
  }

  durationUs(name: string): number {
    return this.number(name);
  }

  /** Every flag in force, for the debug page. */
  shown(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.#values);
  }
}

/** Reads the command line. @throws OptionsError */
export function eppOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): EppOptions {
  const given = parse(withBooleanValues(args));
  const values = new Map<string, FlagValues[FlagKind] | readonly string[]>();
  for (const flag of EPP_FLAGS) {
    const texts = given.get(flag.name) ?? defaultsOf(flag, environment);
    if (flag.repeated) values.set(flag.name, texts);
    else if (texts.length > 0) values.set(flag.name, flagValue(flag, texts.at(-1)!));
  }
  const ineffective = INEFFECTIVE_FLAGS.filter(({ name }) => given.has(name));
  return check(new EppOptions(values, ineffective));
}

function defaultsOf(flag: EppFlag, environment: Readonly<Record<string, string | undefined>>): string[] {
  const fromEnvironment = flag.name === "bind-address" ? environment.WINDTUNNEL_EPP_BIND_ADDRESS : undefined;
  const text = fromEnvironment || flag.default;
  return text === undefined ? [] : [text];
}

/** Go's flags take a boolean as `--flag` or `--flag=false`. */
function withBooleanValues(args: readonly string[]): string[] {
  const booleans = new Set(READ_FLAGS.filter(({ kind }) => kind === "boolean").map(({ name }) => `--${name}`));
  return args.map((argument) => {
    // Go takes one dash or two.
    const long = /^-[a-z][a-z-]*(=|$)/.test(argument) ? `-${argument}` : argument;
    return booleans.has(long) ? `${long}=true` : long;
  });
}

function parse(args: string[]): Map<string, string[]> {
  const options = Object.fromEntries(
    READ_FLAGS.map(({ name }) => [name, { type: "string" as const, multiple: true as const }]),
  );
  const known = args.map((argument) => checkKnown(argument));
  try {
    const { values } = parseArgs({ args: known, options, strict: true, allowPositionals: false });
    return new Map(Object.entries(values).map(([name, texts]) => [name, texts as string[]]));
  } catch (error) {
    throw new OptionsError(
      error instanceof Error ? error.message.split("\n", 1)[0]!.replace(/\.?$/, "") : String(error),
    );
  }
}

function checkKnown(argument: string): string {
  const name = /^--([^=]+)/.exec(argument)?.[1];
  if (name === undefined || READ_FLAGS.some((flag) => flag.name === name)) return argument;
  const near = nearestMatch(
    name,
    READ_FLAGS.map((flag) => flag.name),
  );
  throw new OptionsError(`unknown flag --${name}${near === undefined ? "" : ` (did you mean --${near}?)`}`);
}

function flagValue({ name, kind, minimum = 0 }: EppFlag, text: string): FlagValues[FlagKind] {
  const wrong = (allowed: string) => new OptionsError(`--${name}: "${text}" is not ${allowed}`);
  if (kind === "text") return text;
  if (kind === "list")
    return text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  if (kind === "boolean") {
    // As Go's strconv.ParseBool.
    if (/^(1|t|true|T|TRUE|True)$/.test(text)) return true;
    if (/^(0|f|false|F|FALSE|False)$/.test(text)) return false;
    throw wrong("true or false");
  }
  const number = kind === "duration" ? durationUs(text) : kind === "bytes" ? bytes(text) : integer(text);
  if (number !== undefined && number >= minimum) return number;
  const allowed = { duration: "a duration such as 50ms", bytes: "a size such as 4MiB", integer: "a whole number" }[
    kind
  ];
  throw wrong(minimum > 0 && number !== undefined ? `${allowed}, ${minimum} or more` : allowed);
}

/** `4Mi`, `10MiB`, `25MB` or a number of bytes. */
function bytes(text: string): number | undefined {
  return quantity(text.replace(/B$/, ""));
}

function integer(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function check(options: EppOptions): EppOptions {
  for (const { name, kind } of EPP_FLAGS) {
    if (kind === "integer" && name.endsWith("-port") && options.number(name) > 65_535) {
      throw new OptionsError(`--${name}: ${options.number(name)} is no port (0 to 65535)`);
    }
  }
  if (options.text("config-file") !== undefined && options.text("config-text") !== undefined) {
    throw new OptionsError("--config-file and --config-text exclude each other");
  }
  const sources = ["pool-name", "endpoint-selector"].filter((name) => options.text(name) !== undefined);
  if (sources.length > 1) throw new OptionsError("--pool-name and --endpoint-selector exclude each other");
  const ports = options.list("endpoint-target-ports");
  const selects = options.text("endpoint-selector") !== undefined;
  if (selects && (ports.length < 1 || ports.length > 8)) {
    throw new OptionsError(`--endpoint-selector needs --endpoint-target-ports with 1 to 8 ports, not ${ports.length}`);
  }
  const bad = ports.find((port) => !(Number(port) >= 1 && Number(port) <= 65_535 && integer(port) !== undefined));
  if (bad !== undefined) throw new OptionsError(`--endpoint-target-ports: "${bad}" is no port (1 to 65535)`);
  return options;
}
