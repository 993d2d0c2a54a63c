import assert from "node:assert/strict";
import { type AddressSpace, guardedMemory } from "./guarded_memory.ts";
import { mappings } from "./testing/mappings.ts";

const RESERVATION = 2 ** 32;
const linux = Deno.build.os === "linux";

const addressOf = ({ buffer }: WebAssembly.Memory) =>
  Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)));

Deno.test({
  name: "behind a memory's pages nothing can be accessed for 4 GiB and the guard",
  ignore: !linux,
  fn() {
    const memories = Array.from({ length: 20 }, (_, i) => guardedMemory(16 + i));
    const all = mappings("self");
    for (const memory of memories) {
      new Uint8Array(memory.buffer)[memory.buffer.byteLength - 1] = 1;
      const start = Number(addressOf(memory));
      const [from, to] = [start + memory.buffer.byteLength, start + RESERVATION + 0xffff];
      const covering = all.filter((mapping) => mapping.from <= to && mapping.to > from);
      assert.deepEqual([...new Set(covering.map(({ may }) => may))], ["---p"], start.toString(16));
      assert.ok(covering[0].from <= from && covering.at(-1)!.to > to, "a hole among them");
    }
  },
});

/** An address space in which V8's next memories lie where a test says, with something behind them or not. */
function fakeSpace(places: { at: bigint; behind: boolean }[]) {
  const guards: string[] = [];
  let place = { at: 0n, behind: false };
  const space: AddressSpace = {
    map(_bytes, at) {
      if (at === undefined) {
        place = places.shift()!;
        return 0x7000_0000_0000n;
      }
      if (place.behind) return undefined;
      guards.push(`guard ${at.toString(16)}`);
      return at;
    },
    unmap: (address, bytes) => void guards.push(`unmap ${address.toString(16)} ${bytes.toString(16)}`),
    addressOf: () => place.at,
  };
  return { space, guards };
}

Deno.test("a memory that V8 puts elsewhere gets a guard there, or is passed over", () => {
  const { space, guards } = fakeSpace([
    { at: 0x1000_0000_0000n, behind: true },
    { at: 0x2000_0000_0000n, behind: false },
  ]);
  guardedMemory(1, space);
  assert.deepEqual(guards, [
    ...["unmap 700000000000 100000000", "unmap 700100000000 10000"],
    ...["unmap 700000000000 100000000", "unmap 700100000000 10000"],
    "guard 200100000000",
  ]);
});

Deno.test("no address space for a guarded memory is an error", () => {
  const places = Array.from({ length: 8 }, () => ({ at: 0x1000n, behind: true }));
  assert.throws(() => guardedMemory(1, fakeSpace(places).space), /no address space/);
  const none: AddressSpace = { map: () => undefined, unmap() {}, addressOf: () => 0n };
  assert.throws(() => guardedMemory(1, none), /no address space/);
});
