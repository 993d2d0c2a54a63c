/** S-expressions as xend wrote and read them. */

export type Sxp = string | number | boolean | undefined | readonly Sxp[];

const PLAIN = /^[^\s()"'\\]+$/;

function atom(value: string | number | boolean | undefined): string {
  if (value === undefined) return "None";
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "number") return String(value);
  if (PLAIN.test(value)) return value;
  const escaped = value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll(
    "\t",
    "\\t",
  );
  return `"${escaped}"`;
}

export function formatSxp(value: Sxp): string {
  return isList(value) ? `(${value.map(formatSxp).join(" ")})` : atom(value);
}

function isList(value: Sxp): value is readonly Sxp[] {
  return Array.isArray(value);
}

export type ParsedSxp = string | ParsedSxp[];

export class SxpError extends Error {
  override readonly name = "SxpError";
}

const TOKEN = /\s*(?:(\()|(\))|"((?:[^"\\]|\\[^])*)"|'((?:[^'\\]|\\[^])*)'|([^\s()"']+))/y;
const DEPTH_LIMIT = 50;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Reads one expression. @throws SxpError */
export function parseSxp(text: string): ParsedSxp {
  const stack: ParsedSxp[][] = [];
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) {
      throw new SxpError(`an S-expression ends too early or has a stray quote at offset ${at}`);
    }
    at = TOKEN.lastIndex;
    const [, open, close, double, single, word] = match;
    let done: ParsedSxp;
    if (open !== undefined) {
      if (stack.length >= DEPTH_LIMIT) throw new SxpError("an S-expression is nested too deeply");
      stack.push([]);
      continue;
    } else if (close !== undefined) {
      const list = stack.pop();
      if (list === undefined) throw new SxpError(") without ( in an S-expression");
      done = list;
    } else {
      const quoted = double ?? single;
      done = word ?? quoted.replace(/\\([^])/g, (_, character: string) => ESCAPES[character] ?? character);
    }
    const around = stack.at(-1);
    if (around !== undefined) around.push(done);
    else if (text.slice(at).trim() !== "") throw new SxpError("there is more after an S-expression");
    else return done;
  }
}

/** The rest of the first list `(NAME ...)` among the members of a list. */
export function child(list: ParsedSxp | undefined, name: string): ParsedSxp[] | undefined {
  return children(list, name)[0];
}

export function children(list: ParsedSxp | undefined, name: string): ParsedSxp[][] {
  if (!Array.isArray(list)) return [];
  return list.filter((item): item is ParsedSxp[] => Array.isArray(item) && item[0] === name)
    .map((item) => item.slice(1));
}

/** The value of `(NAME VALUE)`. */
export function text(list: ParsedSxp | undefined, name: string): string | undefined {
  const value = child(list, name)?.[0];
  return typeof value === "string" ? value : undefined;
}
