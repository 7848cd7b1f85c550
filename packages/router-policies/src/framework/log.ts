const bits = (x: number): DataView => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  return view;
};

const LN2_HI = 6.9314718036912381649e-1;
const LN2_LO = 1.90821492927058770002e-10;

/**
 * The natural logarithm of a positive, normal number, with the same bits on every engine (`Math.log` may differ).
 *
 * Source: fdlibm `e_log.c` (Sun Microsystems, 1993): reduction to [√½, √2), then a degree-14 minimax polynomial.
 */
export function log(x: number): number {
  const view = bits(x);
  let high = view.getInt32(0);
  let k = (high >> 20) - 1023;
  high &= 0x000fffff;
  const carry = (high + 0x95f64) & 0x100000;
  view.setInt32(0, high | (carry ^ 0x3ff00000));
  k += carry >> 20;
  const f = view.getFloat64(0) - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const odd =
    z *
    (6.66666666666673513e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const half = 0.5 * f * f;
  return k * LN2_HI - (half - (s * (half + even + odd) + k * LN2_LO) - f);
}
