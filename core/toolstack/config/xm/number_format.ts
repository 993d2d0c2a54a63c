/** Numbers as C's printf and Python's format write them. */
import { floatText } from "./text.ts";

export interface NumberStyle {
  /** d, x, X, o, b; e, E, f, F, g, G. */
  readonly type: string;
  readonly precision?: number;
  /** # */
  readonly alternate: boolean;
  /** "-", "+" or " ". */
  readonly sign: string;
}

const RADIX: Readonly<Record<string, number>> = { x: 16, X: 16, o: 8, b: 2 };

/** Sign and digits apart, so that zeros can go between. */
export interface SignedText {
  readonly sign: string;
  readonly digits: string;
}

function signed(negative: boolean, style: NumberStyle, digits: string): SignedText {
  return { sign: negative ? "-" : style.sign === "-" ? "" : style.sign, digits };
}

export function formatInteger(value: bigint, style: NumberStyle): SignedText {
  const magnitude = value < 0n ? -value : value;
  const lower = magnitude.toString(RADIX[style.type] ?? 10).padStart(style.precision ?? 0, "0");
  const digits = style.type === "X" ? lower.toUpperCase() : lower;
  const prefix = style.alternate && style.type !== "d" ? `0${style.type}` : "";
  const { sign } = signed(value < 0n, style, digits);
  return { sign: sign + prefix, digits };
}

function exponential(value: number, precision: number): string {
  const [mantissa, exponent] = value.toExponential(Math.min(precision, 100)).split("e");
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/** toFixed() turns to exponents at 1e21; a large float is an exact integer. */
function fixed(value: number, precision: number): string {
  if (value < 1e21) return value.toFixed(Math.min(precision, 100));
  return BigInt(value).toString() + (precision > 0 ? `.${"0".repeat(Math.min(precision, 100))}` : "");
}

function general(value: number, precision: number, alternate: boolean): string {
  const significant = Math.max(1, Math.min(precision, 100));
  const exponent = value === 0 ? 0 : Number(value.toExponential(significant - 1).split("e")[1]);
  if (exponent < -4 || exponent >= significant) {
    const text = exponential(value, significant - 1);
    if (alternate) return text;
    const [mantissa, power] = text.split("e");
    return `${mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa}e${power}`;
  }
  const text = fixed(value, Math.max(0, significant - 1 - exponent));
  return alternate || !text.includes(".") ? text : text.replace(/\.?0+$/, "");
}

export function formatFloat(value: number, style: NumberStyle): SignedText {
  const negative = value < 0 || Object.is(value, -0);
  const magnitude = Math.abs(value);
  const precision = style.precision ?? 6;
  let digits: string;
  if (!Number.isFinite(value)) digits = Number.isNaN(value) ? "nan" : "inf";
  else {
    switch (style.type.toLowerCase()) {
      case "e":
        digits = exponential(magnitude, precision);
        break;
      case "f":
        digits = fixed(magnitude, precision);
        break;
      case "g":
        digits = general(magnitude, precision, style.alternate);
        break;
      default:
        digits = floatText(magnitude);
    }
  }
  if (/[EFG]/.test(style.type)) digits = digits.toUpperCase();
  return signed(negative && !Number.isNaN(value), style, digits);
}
