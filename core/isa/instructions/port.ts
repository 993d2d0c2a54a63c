/**
 * IN and OUT. With CPL above IOPL they raise #GP(0): nothing here has a TSS with an I/O permission bitmap, so none is looked up. A
 * PV domain's virtual IOPL and bitmap are the hypervisor's, which emulates after the fault as Xen does.
 */
import { instruction } from "../instruction.ts";
import type { Machine, Operand } from "../meaning.ts";
import { PRIVILEGED } from "./system_common.ts";

const described = (m: Machine, port: Operand, size: number) => m.or(m.and(port.read(), 0xffff), size << 16);

instruction("in", {
  encodings: ["E4 AL,Ib", "E5 eAX,Ib", "EC AL,DX", "ED eAX,DX"],
  access: ["w", "r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, dst, port) {
    m.requireIopl();
    m.exit("in", described(m, port, dst.size));
  },
});
instruction("out", {
  encodings: ["E6 Ib,AL", "E7 Ib,eAX", "EE DX,AL", "EF DX,eAX"],
  access: ["r", "r"],
  flow: "leave",
  unrecorded: PRIVILEGED,
  meaning(m, port, src) {
    m.requireIopl();
    m.exit("out", described(m, port, src.size), src.read());
  },
});
