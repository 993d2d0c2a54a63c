/**
 * One gdb on one domain: its packets and what they do (the gdb manual's appendix "gdb Remote Serial Protocol"). Threads are vCPUs, numbered from 1. All-stop:
 * between a stop and the next resume no vCPU runs.
 */
import type { Debugger, ResumeAction } from "../../hypervisor/debug/mod.ts";
import {
  escape,
  frame,
  fromHex,
  PACKET_SIZE,
  PacketReader,
  type Received,
  toHex,
  unescape,
} from "./packets.ts";
import { targetXml } from "./target.ts";

/** How the domain ended, for gdb. */
export interface SessionEnd {
  readonly reason: string;
}

export interface SessionOptions {
  readonly debugger: Debugger;
  send(bytes: Uint8Array): void;
  /** `kill`: the domain is to be destroyed. */
  kill(): void;
}

const SIGINT = 2, SIGTRAP = 5;
/** Errno-like: what gdb shows is the number only. */
const BAD = "E16", REFUSED = "E0e", FULL = "E1c";
const OK = "OK", UNSUPPORTED = "";
/** Reads are cut to what a reply can hold. */
const MOST_BYTES = PACKET_SIZE / 2 - 16;

const text = (hex: string) => new TextDecoder("latin1").decode(fromHex(hex) ?? new Uint8Array());
const latin1 = (data: string) => Uint8Array.from(data, (character) => character.charCodeAt(0));

/** A hexadecimal number of at most 64 bits. */
function number(digits: string | undefined): bigint | undefined {
  return digits !== undefined && /^[0-9a-fA-F]{1,16}$/.test(digits) ? BigInt(`0x${digits}`) : undefined;
}

export class GdbSession {
  readonly #reader = new PacketReader();
  readonly #debugger: Debugger;
  #acknowledges = true;
  #isRunning = false;
  #isOver = false;
  #reportsBreakpoints = false;
  /** vCPU of the last stop, of `H g` and of `H c` (-1: all). */
  #current = 0;
  #general = 0;
  #resumed = -1;
  #lastStop = `S0${SIGTRAP}`;

  constructor(private readonly options: SessionOptions) {
    this.#debugger = options.debugger;
    this.#debugger.onStop = ({ vcpu, cause }) => {
      if (this.#isRunning) this.#stopped(vcpu, SIGTRAP, cause === "breakpoint");
    };
    this.#lastStop = this.#stopReply(SIGTRAP, false);
  }

