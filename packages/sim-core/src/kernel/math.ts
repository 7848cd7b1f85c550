// biome-ignore-all lint/suspicious/noApproximativeNumericConstant: ECMAScript leaves Math's constants approximate.
/**
 * Elementary functions that give the same bits in every JavaScript engine: built from + - * / and integer work alone,
 * which ECMAScript defines exactly. The algorithms and coefficients are those of fdlibm 5.3 (Sun Microsystems, 1993,
 * public): argument reduction, then a polynomial; errors below one unit in the last place. `Math.sqrt`, `floor`, `abs`
 * and `trunc` are exact everywhere and need no replacement.
 */

// A number and its two 32-bit words. Written and read back inside one call, so no state outlives it.
const scratch = new Float64Array(1);
const words = new Int32Array(scratch.buffer);
scratch[0] = 1;
const HIGH = words[1] === 0 ? 0 : 1;
const LOW = 1 - HIGH;

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const LOG2_E = 1.4426950408889634;
const TWO_53 = 9007199254740992;
const TWO_54 = 18014398509481984;
const TWO_MINUS_54 = 1 / TWO_54;

function highWord(x: number): number {
  scratch[0] = x;
  return words[HIGH]!;
}

/** The number with its lower 32 bits cleared. */
function highPart(x: number): number {
  scratch[0] = x;
  words[LOW] = 0;
  return scratch[0]!;
}

function withHighWord(x: number, high: number): number {
  scratch[0] = x;
  words[HIGH] = high;
  return scratch[0]!;
}

/** `x * 2**n`, exact unless the result is subnormal. */
function scale(x: number, n: number): number {
  if (n > 1023) return scale(x * 8.98846567431158e307, n - 1023);
  if (n < -1022) return n < -1100 ? x * 0 : x * powerOfTwo(n + 54) * TWO_MINUS_54;
  return x * powerOfTwo(n);
}

function powerOfTwo(n: number): number {
  words[LOW] = 0;
  words[HIGH] = (n + 1023) << 20;
  return scratch[0]!;
}

/** e to the power `x` (fdlibm e_exp.c). */
export function exp(x: number): number {
  if (!(x <= 709.782712893384)) return x > 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  if (x < -745.1332191019411) return 0;
  if (x === 1) return 2.718281828459045; // The series ends one unit in the last place above it.
  const magnitude = Math.abs(x);
  if (magnitude < 3.725290298461914e-9) return 1 + x;
  const k = magnitude > 0.34657359027997264 ? Math.trunc(LOG2_E * x + (x < 0 ? -0.5 : 0.5)) : 0;
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const t = r * r;
  const c =
    r -
    t *
      (0.16666666666666602 +
        t *
          (-0.0027777777777015593 +
            t * (0.00006613756321437934 + t * (-0.0000016533902205465252 + t * 4.1381367970572385e-8))));
  return scale(1 - (low - (r * c) / (2 - c) - high), k);
}

/** The polynomial part of log and log1p: R(s), with `s = f / (2 + f)`. */
function logSeries(s: number): number {
  const z = s * s;
  return (
    z *
    (0.6666666666666735 +
      z *
        (0.3999999999940942 +
          z *
            (0.2857142874366239 +
              z *
                (0.22222198432149784 +
                  z * (0.1818357216161805 + z * (0.15313837699209373 + z * 0.14798198605116586))))))
  );
}

/** Natural logarithm (fdlibm e_log.c): -Infinity at 0, NaN below. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  const subnormal = x < 2.2250738585072014e-308;
  const normal = subnormal ? x * TWO_54 : x;
  const high = highWord(normal);
  const mantissa = high & 0xfffff;
  // Brings the mantissa into [sqrt(1/2), sqrt(2)), so that f is small on both sides.
  const upper = (mantissa + 0x95f64) & 0x100000;
  const k = (high >> 20) - 1023 + (upper >> 20) - (subnormal ? 54 : 0);
  const f = withHighWord(normal, mantissa | (upper ^ 0x3ff00000)) - 1;
  if (f === 0) return k * LN2_HIGH + k * LN2_LOW;
  const halfSquare = 0.5 * f * f;
  const s = f / (2 + f);
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + logSeries(s)) + k * LN2_LOW) - f);
}

/** log(1 + x) without loss for small x (fdlibm s_log1p.c). */
export function log1p(x: number): number {
  if (!(x > -1)) return x === -1 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (Math.abs(x) < TWO_MINUS_54 || x === Number.POSITIVE_INFINITY) return x;
  let k = 0;
  let f = x;
  let correction = 0;
  if (!(x > -0.2928932188134525 && x < 0.41421356237309503)) {
    const u = 1 + x;
    const high = highWord(u);
    const mantissa = high & 0xfffff;
    const upper = (mantissa + 0x95f64) & 0x100000;
    k = (high >> 20) - 1023 + (upper >> 20);
    // What 1 + x lost to rounding, put back to first order.
    correction = x < TWO_53 ? (x >= 1 ? 1 - (u - x) : x - (u - 1)) / u : 0;
    f = withHighWord(u, mantissa | (upper ^ 0x3ff00000)) - 1;
  }
  const halfSquare = 0.5 * f * f;
  const s = f / (2 + f);
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + logSeries(s)) + (k * LN2_LOW + correction)) - f);
}

