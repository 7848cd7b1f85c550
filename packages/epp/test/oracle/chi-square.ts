/**
 * Probability of a chi-square statistic at least this large under `degrees` degrees of freedom: the upper regularised
 * incomplete gamma function Q(degrees / 2, statistic / 2). Source: Abramowitz and Stegun 6.5.29 (series) and 6.5.31
 * (continued fraction).
 */
export function chiSquareTail(statistic: number, degrees: number): number {
  const a = degrees / 2;
  const x = statistic / 2;
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  return x < a + 1 ? 1 - scale * seriesOf(a, x) : scale * fractionOf(a, x);
}

function seriesOf(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < 1000 && term > sum * 1e-15; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** By Lentz's method. */
function fractionOf(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < 1000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    value *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return value;
}

/** For halves of whole numbers, which are all that degrees of freedom need. */
function logGamma(half: number): number {
  let value = half % 1 === 0 ? 0 : Math.log(Math.sqrt(Math.PI));
  for (let at = half % 1 === 0 ? 1 : 0.5; at < half; at++) value += Math.log(at);
  return value;
}

/** Whether two samples of counts over the same classes come from one distribution: the probability of a difference as large. */
export function twoSampleProbability(first: readonly number[], second: readonly number[]): number {
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  const [n, m] = [total(first), total(second)];
  let statistic = 0;
  let classes = 0;
  for (const [index, a] of first.entries()) {
    const b = second[index]!;
    if (a + b === 0) continue;
    classes++;
    statistic += (a * Math.sqrt(m / n) - b * Math.sqrt(n / m)) ** 2 / (a + b);
  }
  return classes < 2 ? 1 : chiSquareTail(statistic, classes - 1);
}
