/** What Debian's xenstore tools print (tools/xs-clients/xenstore_client.c). */

const WIDTH = 80;
const PERMISSION_COLUMN = 60;
const TAG_LENGTH = ' = "..."'.length;

const encode = (text: string) => new TextEncoder().encode(text);

/** Bytes that are no printable ASCII as escapes: \n, \r, \t, \\, \001, \xff. */
export function sanitise(value: string): string {
  let out = "";
  for (const byte of encode(value)) {
    const character = String.fromCharCode(byte);
    if (byte >= 0x20 && byte <= 0x7e && character !== "\\") out += character;
    else if (character === "\t") out += "\\t";
    else if (character === "\n") out += "\\n";
    else if (character === "\r") out += "\\r";
    else if (character === "\\") out += "\\\\";
    else if (byte < 8) out += `\\${byte.toString(8).padStart(3, "0")}`;
    else out += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return out;
}

/** The inverse. Bytes that are no UTF-8 become U+FFFD: the API carries text. */
export function unsanitise(text: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const escape = /^\\(?:([tnr\\])|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([^]?))/.exec(rest);
    if (escape === null) {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      bytes.push(...encode(character));
      at += character.length;
      continue;
    }
    const [whole, plain, hex, octal, other] = escape;
    if (plain !== undefined) bytes.push({ t: 9, n: 10, r: 13, "\\": 92 }[plain] ?? 0);
    else if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(parseInt(octal, 8) & 0xff);
    else bytes.push(...encode(other));
    at += whole.length;
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

export interface TreeNode {
  readonly path: string;
  readonly name: string;
  /** Of levels below where the listing starts. */
  readonly depth: number;
  readonly value: string;
  readonly permissions?: readonly string[];
}

export interface TreeOptions {
  readonly full: boolean;
  /** Characters a line has, unless `full`: of a terminal, otherwise 80. */
  readonly width?: number;
}

/** A line of `xenstore-ls`. */
export function treeLine(node: TreeNode, { full, width = WIDTH }: TreeOptions): string {
  const { path, name, depth, value, permissions } = node;
  const most = full ? Infinity : width;
  const label = full ? path : " ".repeat(depth) + name.slice(0, Math.max(0, most - TAG_LENGTH - depth));
  // The whole path counts as nothing there.
  let taken = full ? 0 : label.length;
  const length = encode(value).length;
  let line: string;
  if (most < taken + length + TAG_LENGTH) {
    line = `${label} = "${sanitise(value).slice(0, Math.max(0, most - TAG_LENGTH - taken))}\\..."`;
  } else {
    const text = ` = "${sanitise(value)}"`;
    taken += text.length;
    line = label + text;
    if (permissions !== undefined) {
      line += " ";
      for (taken++; taken < Math.min(full ? 0 : PERMISSION_COLUMN, most); taken++) {
        line += taken & 1 ? "." : " ";
      }
    }
  }
  return `${line}${permissions === undefined ? "" : `  (${permissions.join(",")})`}\n`;
}
