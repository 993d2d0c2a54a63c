/** A pCPU worker's life: its start message, its orders, its loop. It never returns to the event loop until it is told to stop. */
import { type MessagePort as NodePort, receiveMessageOnPort } from "node:worker_threads";
import type { Engine } from "../cpu/engine.ts";
import { collectGarbage, Collector } from "./collector.ts";
import { CpuMeter, threadCpuNs } from "./cpu_meter.ts";
import type { Domain } from "./domain.ts";
import type { GuestSupport } from "./guest.ts";
import { MACHINE, PcpuState } from "./layout.ts";
import { Machine } from "./machine.ts";
import { Pcpu } from "./pcpu.ts";
import type { Order, PcpuStart } from "./report.ts";
import { threadTimeNs } from "./time.ts";
import { measureOffset } from "./calibration.ts";

/** Engines that may lie about before a collection: each takes a megabyte or two. */
const ENGINES_LEFT_BEHIND = 32;

/** What a worker script supplies: the code that knows guests, and how an engine is made of the start message. */
export interface PcpuService {
  support(start: PcpuStart): GuestSupport;
  makeEngine(start: PcpuStart, domain: Domain): Engine;
  /** Makes tables ahead of the first domain, which the main thread has yet to build. */
  prepare?(start: PcpuStart): void;
}

/** Runs the pCPU that `start` describes. Blocks. */
export function runPcpu(start: PcpuStart, service: PcpuService): void {
  const { port, pcpu } = start;
  const machine = new Machine({
    buffer: start.buffer,
    pcpu,
    clockOffset: measureOffset(start.buffer, pcpu, threadTimeNs),
    makeEngine: (domain) => service.makeEngine(start, domain),
    report: (report) => port.postMessage(report),
  });
  const mail = (MACHINE.pcpus + pcpu * PcpuState.size + PcpuState.offsets.mail) >>> 2;
  const detached: { domid: number; collect: boolean }[] = [];
  const garbage = new Collector(ENGINES_LEFT_BEHIND);
  // Orders come in while a vCPU runs too (a hypercall names a domain not yet known here): only those to attach are carried out at once.
  const receive = () => {
    // Deno's web MessagePort is what node's function takes; only the types differ.
    const source = port as unknown as NodePort;
    for (let item = receiveMessageOnPort(source); item !== undefined; item = receiveMessageOnPort(source)) {
      const order = item.message as Order;
      // It counts as mail until it is carried out: the loop must not sleep over it.
      if (order.kind === "detach") {
        detached.push(order);
        continue;
      }
      Atomics.sub(machine.views.i32, mail, 1);
      if (order.kind === "attach") machine.attach(order.share);
    }
  };
  const takeOrders = () => {
    receive();
    for (const { domid, collect } of detached.splice(0)) {
      Atomics.sub(machine.views.i32, mail, 1);
      const hadEngine = machine.attached(domid)?.hasEngine ?? false;
      machine.detach(domid);
      if (collect) collectGarbage();
      else if (hadEngine) garbage.tick();
      machine.report({ kind: "detached", pcpu, domid });
    }
  };
  machine.takeMail = receive;
  machine.report({ kind: "ready", pcpu });
  service.prepare?.(start);
  const cpu = threadCpuNs();
  if (cpu === undefined) {
    machine.report({ kind: "log", text: `cpu#${pcpu}: this system does not tell a thread's CPU time` });
  } else machine.meter = new CpuMeter(() => threadCpuNs() ?? cpu, machine.now());
  new Pcpu(machine, service.support(start), takeOrders).run();
  machine.report({ kind: "stopped", pcpu });
  port.close();
}

/** Installs the handler of a worker's start message. */
export function servePcpu(service: PcpuService): void {
  self.onmessage = (event: MessageEvent<PcpuStart>) => {
    self.onmessage = null;
    runPcpu(event.data, service);
    self.close();
  };
}