/** exp(x) - 1 without loss for small x (fdlibm s_expm1.c). */
export function expm1(x: number): number {
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -38.816242111356935) return -1;
  if (Math.abs(x) < TWO_MINUS_54) return x;
  const k = Math.abs(x) > 0.34657359027997264 ? Math.trunc(LOG2_E * x + (x < 0 ? -0.5 : 0.5)) : 0;
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const r = high - low;
  const c = high - r - low;
  const half = 0.5 * r;
  const t = r * half;
  const series =
    1 +
    t *
      (-0.03333333333333313 +
        t *
          (0.0015873015872548146 +
            t * (-0.0000793650757867488 + t * (0.000004008217827329362 + t * -2.0109921818362437e-7))));
  const u = 3 - series * half;
  let e = t * ((series - u) / (6 - r * u));
  if (k === 0) return r - (r * e - t);
  e = r * (e - c) - c - t;
  if (k === -1) return 0.5 * (r - e) - 0.5;
  if (k === 1) return r < -0.25 ? -2 * (e - (r + 0.5)) : 1 + 2 * (r - e);
  if (k <= -2 || k > 56) return scale(1 - (e - r), k) - 1;
  const inverse = powerOfTwo(-k);
  return k < 20 ? scale(1 - inverse - (e - r), k) : scale(r - (e + inverse) + 1, k);
}

/** Base-2 logarithm of `x > 0` as a head of 21 bits or so, and its tail in `result[1]`. */
function log2HeadAndTail(x: number, result: Float64Array): void {
  let ax = x;
  let n = 0;
  if (ax < 2.2250738585072014e-308) {
    ax *= TWO_53;
    n = -53;
  }
  const high = highWord(ax);
  n += (high >> 20) - 1023;
  const mantissa = high & 0xfffff;
  let normal = mantissa | 0x3ff00000;
  // The base is 1 below sqrt(3/2), 1.5 below sqrt(3), and 1 with the next exponent above.
  const useThreeHalves = mantissa > 0x3988e && mantissa < 0xbb67a;
  if (mantissa >= 0xbb67a) {
    n += 1;
    normal -= 0x100000;
  }
  ax = withHighWord(ax, normal);
  const base = useThreeHalves ? 1.5 : 1;
  const u = ax - base;
  const v = 1 / (ax + base);
  const ss = u * v;
  const sHigh = highPart(ss);
  words[LOW] = 0;
  words[HIGH] = ((normal >> 1) | 0x20000000) + 0x80000 + (useThreeHalves ? 1 << 18 : 0);
  const sumHigh = scratch[0]!;
  const sumLow = ax - (sumHigh - base);
  const sLow = v * (u - sHigh * sumHigh - sHigh * sumLow);
  const s2 = ss * ss;
  let r =
    s2 *
    s2 *
    (0.5999999999999946 +
      s2 *
        (0.4285714285785502 +
          s2 *
            (0.33333332981837743 + s2 * (0.272728123808534 + s2 * (0.23066074577556175 + s2 * 0.20697501780033842)))));
  r += sLow * (sHigh + ss);
  const square = sHigh * sHigh;
  const tHigh = highPart(3 + square + r);
  const tLow = r - (tHigh - 3 - square);
  const p = sHigh * tHigh;
  const q = sLow * tHigh + tLow * ss;
  const pHigh = highPart(p + q);
  const pLow = q - (pHigh - p);
  // 2 / (3 ln 2) in two parts, and log2(1.5) in two parts.
  const zHigh = 0.9617967009544373 * pHigh;
  const zLow = -7.028461650952758e-9 * pHigh + pLow * 0.9617966939259756 + (useThreeHalves ? 1.350039202129749e-8 : 0);
  const offset = useThreeHalves ? 0.5849624872207642 : 0;
  const head = highPart(zHigh + zLow + offset + n);
  result[0] = head;
  result[1] = zLow - (head - n - offset - zHigh);
}

