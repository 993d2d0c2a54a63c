/**
 * HTTP over xend's socket for whole replies and upgrades, each on a connection of its own. Deno's fetch brings a pool and TLS along, 10 of the 60 ms that
 * `list` may take; it serves replies that are streams.
 *
 *     const { status, text } = await exchange(connection, { method: "GET", path: "/api/v1/domains" });
 */

/** How a connection ends that was closed at this end, or whose other end is gone. */
export function isDisconnection(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

export interface UnixRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array };
}

export interface UnixReply {
  readonly status: number;
  readonly text: string;
}

interface Head {
  readonly status: number;
  /** The lines of the head. */
  readonly head: string;
  /** What has been read of what follows. */
  readonly rest: Uint8Array;
}

/** The other end went away before its reply was whole. */
export class ReplyCut extends Error {
  override readonly name = "ReplyCut";
}

export async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
}

const READ_BYTES = 65536;

/** @throws ReplyCut when the connection ends within it */
async function readHead(connection: Deno.Conn): Promise<Head> {
  // A byte a character: places in it are places in the bytes.
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(READ_BYTES);
  for (let text = "";;) {
    const count = await connection.read(buffer);
    if (count === null) throw new ReplyCut("the connection ended before a reply");
    const before = text.length;
    text += decoder.decode(buffer.subarray(0, count));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
    return { status, head: text.slice(0, end), rest: buffer.subarray(end + 4 - before, count) };
  }
}

/** The body behind a head as text, which ends with the connection. @throws ReplyCut when that is too early */
async function readText(connection: Deno.Conn, { head, rest }: Head): Promise<string> {
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  const wanted = length === undefined ? Infinity : Number(length);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(READ_BYTES);
  let text = decoder.decode(rest, { stream: true });
  let have = rest.length;
  while (have < wanted) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
    have += count;
  }
  if (wanted !== Infinity && have < wanted) {
    throw new ReplyCut(`the reply ended after ${have} of ${wanted} bytes`);
  }
  return text + decoder.decode();
}

/**
 * Sends a request as HTTP/1.0, whose replies come in one piece, and closes the connection.
 * @throws ReplyCut, or what `isDisconnection` knows, when xend went away meanwhile
 */
export async function exchange(
  connection: Deno.Conn,
  { method, path, body }: UnixRequest,
): Promise<UnixReply> {
  try {
    const about = body === undefined
      ? ""
      : `Content-Type: ${body.type}\r\nContent-Length: ${body.bytes.length}\r\n`;
    const request = new TextEncoder().encode(`${method} ${path} HTTP/1.0\r\nHost: xend\r\n${about}\r\n`);
    await writeAll(connection, request);
    if (body !== undefined) await writeAll(connection, body.bytes);
    const head = await readHead(connection);
    return { status: head.status, text: await readText(connection, head) };
  } finally {
    connection.close();
  }
}

export type Upgrade =
  /** The connection speaks the other protocol now. */
  | { readonly isUpgraded: true; readonly head: string; readonly rest: Uint8Array }
  | { readonly isUpgraded: false; readonly reply: UnixReply };

/** Asks for another protocol on this connection, by POST. */
export async function upgrade(connection: Deno.Conn, path: string, protocol: string): Promise<Upgrade> {
  const request =
    `POST ${path} HTTP/1.1\r\nHost: xend\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nContent-Length: 0\r\n\r\n`;
  await writeAll(connection, new TextEncoder().encode(request));
  const head = await readHead(connection);
  if (head.status === 101) return { isUpgraded: true, head: head.head, rest: head.rest };
  return { isUpgraded: false, reply: { status: head.status, text: await readText(connection, head) } };
}

/** What comes on an upgraded connection, until either end closes it. */
export async function* readOutput(
  connection: Deno.Conn,
  first: Uint8Array,
  close: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return;
      yield buffer.slice(0, count);
    }
  } catch (error) {
    if (!isDisconnection(error)) throw error;
  } finally {
    close();
  }
}