  /** gdb has detached or killed: nothing more is read. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The domain runs, and gdb waits for its stop. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Bytes from gdb. Never throws for what they are. */
  async receive(bytes: Uint8Array): Promise<void> {
    for (const received of this.#reader.take(bytes)) {
      if (this.#isOver) return;
      await this.#take(received);
    }
  }

  async #take(received: Received): Promise<void> {
    if (received.kind === "interrupt") {
      if (!this.#isRunning) return;
      await this.#debugger.stop();
      // A breakpoint may have been faster.
      if (this.#isRunning) this.#stopped(this.#firstVcpu(), SIGINT, false);
      return;
    }
    if (received.kind === "bad") {
      if (this.#acknowledges) this.#write("-");
      return;
    }
    if (this.#acknowledges) this.#write("+");
    // Nothing but an interrupt is expected meanwhile.
    if (this.#isRunning) return;
    const reply = this.#answer(received.data);
    if (reply !== undefined) this.#reply(reply);
    if (received.data === "QStartNoAckMode") this.#acknowledges = false;
    if (received.data === "D" || received.data.startsWith("D;")) this.#isOver = true;
  }

  /** The domain has ended, or is gone. */
  ended({ reason }: SessionEnd): void {
    if (this.#isOver) return;
    const reply = reason === "crash" ? "X06" : reason === "destroyed" ? "X09" : "W00";
    this.#lastStop = reply;
    if (this.#isRunning) this.#reply(reply);
    this.#isRunning = false;
  }

  #firstVcpu(): number {
    const vcpus = this.#debugger.vcpus();
    return (vcpus.find(({ id }) => id === this.#current) ?? vcpus[0])?.id ?? 0;
  }

  #stopped(vcpu: number, signal: number, isBreakpoint: boolean): void {
    this.#isRunning = false;
    this.#current = this.#general = vcpu;
    this.#lastStop = this.#stopReply(signal, isBreakpoint && this.#reportsBreakpoints);
    this.#reply(this.#lastStop);
  }

  #stopReply(signal: number, isBreakpoint: boolean): string {
    return `T${signal.toString(16).padStart(2, "0")}thread:${thread(this.#current)};${
      isBreakpoint ? "swbreak:;" : ""
    }`;
  }

  #write(data: string): void {
    this.options.send(latin1(data));
  }

  #reply(data: string): void {
    this.#write(frame(data));
  }

  /** @returns undefined: no reply now */
  #answer(packet: string): string | undefined {
    const rest = packet.slice(1);
    switch (packet[0]) {
      case "?":
        return this.#lastStop;
      case "g":
        return rest === "" ? this.#readAll() : UNSUPPORTED;
      case "G":
        return this.#writeAll(rest);
      case "p":
        return this.#readOne(rest);
      case "P":
        return this.#writeOne(rest);
      case "m":
        return this.#read(rest, (bytes) => toHex(bytes));
      case "x":
        return this.#read(rest, (bytes) => "b" + escape(new TextDecoder("latin1").decode(bytes)), true);
      case "M":
      case "X":
        return this.#writeMemory(rest, packet[0] === "X");
      case "Z":
      case "z":
        return this.#breakpoint(rest, packet[0] === "Z");
      case "c":
      case "s":
      case "C":
      case "S":
        return this.#resumePlain(packet);
      case "v":
        return this.#verbose(packet);
      case "H":
        return this.#select(rest);
      case "T": {
        const vcpu = this.#vcpu(rest);
        return vcpu !== undefined && vcpu >= 0 ? OK : BAD;
      }
      case "q":
      case "Q":
        return this.#query(packet);
      case "D":
        return OK;
      case "k":
        this.#isOver = true;
        this.options.kill();
        return undefined;
      default:
        return UNSUPPORTED;
    }
  }

  // ---- registers

  #readAll(): string {
    const { registers } = this.#debugger;
    return registers.map(({ size }, index) => {
      const bytes = this.#debugger.readRegister(this.#general, index);
      return bytes === undefined ? "xx".repeat(size) : toHex(bytes);
    }).join("");
  }

  #writeAll(data: string): string {
    const bytes = fromHex(data);
    const { registers } = this.#debugger;
    if (bytes?.length !== registers.reduce((sum, { size }) => sum + size, 0)) return BAD;
    let at = 0, isWritten = true;
    registers.forEach(({ size }, index) => {
      isWritten = this.#debugger.writeRegister(this.#general, index, bytes.subarray(at, at + size)) &&
        isWritten;
      at += size;
    });
    return isWritten ? OK : REFUSED;
  }

  #readOne(rest: string): string {
    const index = number(rest);
    if (index === undefined) return BAD;
    const bytes = this.#debugger.readRegister(this.#general, Number(index));
    return bytes === undefined ? BAD : toHex(bytes);
  }

