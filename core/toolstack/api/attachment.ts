/** A console attached over an upgraded connection: raw bytes both ways. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { XendError } from "../xend/errors.ts";
import type { Xend } from "../xend/xend.ts";

const PATH = /^\/api\/v1\/domains\/([^/?]+)\/console\/attach(?:\?(.*))?$/;
/** So much input may wait for the guest before more is read from the client. */
const BACKLOG_LIMIT = 64 * 1024;
const BACKLOG_POLL_MS = 20;

/** @throws XendError for a request that asks for anything else or for no domain */
export function serveAttachment(
  xend: Xend,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): void {
  // Clients that know their server by a proxy send the whole URL.
  const target = (request.url ?? "").replace(/^http:\/\/[^/]*/, "");
  const match = PATH.exec(target);
  if (
    match === null || request.headers.upgrade?.toLowerCase() !== "xen-console" || request.method !== "POST"
  ) {
    throw new XendError(
      "bad-request",
      "only POST /api/v1/domains/X/console/attach is upgraded, to xen-console",
    );
  }
  let id: string;
  try {
    id = decodeURIComponent(match[1]);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new XendError("bad-request", "the domain's name is not URL-encoded");
  }
  const ended = xend.recentlyEnded(id);
  const entry = ended?.entry ?? xend.find(id);
  if (ended === undefined) void entry.existing;
  const output = entry.console.follow(new URLSearchParams(match[2]).get("history") !== "0");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const input = (bytes: Uint8Array) => {
    // Between two lives of the domain there is nobody to type to.
    entry.incarnation?.domain.consoleInput(bytes);
    if (timer === undefined && backlog() > BACKLOG_LIMIT) {
      socket.pause();
      timer = setTimeout(poll, BACKLOG_POLL_MS);
    }
  };
  const backlog = () => entry.incarnation?.domain.consoleBacklog ?? 0;
  const poll = () => {
    timer = undefined;
    if (backlog() > BACKLOG_LIMIT) timer = setTimeout(poll, BACKLOG_POLL_MS);
    else socket.resume();
  };
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on("close", () => {
    clearTimeout(timer);
    output.close();
    resolve();
  });
  socket.on("end", () => socket.end());
  socket.on("data", input);
  // A preserved domain has ended as well; one that starts again goes on writing.
  const reason = ended?.reason ?? (entry.console.hasEnded ? entry.incarnation?.end?.reason : undefined);
  const endedHeader = reason === undefined ? "" : `Xen-Ended: ${reason}\r\n`;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: xen-console\r\n${endedHeader}\r\n`,
  );
  if (head.length > 0) input(head);
  const send = async () => {
    for await (const bytes of output) {
      if (socket.write(bytes)) continue;
      const drained = new Promise<void>((done) => socket.once("drain", done));
      await Promise.race([drained, closed]);
    }
    socket.end();
  };
  send().catch((error) => {
    xend.log.error(`console of ${entry.name}: ${error instanceof Error ? error.message : error}`);
    socket.destroy();
  });
}
