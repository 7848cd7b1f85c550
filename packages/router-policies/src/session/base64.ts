const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDED = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The UTF-8 bytes of a text, one character each. */
const utf8 = (text: string): string =>
  encodeURIComponent(text).replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** A text in padded base64 (RFC 4648, 4) of its UTF-8 bytes. */
export function base64Of(text: string): string {
  const bytes = utf8(text);
  let encoded = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const bits = (bytes.charCodeAt(i) << 16) | ((bytes.charCodeAt(i + 1) || 0) << 8) | (bytes.charCodeAt(i + 2) || 0);
    const digits = [bits >> 18, (bits >> 12) & 63, (bits >> 6) & 63, bits & 63].map((digit) => ALPHABET[digit]!);
    const kept = Math.min(3, bytes.length - i) + 1;
    encoded += digits.slice(0, kept).join("") + "=".repeat(4 - kept);
  }
  return encoded;
}

/** The text of padded base64; undefined where it is none, or no UTF-8. */
export function textOfBase64(encoded: string): string | undefined {
  if (!PADDED.test(encoded)) return undefined;
  const digits = encoded.replace(/=+$/, "");
  let hex = "";
  let bits = 0;
  let count = 0;
  for (const digit of digits) {
    bits = ((bits << 6) | ALPHABET.indexOf(digit)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    hex += `%${((bits >> count) & 255).toString(16).padStart(2, "0")}`;
  }
  try {
    return decodeURIComponent(hex);
  } catch {
    return undefined;
  }
}
