/**
 * Just enough of the WebAssembly binary format to write integer functions down as expressions (WebAssembly core
 * specification 1.0, "Binary Format"): a 64-bit multiplication is one instruction there and dozens in JavaScript.
 */
export type Code = readonly number[];

const I32 = 0x7f;
const I64 = 0x7e;
const VOID = 0x40;

export interface Func {
  readonly name: string;
  readonly params: readonly ("i32" | "i64")[];
  readonly result?: "i64";
  readonly locals: readonly ("i32" | "i64")[];
  readonly body: Code;
}

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const call = (func: number, ...args: Code[]): Code => [...args.flat(), 0x10, ...unsigned(func)];
/** Repeats the body while the condition (an i32) holds, the condition first. */
export const whileTrue = (condition: Code, ...body: Code[]): Code =>
  [0x02, VOID, 0x03, VOID, ...condition, 0x45, 0x0d, 1, ...body.flat(), 0x0c, 0, 0x0b, 0x0b] as const;
export const ifElse = (condition: Code, then: Code, otherwise: Code): Code =>
  [...condition, 0x04, VOID, ...then, 0x05, ...otherwise, 0x0b] as const;

const binary =
  (instruction: number) =>
  (left: Code, right: Code): Code => [...left, ...right, instruction];
const unary =
  (instruction: number) =>
  (value: Code): Code => [...value, instruction];
/** Unaligned, at an address and a fixed offset. */
const load =
  (instruction: number) =>
  (address: Code, offset = 0): Code => [...address, instruction, 0, ...unsigned(offset)];
const store =
  (instruction: number) =>
  (address: Code, value: Code): Code => [...address, ...value, instruction, 0, 0];

export const i32 = {
  of: (value: number): Code => [0x41, ...signed(BigInt(value))],
  add: binary(0x6a),
  sub: binary(0x6b),
  below: binary(0x49),
  atMost: binary(0x4d),
  atLeast: binary(0x4f),
  wrap: unary(0xa7),
  store: store(0x36),
  select: (condition: Code, then: Code, otherwise: Code): Code => [...then, ...otherwise, ...condition, 0x1b],
};

export const i64 = {
  of: (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))],
  add: binary(0x7c),
  mul: binary(0x7e),
  xor: binary(0x85),
  shiftRight: binary(0x88),
  rotateLeft: binary(0x89),
  extend: unary(0xad),
  load: load(0x29),
  load8: load(0x31),
  load32: load(0x35),
  store: store(0x37),
};

/** A module's memory; the buffer is another one after each growth. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of the WebAssembly API that is used here; no library of types without the DOM's has it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

/** Instantiates a module of the functions and one exported `memory`; each function is exported under its name. */
export function instantiate(functions: readonly Func[], pages: number): object {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  const types = functions.map(({ params, result }) => [
    0x60,
    ...vector(params.map((type) => [valueType(type)])),
    ...vector(result === undefined ? [] : [[valueType(result)]]),
  ]);
  const exported = functions.map(({ name }, index) => [...nameOf(name), 0x00, ...unsigned(index)]);
  const bytes = [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(5, vector([[0x00, ...unsigned(pages)]])),
    ...section(7, vector([...exported, [...nameOf("memory"), 0x02, 0]])),
    ...section(10, vector(functions.map(codeOf))),
  ];
  return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes))).exports;
}

function codeOf({ locals, body }: Func): number[] {
  const code = [...vector(locals.map((type) => [1, valueType(type)])), ...body, 0x0b];
  return [...unsigned(code.length), ...code];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function nameOf(name: string): number[] {
  return vector([...Buffer.from(name)].map((byte) => [byte]));
}

function valueType(type: "i32" | "i64"): number {
  return type === "i32" ? I32 : I64;
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 of a signed number. */
function signed(value: bigint): number[] {
  const byte = Number(value & 0x7fn);
  const rest = value >> 7n;
  const last = (rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0);
  return last ? [byte] : [byte | 0x80, ...signed(rest)];
}