/** 2 to the power of `high + low`. */
function exp2OfSum(high: number, low: number): number {
  const z = high + low;
  if (z >= 1024) return Number.POSITIVE_INFINITY;
  if (z < -1075) return 0;
  const n = Math.abs(z) > 0.5 ? Math.trunc(z + (z < 0 ? -0.5 : 0.5)) : 0;
  const rest = high - n;
  const t = highPart(low + rest);
  const u = t * 0.6931471824645996;
  const v = (low - (t - rest)) * 0.6931471805599453 + t * -1.904654299957768e-9;
  const x = u + v;
  const w = v - (x - u);
  const x2 = x * x;
  const c =
    x -
    x2 *
      (0.16666666666666602 +
        x2 *
          (-0.0027777777777015593 +
            x2 * (0.00006613756321437934 + x2 * (-0.0000016533902205465252 + x2 * 4.1381367970572385e-8))));
  const r = (x * c) / (c - 2) - (w + x * w);
  return scale(1 - (r - x), n);
}

const logParts = new Float64Array(2);

/** `x` to the power `y` (fdlibm e_pow.c); for a negative `x`, NaN unless `y` is an integer. */
export function pow(x: number, y: number): number {
  if (y === 0) return 1;
  if (y === 1) return x;
  if (y === 2) return x * x;
  if (y === 0.5 && x >= 0) return Math.sqrt(x);
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  const isInteger = Math.floor(y) === y;
  const negate = x < 0 && isInteger && Math.abs(y) < TWO_53 && y % 2 !== 0;
  const ax = Math.abs(x);
  if (ax === 0 || ax === Number.POSITIVE_INFINITY || Math.abs(y) === Number.POSITIVE_INFINITY) {
    if (ax === 1) return Number.NaN;
    const magnitude = ax > 1 === y > 0 ? Number.POSITIVE_INFINITY : 0;
    return negate ? -magnitude : magnitude;
  }
  if (x < 0 && !isInteger) return Number.NaN;
  if (ax === 1) return negate ? -1 : 1;
  log2HeadAndTail(ax, logParts);
  const head = logParts[0]!;
  const yHigh = highPart(y);
  const low = (y - yHigh) * head + y * logParts[1]!;
  const magnitude = exp2OfSum(yHigh * head, low);
  return negate ? -magnitude : magnitude;
}

function sinKernel(x: number, tail: number): number {
  const z = x * x;
  const v = z * x;
  const r =
    0.00833333333332249 +
    z *
      (-0.0001984126982985795 +
        z * (0.0000027557313707070068 + z * (-2.5050760253406863e-8 + z * 1.58969099521155e-10)));
  return x - (z * (0.5 * tail - v * r) - tail - v * -0.16666666666666632);
}

function cosKernel(x: number, tail: number): number {
  const z = x * x;
  const r =
    z *
    (0.0416666666666666 +
      z *
        (-0.001388888888887411 +
          z *
            (0.00002480158728947673 +
              z * (-2.7557314351390663e-7 + z * (2.087572321298175e-9 + z * -1.1359647557788195e-11)))));
  const half = 0.5 * z;
  const w = 1 - half;
  return w + (1 - w - half + (z * r - x * tail));
}

/** sin(x + turns * pi/2), with x brought into [-pi/4, pi/4] by a pi/2 of three parts (fdlibm e_rem_pio2.c). */
function quarterTurns(x: number, turns: number): number {
  if (!(Math.abs(x) <= 500_000)) {
    if (x - x !== 0) return Number.NaN;
    throw new RangeError(`sin and cos take arguments up to 500000 in size, found ${x}`);
  }
  const n = Math.floor(x * 0.6366197723675814 + 0.5);
  let r = x - n * 1.5707963267341256;
  let w = n * 6.077100506506192e-11;
  const first = r;
  // A second part whose product is exact, for arguments close to a multiple of pi/2.
  w = n * 6.077100506303966e-11;
  r = first - w;
  w = n * 2.0222662487959506e-21 - (first - r - w);
  const head = r - w;
  const tail = r - head - w;
  const quadrant = (((n + turns) % 4) + 4) % 4;
  if (quadrant === 0) return sinKernel(head, tail);
  if (quadrant === 1) return cosKernel(head, tail);
  return quadrant === 2 ? -sinKernel(head, tail) : -cosKernel(head, tail);
}

/** Sine of an angle in radians, up to 500,000 in size. @throws RangeError beyond. */
export function sin(x: number): number {
  return x === 0 ? x : quarterTurns(x, 0);
}

/** Cosine of an angle in radians, up to 500,000 in size. @throws RangeError beyond. */
export function cos(x: number): number {
  return quarterTurns(x, 1);
}

/** Base-2 logarithm: the natural one over ln 2, exact at powers of two. */
export function log2(x: number): number {
  if (x > 0 && x < Number.POSITIVE_INFINITY) {
    log2HeadAndTail(x, logParts);
    return logParts[0]! + logParts[1]!;
  }
  return log(x);
}
