import type { Span } from "../source.ts";
import { syntaxFault, unsupported } from "./fault.ts";

const SIMPLE: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The value of a string literal's inside, by Python's escapes; an unknown escape stays as it is written. */
export function stringValue(raw: string, span: Span): string {
  if (!raw.includes("\\")) return raw;
  return raw.replace(
    /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g,
    (all, octal?: string, hex?: string, short?: string, long?: string, other?: string) => {
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
      const digits = hex ?? short ?? long;
      if (digits !== undefined) {
        const code = parseInt(digits, 16);
        if (code > 0x10ffff) throw syntaxFault(span, `${all} is beyond the last character`);
        return String.fromCodePoint(code);
      }
      if (other === undefined) return all;
      if (other === "x" || other === "u" || other === "U") {
        throw syntaxFault(
          span,
          `\\${other} needs ${other === "x" ? 2 : other === "u" ? 4 : 8} hexadecimal digits`,
        );
      }
      if (other === "N") throw unsupported(span, "a character by its name (\\N)");
      return SIMPLE[other] ?? all;
    },
  );
}
