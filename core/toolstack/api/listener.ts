/** Where the API is reached: a unix socket, and 127.0.0.1 when asked. Consoles are attached by an upgraded connection. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { XendError } from "../xend/errors.ts";
import { checkSocketPath } from "../xend/paths.ts";
import { serveAttachment } from "./attachment.ts";
import { errorReply } from "./errors.ts";
import { apiApp, type ApiHost } from "./server.ts";
import { tcpGuard } from "./token.ts";

const SOCKET_MODE = 0o600;

/** Refuses a request before anything of it is looked at. @throws XendError unauthorized */
export type Guard = (request: Pick<IncomingMessage, "headers" | "method" | "url">) => void;

export interface Listener {
  /** Of TCP: host:port. */
  readonly address?: string;
  close(): Promise<void>;
}

interface ApiServer {
  readonly server: Server;
  /** Ends it and every connection. */
  close(): Promise<void>;
}

function makeServer(host: ApiHost, guard: Guard): ApiServer {
  const upgraded = new Set<Socket>();
  const app = apiApp(host);
  const onInternal = (error: unknown) =>
    host.xend.log.error(`API: ${error instanceof Error ? error.stack : error}`);
  const listen = getRequestListener((request) => app.fetch(request), { overrideGlobalObjects: false });
  const server = createServer((request, response) => {
    try {
      guard(request);
    } catch (error) {
      const { status, body } = errorReply(error, onInternal);
      response.writeHead(status, { "content-type": "application/json", connection: "close" });
      response.end(JSON.stringify(body));
      return;
    }
    listen(request, response).catch(onInternal);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Uint8Array) => {
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    try {
      guard(request);
      serveAttachment(host.xend, request, socket, head);
    } catch (error) {
      const { status, body } = errorReply(error, onInternal);
      const text = JSON.stringify(body);
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${
          new TextEncoder().encode(text).length
        }\r\n\r\n${text}`,
      );
    }
  });
  server.on("clientError", (_error: Error, socket: Socket) => socket.destroy());
  return {
    server,
    close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      // The server does not count those among its own.
      for (const socket of upgraded) socket.destroy();
      return promise;
    },
  };
}

/** @param port 0: one that is free. Nothing outside this machine reaches it */
export async function listenOnTcp(host: ApiHost, port: number, token: string): Promise<Required<Listener>> {
  let guard: Guard = () => {
    throw new XendError("busy", "xend starts");
  };
  const { server, close } = makeServer(host, (request) => guard(request));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on("error", reject);
  server.listen(port, "127.0.0.1", () => resolve());
  await promise;
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the TCP listener has no address");
  guard = tcpGuard(token, bound.port);
  return { address: `127.0.0.1:${bound.port}`, close };
}

/** The caller holds xend's lock: a socket that lies there already is a dead xend's. */
export async function listenOnSocket(host: ApiHost, path: string): Promise<Listener> {
  checkSocketPath(path);
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const { server, close } = makeServer(host, () => {});
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on("error", reject);
  server.listen(path, () => resolve());
  await promise;
  Deno.chmodSync(path, SOCKET_MODE);
  return {
    async close() {
      await close();
      try {
        Deno.removeSync(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}
