import { crc32, deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { zipEntry } from "../../../src/demo/zip-entry.ts";

const DEFLATED = 8;

/** A ZIP archive by hand: local headers with an extra field, directory, end record with a comment. */
function archive(files: readonly { name: string; content: Buffer; method: number }[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method } of files) {
    const packed = method === DEFLATED ? deflateRawSync(content) : content;
    const extra = Buffer.from([1, 2, 3, 4]);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(extra.length, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc32(content), 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, Buffer.from(name), extra, packed);
    directory.push(entry, Buffer.from(name));
    offset += 30 + name.length + extra.length + packed.length;
  }
  const comment = Buffer.from("a comment");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, ...directory, end, comment]);
}

describe("zipEntry", () => {
  const long = Buffer.from("abc".repeat(10_000));
  const zip = archive([
    { name: "first", content: Buffer.from("one"), method: 0 },
    { name: "a/second", content: long, method: DEFLATED },
  ]);

  it("gives stored and deflated files", () => {
    expect(zipEntry(zip, "first").toString()).toBe("one");
    expect(zipEntry(zip, "a/second").equals(long)).toBe(true);
  });

  it("names a file that is not there", () => {
    expect(() => zipEntry(zip, "third")).toThrow("the archive has no third");
  });

  it("refuses what is no archive, and a way of packing that it does not know", () => {
    expect(() => zipEntry(Buffer.alloc(100), "x")).toThrow("not a ZIP archive");
    const odd = archive([{ name: "x", content: Buffer.from("y"), method: 12 }]);
    expect(() => zipEntry(odd, "x")).toThrow("method 12, known are 0 and 8");
  });
});
