import assert from "node:assert/strict";
import { join } from "node:path";
import { exchange, ReplyCut, type UnixRequest, upgrade } from "./unix_http.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Connects to a server that reads a request's head and then says `pieces`, one write each. @returns the request too */
async function against<T>(
  pieces: readonly string[],
  ask: (connection: Deno.UnixConn) => Promise<T>,
): Promise<{ result: T; request: string }> {
  const folder = await Deno.makeTempDir({ prefix: "unix-http-" });
  const path = join(folder, "sock");
  const listener = Deno.listen({ transport: "unix", path });
  let request = "";
  const served = (async () => {
    const connection = await listener.accept();
    const buffer = new Uint8Array(4096);
    while (!request.includes("\r\n\r\n")) {
      const count = await connection.read(buffer);
      if (count === null) break;
      request += new TextDecoder().decode(buffer.subarray(0, count));
    }
    for (const piece of pieces) {
      await connection.write(encode(piece));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    connection.close();
  })();
  try {
    const result = await ask(await Deno.connect({ transport: "unix", path }));
    return { result, request };
  } finally {
    await served;
    listener.close();
    await Deno.remove(folder, { recursive: true });
  }
}

const GET: UnixRequest = { method: "GET", path: "/x" };

Deno.test("a reply in any pieces, with a length or until the end", async () => {
  const whole = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 7\r\n\r\ngrüße";
  for (const at of [1, 16, whole.length - 9, whole.length - 5, whole.length - 1]) {
    const { result, request } = await against(
      [whole.slice(0, at), whole.slice(at)],
      (connection) => exchange(connection, GET),
    );
    assert.deepEqual(result, { status: 200, text: "grüße" });
    assert.equal(request, "GET /x HTTP/1.0\r\nHost: xend\r\n\r\n");
  }
  const { result } = await against(
    ["HTTP/1.1 404 Not Found\r\n\r\n", "no ", "such"],
    (connection) => exchange(connection, GET),
  );
  assert.deepEqual(result, { status: 404, text: "no such" });
});

Deno.test("a body is sent with its type and length", async () => {
  const body = { type: "application/json", bytes: encode('{"é":1}') };
  const { request } = await against(
    ["HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"],
    (connection) => exchange(connection, { method: "POST", path: "/y", body }),
  );
  assert.equal(
    request,
    'POST /y HTTP/1.0\r\nHost: xend\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"é":1}',
  );
});

Deno.test("a reply that is cut is none", async () => {
  for (
    const pieces of [[], ["HTTP/1.1 200 OK\r\nContent-"], [
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    ]]
  ) {
    await against(pieces, async (connection) => {
      await assert.rejects(exchange(connection, GET), ReplyCut);
    });
  }
});

Deno.test("an upgrade, with what came behind its head, and a refusal of one", async () => {
  const asked = (connection: Deno.UnixConn) => upgrade(connection, "/console", "xen-console");
  const { result } = await against(
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: xen-console\r\n\r\nfirst"],
    async (connection) => {
      const answer = await asked(connection);
      connection.close();
      return answer;
    },
  );
  assert.ok(result.isUpgraded);
  assert.equal(new TextDecoder().decode(result.rest), "first");
  const refused = await against(
    ['HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n{"code":"x"}'],
    async (connection) => {
      const answer = await asked(connection);
      connection.close();
      return answer;
    },
  );
  assert.deepEqual(refused.result, { isUpgraded: false, reply: { status: 404, text: '{"code":"x"}' } });
});
