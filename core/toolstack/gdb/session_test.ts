/** The protocol over a domain that runs: each packet's answer, and ten thousand that no gdb would send. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Debugger } from "../../hypervisor/debug/mod.ts";
import { frame, fromHex, PacketReader } from "./packets.ts";
import { GdbSession } from "./session.ts";
import { soon, withEcho } from "./testing.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

async function debugged(
  run: (at: {
    session: GdbSession;
    /** Sends a packet. @returns the last reply */
    ask(packet: string): Promise<string>;
    /** The next reply. */
    reply(): Promise<string>;
    debugging: Debugger;
    send(data: Uint8Array): Promise<void>;
    type(text: string): void;
    output(): string;
    internalErrors(): number;
    /** Replies so far. */
    answers(): number;
  }) => Promise<void>,
): Promise<void> {
  await withEcho(async ({ host, domain, real, output }) => {
    domain.unpause();
    await soon(() => output() !== "");
    await using debugging = Debugger.attach(real);
    assert.throws(() => Debugger.attach(real), /debugger already/);
    await debugging.stop();
    const reader = new PacketReader();
    const replies: string[] = [];
    let answers = 0;
    const session = new GdbSession({
      debugger: debugging,
      send: (data) => {
        for (const item of reader.take(data)) {
          if (item.kind !== "packet") continue;
          replies.push(item.data);
          answers++;
        }
      },
      kill: () => {},
    });
    const reply = async () => {
      await soon(() => replies.length > 0);
      const next = replies.shift();
      assert.ok(next !== undefined, "no reply");
      return next;
    };
    await run({
      session,
      debugging,
      reply,
      send: (data) => session.receive(data),
      ask: async (packet) => {
        replies.length = 0;
        await session.receive(bytes(frame(packet)));
        return await reply();
      },
      type: (text) => domain.consoleInput(new TextEncoder().encode(text)),
      output,
      answers: () => answers,
      internalErrors: () => host.host.internalErrors,
    });
  });
}

const hex64 = (value: bigint) => {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, value, true);
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

Deno.test("packets and their answers on a guest that echoes", async () => {
  await debugged(async ({ ask, send, reply, debugging, type, output }) => {
    assert.match(await ask("qSupported:swbreak+"), /PacketSize=4000;QStartNoAckMode\+;qXfer:features:read\+/);
    assert.equal(await ask("?"), "T05thread:1;");
    assert.equal(await ask("qfThreadInfo"), "m1");
    assert.equal(await ask("qsThreadInfo"), "l");
    assert.equal(await ask("Hg1"), "OK");
    assert.equal(await ask("Hg7"), "E16");
    const xml = await ask("qXfer:features:read:target.xml:0,3fff");
    for (const { name, size } of debugging.registers) {
      assert.ok(xml.includes(`<reg name="${name}" bitsize="${size * 8}"`), name);
    }
    // Registers: all at once and one by one are the same; what is written is read.
    const all = await ask("g");
    assert.equal(all.length, 2 * debugging.registers.reduce((sum, { size }) => sum + size, 0));
    const each: string[] = [];
    for (let i = 0; i < debugging.registers.length; i++) each.push(await ask(`p${i.toString(16)}`));
    assert.equal(each.join(""), all);
    assert.equal(await ask(`P1=${hex64(0x1122334455667788n)}`), "OK");
    assert.equal(await ask("p1"), "8877665544332211");
    assert.equal(await ask(`P10=${hex64(0x8000000000000000n)}`), "E0e", "rip must be canonical");
    assert.equal(await ask("G" + all), "OK");
    assert.equal(await ask("g"), all);
    // Memory at rip, in each way; a write is undone.
    const rip = BigInt(
      `0x${[...(fromHex(each[16]) ?? [])].reverse().map((b) => b.toString(16).padStart(2, "0")).join("")}`,
    );
    const at = rip.toString(16);
    const code = await ask(`m${at},8`);
    assert.equal(code.length, 16);
    assert.equal(await ask(`M${at},2:9090`), "OK");
    assert.equal(await ask(`m${at},2`), "9090");
    assert.equal(await ask(`X${at},2:${String.fromCharCode(...(fromHex(code.slice(0, 4)) ?? []))}`), "OK");
    assert.equal(await ask(`m${at},8`), code);
    assert.equal(await ask("m0,8"), "E0e");
    assert.equal(await ask("M0,1:00"), "E0e");
    // A breakpoint where it wakes up: the guest's memory has nothing of it.
    assert.equal(await ask(`Z0,${at},1`), "OK");
    assert.equal(await ask(`m${at},8`), code);
    assert.equal(await ask(`Z2,${at},1`), "", "watchpoints are left to gdb");
    assert.equal(await ask("vCont?"), "vCont;c;C;s;S");
    assert.match(await ask("vCont;c"), /^T05thread:1;swbreak:;$/);
    assert.equal(await ask(`z0,${at},1`), "OK");
    const before = await ask("p10");
    assert.match(await ask("vCont;s:1"), /^T05thread:1;$/);
    assert.notEqual(await ask("p10"), before);
    // It runs, echoes, and is interrupted.
    await send(bytes(frame("c")));
    type("hello\n");
    await soon(() => output().includes("hello"));
    assert.match(output(), /hello/);
    await send(Uint8Array.of(3));
    assert.match(await reply(), /^T02thread:1;$/);
    assert.equal(await ask("D"), "OK");
  });
});

/** mulberry32 */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

Deno.test("10,000 packets at random: an answer or none, never an error of ours; the domain lives", async () => {
  await debugged(async ({ session, send, debugging, answers, internalErrors }) => {
    const next = random(20261121);
    const pick = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)];
    const heads =
      "? g G p P m M x X Z0 Z1 Z2 z0 z1 s S05 vCont vCont;s vCont;s:1 vCont? vRun H Hg Hc T q qC qXfer qXfer:features:read:target.xml:0 qSupported qThreadExtraInfo qRcmd Q ! B i R t"
        .split(" ");
    const pieces = [
      ",",
      ":",
      ";",
      "=",
      "-1",
      "0",
      "1",
      "ffffffff80000000",
      "ffffffffffffffff",
      "7fffffffffffffff",
      "4",
      "ffff",
      "xx",
      "}",
      "*",
      "\xff",
      "read",
      "s",
      "S05",
      "1000000000000000000000",
    ];
    for (let i = 0; i < 10_000; i++) {
      let packet = pick(heads);
      for (let n = Math.floor(next() * 7); n > 0; n--) packet += pick(pieces);
      // What resumes all vCPUs leaves the session waiting; steps come back.
      const data = next() < 0.05 ? `$${packet}#zz` : frame(packet);
      await send(bytes(data));
      for (let wait = 0; session.isRunning && wait < 8; wait++) await sleep(1);
      if (session.isRunning) await send(Uint8Array.of(3));
      assert.ok(!session.isRunning, packet);
      assert.equal(session.isOver, false, packet);
    }
    assert.ok(answers() > 9000, `${answers()} answers`);
    assert.equal(internalErrors(), 0);
    assert.ok(debugging.isStopped);
  });
});
