/** Who may use the API over TCP: whoever can read the token's file. No page in a browser can, whatever it makes the browser send. */
import { timingSafeEqual } from "node:crypto";
import { XendError } from "../xend/errors.ts";
import type { Guard } from "./listener.ts";

/** Makes a new token and writes it to a file that only its owner may read. */
export function writeToken(path: string): string {
  const token = crypto.getRandomValues(new Uint8Array(32)).toHex();
  const temporary = `${path}.new`;
  const file = Deno.openSync(temporary, { write: true, create: true, truncate: true, mode: 0o600 });
  try {
    // It may have lain there with other permissions.
    Deno.chmodSync(temporary, 0o600);
    file.writeSync(new TextEncoder().encode(`${token}\n`));
  } finally {
    file.close();
  }
  Deno.renameSync(temporary, path);
  return token;
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => new TextEncoder().encode(text));
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `Bearer TOKEN`, or `Basic` with the token as the password, for old clients that know nothing else. */
function tokenOf(header: string | undefined): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+)$/i.exec(header ?? "") ?? [];
  if (scheme === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  try {
    return atob(value).split(":").slice(1).join(":");
  } catch (error) {
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}

/**
 * Refuses what comes from a web page before the token is looked at: a name that somebody made resolve to this address (DNS rebinding)
 * stands in Host, a page of another site in Origin or Sec-Fetch-Site.
 */
export function tcpGuard(token: string, port: number): Guard {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const origins = hosts.map((host) => `http://${host}`);
  const refuse = (words: string) => new XendError("unauthorized", words);
  return ({ headers }) => {
    if (!hosts.includes(headers.host ?? "")) {
      throw refuse(`the API is reached as http://${hosts[0]}, not as ${JSON.stringify(headers.host ?? "")}`);
    }
    if (headers.origin !== undefined && !origins.includes(headers.origin)) {
      throw refuse("requests of web pages of other sites are refused");
    }
    const site = headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin" && site !== "none") {
      throw refuse("requests of web pages of other sites are refused");
    }
    const given = tokenOf(headers.authorization);
    if (given === undefined || !sameText(given, token)) {
      throw refuse(
        'the API over TCP needs the header "Authorization: Bearer TOKEN"; xend status --json names the token\'s file',
      );
    }
  };
}
