/** gdb's port: the domain stops at once when asked to, one gdb at a time, a kill destroys, a lost connection lets the domain go on. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { frame } from "./packets.ts";
import { GdbServer } from "./server.ts";
import { soon, withEcho } from "./testing.ts";

async function connect(address: string): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port: Number(address.split(":")[1]) });
}

async function ask(connection: Deno.TcpConn, packet: string): Promise<string> {
  await connection.write(new TextEncoder().encode(frame(packet)));
  const buffer = new Uint8Array(65536);
  let text = "";
  while (!/#..$/.test(text)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return text;
}

Deno.test("a port that stops the domain at once, for one gdb at a time; a lost gdb, and a kill", () =>
  withEcho(async ({ host, domain, real, output }) => {
    let isKilled = false;
    await using server = await GdbServer.listen({
      domain: real,
      pause: true,
      kill: async () => {
        isKilled = true;
        await domain.destroy();
      },
    });
    assert.match(server.address, /^127\.0\.0\.1:\d+$/);
    domain.unpause();
    await sleep(200);
    assert.equal(output(), "", "stopped before its first instruction");
    const first = await connect(server.address);
    assert.match(await ask(first, "?"), /^\+\$T05thread:1;#/);
    const second = await connect(server.address);
    assert.equal(await second.read(new Uint8Array(1)), null, "the second is turned away");
    second.close();
    first.close();
    await soon(() => output() !== "");
    assert.notEqual(output(), "", "without gdb it goes on");
    const third = await connect(server.address);
    assert.match(await ask(third, "g"), /^\+\$[0-9a-f]{1000,}#/);
    await third.write(new TextEncoder().encode(frame("k")));
    await soon(() => isKilled);
    assert.ok(isKilled);
    third.close();
    assert.equal(host.host.internalErrors, 0);
  }));
