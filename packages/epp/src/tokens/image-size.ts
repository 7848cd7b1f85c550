import { crc32 } from "node:zlib";

/** Width and height in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** As much of a picture as is decoded to find its size: headers come first, but a JPEG may have metadata before it. */
const MAX_BASE64 = 1 << 20;
const DATA_URL = /^data:image\/[^;,]*;base64,/;
const PNG_SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

/** The size of a PNG, GIF or JPEG in a `data:` URL; undefined for any other URL or picture. */
export function imageSize(url: string): ImageSize | undefined {
  const prefix = DATA_URL.exec(url)?.[0].length;
  return prefix === undefined ? undefined : inlineImageSize(url.slice(prefix, prefix + MAX_BASE64));
}

/** The same of a picture's base64. */
export function inlineImageSize(base64: string): ImageSize | undefined {
  const bytes = Buffer.from(base64.slice(0, MAX_BASE64), "base64");
  return pngSize(bytes) ?? gifSize(bytes) ?? jpegSize(bytes);
}

/** The header chunk comes first (PNG specification, 11.2.1); its checksum must be right. */
function pngSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return undefined;
  if (bytes.toString("latin1", 12, 16) !== "IHDR" || crc32(bytes.subarray(12, 29)) !== bytes.readUInt32BE(29)) {
    return undefined;
  }
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

function gifSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < 13 || !/^GIF8[79]a$/.test(bytes.toString("latin1", 0, 6))) return undefined;
  return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
}

/** The first frame header among the markers: SOF0, SOF1 or SOF2 (ITU T.81, B.2.2). */
function jpegSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker >= 0xc0 && marker <= 0xc2)
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    // Fill bytes and markers without a segment.
    if (marker === 0xff) at++;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
