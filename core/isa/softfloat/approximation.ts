/**
 * RCPSS and RSQRTSS. Their results are the processor's own approximations, not defined by the architecture beyond an error of 1.5 * 2^-12; these are
 * those of AMD's Zen cores, found by asking one about every interval: the result depends on the sign, the exponent and the upper 12 fraction
 * bits, has 12 fraction bits, and is a bipartite table: the value at each 16th interval, less a correction for the place among the
 * 16, which depends on the upper four bits only. MXCSR has no say, denormals count as zero and results never are denormal.
 */

/** Result fractions (12 bits) of the 4096 intervals. */
function table(first: number, steps: string, corrections: string): Uint16Array {
  const values = new Uint16Array(4096);
  let start = first;
  for (let group = 0; group < 256; group++) {
    if (group > 0) start -= parseInt(steps[group - 1], 36);
    for (let i = 0; i < 16; i++) {
      values[group * 16 + i] = start - parseInt(corrections[(group >> 4) * 16 + i], 36);
    }
  }
  return values;
}

// First value; steps down from each group of 16 to the next; corrections, 16 for each 16 groups. Base 36.
const RECIPROCAL = table(
  0xffe,
  "wvwuvvuuuutttttussrsrrrrrqqqqqprpppopoooononnnnomnmmmmmlmlllllkm" +
    "kkkkkkjkjkjjjjijijiiiiiihihihhhihghhgghgggggfgggfgfffffffefefefe" +
    "efedeeedeeddeddedddcdddcdcdccdccccccccbccbcbcbbcbbbbbbbbbbababbb" +
    "aabaaaabaaa9aaaa9aa9a9a9a999a99a9999989999899898989889888988888",
  "023579bdfhikmoqs013568abdfgiklnp0134578abdeghjkm01245689acdeghik" +
    "012346789bcdefhi012456789abcefgh0123456789abcdef01234556789abcde" +
    "012234567889abcd0112345567899abc0122344567789aab011233455677899a" +
    "0012233455677889001223345566788900112233455667780011223445566778",
);
const ROOT_EVEN = table(
  0xfff,
  "ggfggffgffffffeffefeeeeeeeeededededddddddcddcdcdcdcccccccbccbcbd" +
    "bbcbbbbbbbbbbabbabababaaabaaaaaaaaaa9aa9a9a9a99a99a9999999998998" +
    "9989898989889889888888888888788887887878787877877778777777777778" +
    "776777767767767676767676676676676666667666666666666656666566656",
  "01234567789abcde01233456789aabcd012234566789abbc0122344567789aab" +
    "001223455677899a011233455667889a00122334456678890011223445566788" +
    "0112233445566778001122334455667700112233344556670112223344556667" +
    "0011122333445566001122233444555600111223334455560001112233344455",
);
const ROOT_ODD = table(
  0x6a0,
  "bbcbabbbbabbababaabaaaaa9aaa9a9aa99a9999999999998998989889889888" +
    "8888888887887878787877877787777777777776777677676767676676676667" +
    "6666666666666656665666565665656556565565565555655555555555555556" +
    "455555455545545545455454545454454544544544454445444444544444444",
  "011233455677899a001223345567789900122334456677880012233445566778" +
    "0011223344556677011122334455666700112223344555660011222334445566" +
    "0001122233344555001112223334445500111222333444550111222333444455" +
    "0001112222333444000111222233344400111122223333440011112222333344",
);

const SIGN = 0x80000000;
const INFINITY = 0x7f800000;
const QUIET = 0x400000;
const DEFAULT_NAN = 0xffc00000;

const interval = (bits: number): number => bits >>> 11 & 0xfff;

/** What RCPSS makes of a single's bit pattern (as a signed 32-bit integer, like the argument). */
export function reciprocal(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  const sign = bits & SIGN;
  if (magnitude > INFINITY) return bits | QUIET;
  const exponent = magnitude >>> 23;
  if (exponent === 0) return sign | INFINITY;
  // Results lie just under 2^(127 - exponent); those that would be denormal are zero.
  const result = 253 - exponent;
  if (result <= 0) return sign;
  return sign | result << 23 | RECIPROCAL[interval(bits)] << 11;
}

/** What RSQRTSS makes of a single's bit pattern. */
export function reciprocalSquareRoot(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  if (magnitude > INFINITY) return bits | QUIET;
  const exponent = magnitude >>> 23;
  if (exponent === 0) return bits & SIGN | INFINITY;
  if (bits < 0) return DEFAULT_NAN | 0;
  if (exponent === 255) return 0;
  const odd = exponent + 1 & 1;
  const result = 126 - ((exponent - 127 - odd) >> 1);
  return result << 23 | (odd ? ROOT_ODD : ROOT_EVEN)[interval(bits)] << 11;
}
