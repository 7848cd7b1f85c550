import { TraceError } from "@windtunnel/sim-core";

const BLOCK_BYTES = 512;
const MAGIC_OFFSET = 257;

export interface TarEntry {
  readonly name: string;
  readonly data: Buffer;
}

/** True when the bytes begin with a header of a POSIX or GNU tar archive. */
export function isTar(bytes: Buffer): boolean {
  return bytes.length >= BLOCK_BYTES && bytes.toString("latin1", MAGIC_OFFSET, MAGIC_OFFSET + 5) === "ustar";
}

/**
 * The regular files of a tar archive (POSIX ustar; long names of GNU and pax).
 *
 * @throws TraceError when the archive ends in the middle of an entry
 */
export function* tarEntries(file: string, archive: Buffer): Generator<TarEntry> {
  let longName: string | undefined;
  for (let offset = 0; offset + BLOCK_BYTES <= archive.length; ) {
    const header = archive.subarray(offset, offset + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) return;
    const sizeText = field(header, 124, 12);
    const size = Number.parseInt(sizeText, 8);
    const start = offset + BLOCK_BYTES;
    if (!/^[0-7]+$/.test(sizeText) || start + size > archive.length) {
      throw new TraceError(`${file}: broken tar archive at byte ${offset}; allowed: whole entries`);
    }
    const data = archive.subarray(start, start + size);
    offset = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    const type = field(header, 156, 1);
    if (type === "L") longName = data.toString("utf8").replace(/\0.*$/s, "");
    else if (type === "x") longName = /^\d+ path=(.*)$/m.exec(data.toString("utf8"))?.[1] ?? longName;
    else {
      if (type === "" || type === "0") yield { name: longName ?? fullName(header), data };
      longName = undefined;
    }
  }
}

function fullName(header: Buffer): string {
  const prefix = field(header, 345, 155);
  return prefix === "" ? field(header, 0, 100) : `${prefix}/${field(header, 0, 100)}`;
}

function field(header: Buffer, offset: number, length: number): string {
  return header
    .toString("latin1", offset, offset + length)
    .replace(/\0.*$/s, "")
    .trim();
}