  #writeOne(rest: string): string {
    const [, digits, data] = /^([0-9a-fA-F]+)=([0-9a-fA-F]*)$/.exec(rest) ?? [];
    const index = number(digits), bytes = fromHex(data ?? "");
    if (index === undefined || bytes === undefined) return BAD;
    return this.#debugger.writeRegister(this.#general, Number(index), bytes) ? OK : REFUSED;
  }

  // ---- memory

  #read(rest: string, encode: (bytes: Uint8Array) => string, isEmptyGood = false): string {
    const [, a, l] = /^([0-9a-fA-F]+),([0-9a-fA-F]+)$/.exec(rest) ?? [];
    const address = number(a), length = number(l);
    if (address === undefined || length === undefined) return BAD;
    const wanted = Number(length < MOST_BYTES ? length : MOST_BYTES);
    const bytes = this.#debugger.readMemory(this.#general, address, wanted);
    return bytes.length === 0 && wanted > 0 && !(isEmptyGood && wanted === 0) ? REFUSED : encode(bytes);
  }

  #writeMemory(rest: string, isBinary: boolean): string {
    const [, a, l, data] = /^([0-9a-fA-F]+),([0-9a-fA-F]+):([\s\S]*)$/.exec(rest) ?? [];
    const address = number(a), length = number(l);
    if (address === undefined || length === undefined) return BAD;
    const bytes = isBinary ? latin1(unescape(data)) : fromHex(data);
    if (bytes === undefined || BigInt(bytes.length) !== length) return BAD;
    return this.#debugger.writeMemory(this.#general, address, bytes) ? OK : REFUSED;
  }

  /** Software and hardware ones are the same: none is in memory. Watchpoints are gdb's own affair (by single steps). */
  #breakpoint(rest: string, isSet: boolean): string {
    const [, type, a, kind] = /^([0-9]),([0-9a-fA-F]+),([0-9a-fA-F]+)/.exec(rest) ?? [];
    const address = number(a);
    if (address === undefined || kind === undefined) return BAD;
    if (type !== "0" && type !== "1") return UNSUPPORTED;
    if (isSet) return this.#debugger.setBreakpoint(address) ? OK : FULL;
    this.#debugger.clearBreakpoint(address);
    return OK;
  }

  // ---- running

  /** c [address], s [address], C signal[;address], S...: signals mean nothing to a machine. */
  #resumePlain(packet: string): string | undefined {
    const [, action, address] = /^(?:([cs])|[CS][0-9a-fA-F]{2};?)([0-9a-fA-F]*)$/.exec(packet) ?? [];
    const isStep = packet[0] === "s" || packet[0] === "S";
    if (action === undefined && packet[0] !== "C" && packet[0] !== "S") return BAD;
    const vcpu = this.#resumed >= 0 ? this.#resumed : this.#current;
    if (address) {
      const rip = number(address);
      const index = this.#debugger.registers.findIndex(({ name }) => name === "rip");
      const bytes = new Uint8Array(8);
      if (rip === undefined) return BAD;
      new DataView(bytes.buffer).setBigUint64(0, rip, true);
      if (!this.#debugger.writeRegister(vcpu, index, bytes)) return REFUSED;
    }
    // One that steps goes alone: the others would run on for as long as it takes.
    return this.#resume((id) =>
      id === vcpu ? (isStep ? "step" : "continue") : isStep ? undefined : "continue"
    );
  }

  #resume(action: (vcpu: number) => ResumeAction | undefined): undefined {
    this.#isRunning = true;
    this.#debugger.resume(action);
    return undefined;
  }

  #verbose(packet: string): string | undefined {
    if (packet === "vCont?") return "vCont;c;C;s;S";
    if (packet.startsWith("vKill")) {
      this.#reply(OK);
      this.#isOver = true;
      this.options.kill();
      return undefined;
    }
    if (!packet.startsWith("vCont;")) return UNSUPPORTED;
    const actions: { vcpu: number; action: ResumeAction }[] = [];
    for (const part of packet.slice("vCont;".length).split(";")) {
      const [, what, of] = /^(?:([cs])|[CS][0-9a-fA-F]{2})(?::(-?[0-9a-fA-F]+))?$/.exec(part) ?? [];
      const letter = what ?? part[0]?.toLowerCase();
      const vcpu = of === undefined ? -1 : this.#vcpu(of);
      if ((letter !== "c" && letter !== "s") || !/^[cCsS]/.test(part) || vcpu === undefined) return BAD;
      if (what === undefined && !/^[CS][0-9a-fA-F]{2}(:|$)/.test(part)) return BAD;
      actions.push({ vcpu, action: letter === "s" ? "step" : "continue" });
    }
    // The leftmost action that names a thread is its own.
    const find = (id: number) => actions.find(({ vcpu }) => vcpu === id || vcpu === -1)?.action;
    if (!this.#debugger.vcpus().some(({ id }) => find(id) !== undefined)) return BAD;
    return this.#resume(find);
  }

  // ---- threads

  /** -1: all; 0 in the protocol: any. @returns undefined when there is no such thread */
  #vcpu(id: string): number | undefined {
    if (id === "-1") return -1;
    const value = number(id);
    if (value === undefined) return undefined;
    if (value === 0n) return this.#firstVcpu();
    return this.#debugger.vcpus().find((vcpu) => BigInt(vcpu.id) === value - 1n)?.id;
  }

  #select(rest: string): string {
    const vcpu = this.#vcpu(rest.slice(1));
    if (vcpu === undefined) return BAD;
    if (rest[0] === "g") this.#general = vcpu < 0 ? this.#current : vcpu;
    else if (rest[0] === "c") this.#resumed = rest.slice(1) === "0" ? -1 : vcpu;
    else return UNSUPPORTED;
    return OK;
  }

  #query(packet: string): string {
    const [name, rest] = split(packet);
    switch (name) {
      case "qSupported":
        this.#reportsBreakpoints = /(^|;)swbreak\+/.test(rest);
        return `PacketSize=${
          PACKET_SIZE.toString(16)
        };QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;vContSupported+;swbreak+;binary-upload+`;
      case "QStartNoAckMode":
        return OK;
      case "qC":
        return `QC${thread(this.#current)}`;
      case "qAttached":
        return "1";
      case "qSymbol":
        return OK;
      case "qfThreadInfo":
        return `m${this.#debugger.vcpus().map(({ id }) => thread(id)).join(",")}`;
      case "qsThreadInfo":
        return "l";
      case "qThreadExtraInfo": {
        const vcpu = this.#debugger.vcpus().find(({ id }) => id === this.#vcpu(packet.split(",")[1] ?? ""));
        return vcpu === undefined ? BAD : toHex(latin1(`vCPU ${vcpu.id} (${vcpu.state})`));
      }
      case "qXfer":
        return this.#transfer(rest);
      case "qRcmd":
        return toHex(latin1(`there is no monitor command ${JSON.stringify(text(rest))}\n`));
      default:
        return UNSUPPORTED;
    }
  }

  #transfer(rest: string): string {
    const [, object, annex, at, size] = /^(\w+):read:([\w.]*):([0-9a-fA-F]+),([0-9a-fA-F]+)$/.exec(rest) ??
      [];
    const offset = number(at), length = number(size);
    if (offset === undefined || length === undefined) return object === undefined ? UNSUPPORTED : BAD;
    let document: string;
    if (object === "features" && annex === "target.xml") document = targetXml(this.#debugger.registers);
    else if (object === "threads" && annex === "") document = this.#threadsXml();
    else return object === "features" ? "E00" : UNSUPPORTED;
    if (offset > BigInt(document.length)) return BAD;
    const from = Number(offset);
    const piece = document.slice(from, from + Math.min(MOST_BYTES, Number(length)));
    return (from + piece.length < document.length ? "m" : "l") + escape(piece);
  }

  #threadsXml(): string {
    const threads = this.#debugger.vcpus().map(({ id, state }) =>
      `<thread id="${thread(id)}" core="${id}" name="vCPU ${id}">${state}</thread>`
    );
    return `<?xml version="1.0"?><threads>${threads.join("")}</threads>`;
  }
}

function thread(vcpu: number): string {
  return (vcpu + 1).toString(16);
}

/** A query's name, up to the first : or , and what follows it. */
function split(packet: string): [string, string] {
  const [name] = /^[^:,]*/.exec(packet) ?? [""];
  return [name, packet.slice(name.length + 1)];
}
