import assert from "node:assert/strict";
import { HYPERVISOR } from "../../hypervisor/abi/hypercall_numbers.ts";
import { HYPERCALLS } from "../../hypervisor/hypercalls/table.ts";
import { SIGNATURES } from "../../hypervisor/hypercalls/signatures.ts";
import { TraceEvent, TraceFlag, TraceKind, type TraceRecord, TraceTrap } from "../../hypervisor/trace/mod.ts";
import { decode } from "./decode.ts";
import { traceText } from "./text.ts";

const NOON = new Date(2026, 10, 21, 12, 0, 0).getTime();

function text(record: Partial<TraceRecord>): string {
  const line = decode({
    time: 1234000,
    duration: 5000,
    domid: 3,
    vcpu: 1,
    kind: TraceKind.HYPERCALL,
    number: 0,
    flags: 0,
    rip: 0xffffffff81001000n,
    result: 0n,
    args: [0n, 0n, 0n, 0n, 0n, 0n],
    payload: new Uint8Array(0),
    ...record,
  }, NOON);
  const shown = traceText(line);
  assert.ok(shown.startsWith("12:00:00.001234 d3v1 "), shown);
  return shown.slice("12:00:00.001234 d3v1 ".length);
}

const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
const args = (...values: bigint[]) => [...values, ...Array<bigint>(6 - values.length).fill(0n)];

Deno.test("records of each kind in words", () => {
  const cases: [Partial<TraceRecord>, string][] = [
    [
      { number: HYPERVISOR.event_channel_op, args: args(4n, 0xffff888000000000n), payload: words(7, 0, 0) },
      "event_channel_op(send, arg={port=7}) = 0 <0.000005>",
    ],
    [
      { number: HYPERVISOR.sched_op, args: args(1n), result: 0n },
      "sched_op(block, arg=NULL) = 0 <0.000005>",
    ],
    [
      { number: HYPERVISOR.sched_op, args: args(99n), result: -38n },
      "sched_op(99, arg=NULL) = -38 ENOSYS <0.000005>",
    ],
    [
      { number: HYPERVISOR.multicall, args: args(0xffff888000001000n, 3n), flags: TraceFlag.CONTINUES },
      "multicall(call_list=0xffff888000001000, nr_calls=3) ... <0.000005>",
    ],
    [
      {
        number: HYPERVISOR.mmuext_op,
        args: args(0xffff888000001000n, 0x80000001n, 0n, 0x7ff0n),
        payload: words(5, 0, 0x1234, 0, 0, 0),
        flags: TraceFlag.INNER,
      },
      "  mmuext_op(uops=[{cmd=NEW_BASEPTR, arg1.mfn=0x1234, arg2.nr_ents=0}], count=1, pdone=NULL, foreigndom=DOMID_SELF) = 0 <0.000005>",
    ],
    [
      {
        number: HYPERVISOR.console_io,
        args: args(0n, 3n, 0x1000n),
        payload: new TextEncoder().encode("hi\n"),
      },
      'console_io(write, count=3, buffer="hi\\n") = 0 <0.000005>',
    ],
    [
      { number: 63, args: args(1n), result: -38n },
      "hypercall_63(a1=0x1, a2=0x0, a3=0x0, a4=0x0, a5=0x0, a6=0x0) = -38 ENOSYS <0.000005>",
    ],
    [
      { kind: TraceKind.TRAP, number: 14, args: args(2n, 0xffff888000000010n) },
      "--- #PF {error_code=0x2, cr2=0xffff888000000010} at 0xffffffff81001000 ---",
    ],
    [
      { kind: TraceKind.TRAP, number: 6, args: args(0xffffffff00000000n) },
      "--- #UD {} at 0xffffffff81001000 ---",
    ],
    [
      { kind: TraceKind.TRAP, number: TraceTrap.SYSCALL, args: args(39n) },
      "--- syscall {rax=39} at 0xffffffff81001000 ---",
    ],
    [{ kind: TraceKind.EVENT, number: TraceEvent.UPCALL }, "+++ upcall +++"],
    [
      { kind: TraceKind.EVENT, number: TraceEvent.SEND, args: args(2n, 0n, 2n) },
      "+++ send {port=2, remote_dom=0, remote_port=2} +++",
    ],
    [
      { kind: TraceKind.GRANT, number: 1, payload: words(0x5000, 0, 0, 0, 9, 0xfffc, 0) },
      "  grant unmap_grant_ref{host_addr=0x5000, dev_bus_addr=0x0, handle=9} = -4 GNTST_bad_handle",
    ],
  ];
  for (const [record, expected] of cases) assert.equal(text(record), expected);
});

Deno.test("every hypercall has a signature, with as many arguments as it takes", () => {
  for (const { number, name, args } of HYPERCALLS) {
    const signature = SIGNATURES.get(number);
    if (name === "arch_0") continue;
    assert.ok(signature, name);
    assert.equal(signature.args.length, args, name);
  }
});

Deno.test("any bytes decode", () => {
  const payload = new Uint8Array(64).fill(0xff);
  for (const kind of [TraceKind.HYPERCALL, TraceKind.TRAP, TraceKind.EVENT, TraceKind.GRANT]) {
    for (let number = -1; number < 300; number++) {
      for (let size = 0; size <= 64; size += 5) {
        for (const op of [0n, 1n, 5n, 0xffffffffffffffffn]) {
          const record = {
            kind,
            number,
            payload: payload.subarray(0, size),
            args: args(op, op, op, op),
            result: -5000n,
          };
          assert.ok(text(record).length > 0);
        }
      }
    }
  }
});
