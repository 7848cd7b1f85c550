import type { Struct, StructValue } from "./ext-proc.ts";
import { type ProtobufReader, WireError } from "./protobuf-reader.ts";
import type { ProtobufWriter } from "./protobuf-writer.ts";

/** Levels of objects and lists; the contract's metadata has three. */
const MAX_STRUCT_DEPTH = 32;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Reads a message whose field `field` is a `map<string, Struct>`, to the end of the message that `reader` is in. */
export function readStructMap(reader: ProtobufReader, field: number, depth: number): Record<string, Struct> {
  return readMap(reader, field, readStruct, depth);
}

function readStruct(reader: ProtobufReader, depth: number): Struct {
  if (depth >= MAX_STRUCT_DEPTH) throw new WireError(`a Struct nested deeper than ${MAX_STRUCT_DEPTH}`);
  return { fields: readMap(reader, 1, readValue, depth + 1) };
}

/** Keys come from the peer, so the object has no prototype that one of them could name. */
function readMap<T>(
  reader: ProtobufReader,
  field: number,
  read: (reader: ProtobufReader, depth: number) => T,
  depth: number,
): Record<string, T> {
  const map = Object.create(null) as Record<string, T>;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === field * 8 + 2) readEntry(reader, map, read, depth);
    else reader.skip(tag);
  }
  return map;
}

function readEntry<T>(
  reader: ProtobufReader,
  map: Record<string, T>,
  read: (reader: ProtobufReader, depth: number) => T,
  depth: number,
): void {
  const outer = reader.enter();
  let key = "";
  let value: T | undefined;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) key = reader.string();
    else if (tag === 18) {
      const entry = reader.enter();
      value = read(reader, depth);
      reader.leave(entry);
    } else reader.skip(tag);
  }
  reader.leave(outer);
  map[key] = value ?? ((read === (readStruct as unknown) ? { fields: {} } : {}) as T);
}

function readValue(reader: ProtobufReader, depth: number): StructValue {
  let value: StructValue = {};
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 26) value = { stringValue: reader.string() };
    else if (tag === 17) value = { numberValue: reader.double() };
    else if (tag === 32) value = { boolValue: reader.bool() };
    else if (tag === 8) value = { nullValue: reader.varint() };
    else if (tag === 42 || tag === 50) {
      const outer = reader.enter();
      value = tag === 42 ? { structValue: readStruct(reader, depth) } : { listValue: readList(reader, depth) };
      reader.leave(outer);
    } else reader.skip(tag);
  }
  return value;
}

function readList(reader: ProtobufReader, depth: number): Mutable<NonNullable<StructValue["listValue"]>> {
  if (depth >= MAX_STRUCT_DEPTH) throw new WireError(`a list nested deeper than ${MAX_STRUCT_DEPTH}`);
  const values: StructValue[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag !== 10) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    values.push(readValue(reader, depth + 1));
    reader.leave(outer);
  }
  return { values };
}

/** Writes the content of a Struct, without its tag and length. */
export function writeStruct(writer: ProtobufWriter, struct: Struct): void {
  const keys = Object.keys(struct.fields);
  for (let index = keys.length - 1; index >= 0; index -= 1) {
    const key = keys[index]!;
    const entry = writer.mark;
    writeValue(writer, struct.fields[key]!);
    writer.message(18, entry);
    writer.string(10, key);
    writer.message(10, entry);
  }
}

function writeValue(writer: ProtobufWriter, value: StructValue): void {
  const mark = writer.mark;
  if (value.numberValue !== undefined) writer.double(17, value.numberValue);
  else if (value.stringValue !== undefined) writer.string(26, value.stringValue);
  else if (value.boolValue !== undefined) writer.uint32(32, value.boolValue ? 1 : 0);
  else if (value.structValue !== undefined) {
    writeStruct(writer, value.structValue);
    writer.message(42, mark);
  } else if (value.listValue !== undefined) {
    writeList(writer, value.listValue.values);
    writer.message(50, mark);
  } else if (value.nullValue !== undefined) writer.uint32(8, value.nullValue);
}

function writeList(writer: ProtobufWriter, values: readonly StructValue[]): void {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const mark = writer.mark;
    writeValue(writer, values[index]!);
    writer.message(10, mark);
  }
}
