const PRIME_LOW = 0x1b3;
const TWO_POW_32 = 2 ** 32;

/** FNV-1a, 64 bits, on 32-bit halves (Fowler, Noll, Vo; draft-eastlake-fnv, section 5): prime 2^40 + 0x1b3. */
export class Fnv64 {
  lo = 0;
  hi = 0;

  reset(): void {
    this.lo = 0x84222325 | 0;
    this.hi = 0xcbf29ce4 | 0;
  }

  bytes(bytes: Uint8Array, length: number): void {
    let lo = this.lo >>> 0;
    let hi = this.hi;
    for (let i = 0; i < length; i++) {
      lo = (lo ^ bytes[i]!) >>> 0;
      // The product of 32 and 9 bits is exact in a double.
      const product = lo * PRIME_LOW;
      hi = (Math.imul(hi, PRIME_LOW) + Math.floor(product / TWO_POW_32) + (lo << 8)) | 0;
      lo = product >>> 0;
    }
    this.lo = lo | 0;
    this.hi = hi;
  }
}
