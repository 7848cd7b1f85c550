const PRIME_LOW = 0x1b3;

/** FNV-1a, 64 bits, on 32-bit halves (Fowler, Noll, Vo; draft-eastlake-fnv, section 5): prime 2^40 + 0x1b3. */
export class Fnv64 {
  lo = 0;
  hi = 0;

  reset(): void {
    this.lo = 0x84222325 | 0;
    this.hi = 0xcbf29ce4 | 0;
  }

  bytes(bytes: Uint8Array, length: number): void {
    let lo = this.lo;
    let hi = this.hi;
    for (let i = 0; i < length; i++) {
      lo ^= bytes[i]!;
      const low = (lo & 0xffff) * PRIME_LOW;
      const high = (lo >>> 16) * PRIME_LOW + (low >>> 16);
      hi = (Math.imul(hi, PRIME_LOW) + (high >>> 16) + (lo << 8)) | 0;
      lo = (high << 16) | (low & 0xffff);
    }
    this.lo = lo;
    this.hi = hi;
  }
}
