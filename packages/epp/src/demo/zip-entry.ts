import { inflateRawSync } from "node:zlib";

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const DIRECTORY_SIGNATURE = 0x02014b50;
const DIRECTORY_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

/**
 * Gives the bytes of one file of a ZIP archive (no ZIP64, no encryption). Source: PKWARE APPNOTE, 4.3.
 *
 * @throws Error when the archive is not one, or has no such file
 */
export function zipEntry(archive: Buffer, name: string): Buffer {
  const end = endRecord(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index++) {
    if (archive.readUInt32LE(at) !== DIRECTORY_SIGNATURE) throw new Error("the archive's directory is broken");
    const nameBytes = archive.readUInt16LE(at + 28);
    const entry = archive.toString("utf8", at + DIRECTORY_BYTES, at + DIRECTORY_BYTES + nameBytes);
    if (entry === name) return content(archive, at);
    at += DIRECTORY_BYTES + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`the archive has no ${name}`);
}

/** The record at the archive's end; a comment of up to 64 KiB may follow it. */
function endRecord(archive: Buffer): number {
  const first = Math.max(0, archive.length - END_BYTES - 0xffff);
  for (let at = archive.length - END_BYTES; at >= first; at--) {
    if (archive.readUInt32LE(at) === END_SIGNATURE) return at;
  }
  throw new Error("not a ZIP archive");
}

function content(archive: Buffer, directory: number): Buffer {
  const method = archive.readUInt16LE(directory + 10);
  const packedBytes = archive.readUInt32LE(directory + 20);
  const local = archive.readUInt32LE(directory + 42);
  const start = local + LOCAL_BYTES + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const packed = archive.subarray(start, start + packedBytes);
  if (method === STORED) return packed;
  if (method === DEFLATED) return inflateRawSync(packed);
  throw new Error(`the archive packs with method ${method}, known are ${STORED} and ${DEFLATED}`);
}
