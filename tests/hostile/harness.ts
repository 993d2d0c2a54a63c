/**
 * Hostile guests beside a victim, and the judge: no internal error, no pCPU that hangs, no count of a frame that is wrong, nothing of the victim's
 * or of Xen's changed, memory given back, the victim's clock and console right all the time.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { buildPv, type KernelImage, parseKernel } from "../../core/builder/mod.ts";
import { ConsoleRing, XenStoreService } from "../../core/dom0/mod.ts";
import { Host } from "../../core/hypervisor/host.ts";
import type { HostDomain } from "../../core/hypervisor/host_domain.ts";
import { NONE } from "../../core/hypervisor/layout.ts";
import { checkFrames } from "../../core/hypervisor/mm/check.ts";
import { builtinGuest } from "../../core/toolstack/guests/builtin.ts";
import { type HostileGuest, hostileGuest, TEMPLATES } from "./guest.ts";

export interface Options {
  readonly seconds: number;
  readonly seed: number;
  /** A hostile domain is replaced after this long, when it lives. */
  readonly lifeSeconds?: number;
  /** Hostile domains at a time. */
  readonly slots?: number;
  readonly log?: (line: string) => void;
  /** How long a pCPU or the victim may take, on a machine that is busy with other things. */
  readonly patienceMs?: number;
}

export interface Report {
  readonly faults: readonly string[];
  readonly domains: number;
  /** How the domains ended, with how many. */
  readonly ends: ReadonlyMap<string, number>;
  readonly rounds: number;
  readonly hypercalls: number;
  readonly traps: number;
  /** Calls and successes by template, calls by number. */
  readonly templates: ReadonlyMap<string, { calls: number; successes: number }>;
  readonly raw: readonly number[];
  readonly counters: ReadonlyMap<string, number>;
  readonly victim: { readonly answers: number; readonly slowestMs: number };
  readonly rssGrowthMiB: number;
}

const MEMORY_MIB = 16;
const PATIENCE_MS = 5000;
const STUCK_MS = 1500;
/** Xen's own reservations whose contents never change once a domain is built. */
const CANARIES = ["dummyVcpuInfo", "grantStatus", "xenTables"] as const;

class Machine implements AsyncDisposable {
  readonly store = new XenStoreService();
  readonly faults: string[] = [];
  readonly log: string[] = [];

  private constructor(readonly host: Host, readonly patienceMs: number) {}

  static async start(patienceMs: number): Promise<Machine> {
    const lines: ((line: string) => void)[] = [];
    const machine = new Machine(
      await Host.start({ pcpus: 2, log: (line) => lines.forEach((take) => take(line)) }),
      patienceMs,
    );
    lines.push((line) => machine.#take(line));
    return machine;
  }

  #take(line: string): void {
    this.log.push(line);
    if (this.log.length > 200) this.log.shift();
    if (/internal error|lost:|does not come back|at ring 3|is not known here/.test(line)) {
      this.faults.push(`${line}\n${this.log.slice(-60).join("\n")}`);
    }
  }

  async create(
    name: string,
    kernel: KernelImage,
    cmdline: (domid: number) => string,
    output: (bytes: Uint8Array) => void,
    vcpus = 1,
    maxMemoryMiB = MEMORY_MIB,
  ): Promise<{ domain: HostDomain; type: (text: string) => void }> {
    const { host, store } = this;
    const domain = await host.createDomain({
      name,
      memoryMiB: MEMORY_MIB,
      maxMemoryMiB,
      vcpus,
      codeBytes: 4 << 20,
      build: (target) => buildPv(target, { kernel, cmdline: cmdline(target.domid) }),
    });
    const { domid, consolePort, storePort } = domain;
    const ring = new ConsoleRing(domain.consoleRing, () => domain.notify(consolePort), output);
    const guarded = (what: string, action: () => void) => () => {
      try {
        action();
      } catch (error) {
        this.faults.push(`${what} of domain ${domid}: ${error instanceof Error ? error.stack : error}`);
      }
    };
    domain.onNotify(consolePort, guarded("console", () => ring.service()));
    const guest = store.introduce(
      {
        domid,
        name,
        uuid: crypto.randomUUID(),
        memoryKiB: MEMORY_MIB * 1024,
        maxMemoryKiB: maxMemoryMiB * 1024,
        vcpus,
        store: { port: storePort, frame: domain.start.storeMfn },
        console: { port: consolePort, frame: domain.start.consoleMfn },
        image: { kernel: name, commandLine: "" },
        startTime: Date.now() / 1000,
      },
      domain.storeRing,
      () => domain.notify(storePort),
    );
    domain.onNotify(storePort, guarded("XenStore", () => guest.service()));
    return { domain, type: (text) => ring.input(new TextEncoder().encode(text)) };
  }

  async destroy(domain: HostDomain): Promise<void> {
    this.store.release(domain.domid);
    const late = sleep(this.patienceMs, "late");
    try {
      if (await Promise.race([domain.destroy(), late]) === "late") {
        this.faults.push(`domain ${domain.domid} is not destroyed after ${this.patienceMs} ms`);
      }
    } catch (error) {
      this.faults.push(`destroying domain ${domain.domid}: ${error instanceof Error ? error.stack : error}`);
    }
  }

  /** Pauses domains until no pCPU runs them. @returns false, and a fault: a pCPU does not let go */
  async quiet(domains: readonly HostDomain[]): Promise<boolean> {
    for (const domain of domains) domain.pause();
    const deadline = performance.now() + this.patienceMs;
    const runs = () => domains.some(({ domain }) => domain.vcpus.some(({ sched }) => sched.pcpu !== NONE));
    while (runs()) {
      if (performance.now() > deadline) {
        const where = domains.map(({ domid, domain }) =>
          `d${domid}: ${
            domain.vcpus.map(({ ctx, sched }) =>
              `${sched.pcpu} rip ${domain.context.big(ctx, "rip").toString(16)}`
            ).join(", ")
          }`
        );
        this.faults.push(`a pCPU does not let go of a paused domain: ${where.join("; ")}`);
        return false;
      }
      await sleep(1);
    }
    return true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.host.stop();
  }
}

/** The built-in guest: ticks, echoes, tells its clock. */
class Victim {
  #text = "";
  answers = 0;
  slowestMs = 0;
  #digests: string[] = [];
  #unchanging: number[] = [];
  #clock: { uptime: number; asked: number; answered: number } | undefined;

  private constructor(
    readonly machine: Machine,
    readonly domain: HostDomain,
    readonly type: (text: string) => void,
  ) {}

  static async start(machine: Machine): Promise<Victim> {
    const image = builtinGuest("echo");
    if (image === undefined) throw new Error("no built-in guest");
    const decoder = new TextDecoder();
    const { domain, type } = await machine.create(
      "victim",
      parseKernel(image),
      () => "",
      (bytes) => victim.#text += decoder.decode(bytes),
    );
    const victim = new Victim(machine, domain, type);
    domain.unpause();
    for (let i = 0; i < 3; i++) await victim.ask();
    // Frames that do not change while it lives its quiet life must not change later either.
    const before = await victim.#frames();
    for (let i = 0; i < 3; i++) await victim.ask();
    await sleep(1200);
    victim.#digests = await victim.#frames();
    victim.#unchanging = before.flatMap((digest, frame) => digest === victim.#digests[frame] ? [frame] : []);
    return victim;
  }

  async #frames(): Promise<string[]> {
    await this.machine.quiet([this.domain]);
    const { views, layout } = this.domain.domain;
    const digests = Array.from(
      { length: layout.frames },
      (_, frame) => createHash("md5").update(views.u8.slice(frame * 4096, (frame + 1) * 4096)).digest("hex"),
    );
    this.domain.unpause();
    return digests;
  }

  /** Asks for its time and holds the answer against the host's clock. */
  async ask(): Promise<void> {
    const from = this.#text.length;
    const asked = performance.now(), askedAt = Date.now() / 1000;
    this.type("time\n");
    for (;;) {
      const match = /uptime (\d+) ms, ticks (\d+), clock (\d+)\r\n/.exec(this.#text.slice(from));
      const now = performance.now();
      if (match !== null) {
        const uptime = Number(match[1]);
        this.answers++;
        this.slowestMs = Math.max(this.slowestMs, now - asked);
        const first = this.#clock ??= { uptime, asked, answered: now };
        const elapsed = uptime - first.uptime;
        if (elapsed < asked - first.answered - 50 || elapsed > now - first.asked + 50) {
          this.machine.faults.push(
            `the victim's clock says ${elapsed} ms, the host's ${now - first.answered}`,
          );
        }
        const clock = Number(match[3]);
        if (clock < askedAt - 3 || clock > Date.now() / 1000 + 3) {
          this.machine.faults.push("the victim's time of day is wrong");
        }
        return;
      }
      if (now - asked > this.machine.patienceMs) {
        this.machine.faults.push(`the victim does not answer: ${JSON.stringify(this.#text.slice(-200))}`);
        return;
      }
      await sleep(2);
    }
  }

  async check(): Promise<void> {
    if (this.domain.end !== undefined) {
      this.machine.faults.push(
        `the victim ended: ${this.domain.end.reason}\n${this.domain.end.registerDump}`,
      );
      return;
    }
    const now = await this.#frames();
    const changed = this.#unchanging.filter((frame) => now[frame] !== this.#digests[frame]);
    if (changed.length > 0) this.machine.faults.push(`frames of the victim changed: ${changed.join(", ")}`);
    if (this.#unchanging.length < 4000) {
      this.machine.faults.push(`only ${this.#unchanging.length} frames of the victim rest`);
    }
  }
}

/** Hostile domains, one after another, until the time is up. */
export async function attack(options: Options): Promise<Report> {
  const { seconds, lifeSeconds = 3, slots = 2, log = () => {}, patienceMs = PATIENCE_MS } = options;
  const guest = hostileGuest();
  const figures = new Figures(guest);
  await using machine = await Machine.start(patienceMs);
  const { faults } = machine;
  const victim = await Victim.start(machine);
  const live = new Set<HostDomain>();
  const end = performance.now() + seconds * 1000;
  let seed = options.seed, domains = 0, rssAtStart = 0, isPaused = false;

  const slot = async (): Promise<void> => {
    while (performance.now() < end && faults.length === 0) {
      const mine = seed++;
      const { domain } = await machine.create(
        `hostile${mine}`,
        guest.kernel,
        (domid) =>
          [BigInt(mine) * 0x9e3779b97f4a7c15n + 1n, victim.domain.domain.mfnBase, 4096, domid]
            .map((word) => BigInt.asUintN(64, BigInt(word)).toString(16)).join(" "),
        () => {},
        2,
        mine % 3 === 0 ? MEMORY_MIB + 4 : MEMORY_MIB,
      );
      const canaries = CANARIES.map((name) => canary(domain, name));
      live.add(domain);
      domains++;
      if (domains === 10) rssAtStart = Deno.memoryUsage().rss;
      domain.unpause();
      const how = await figures.watch(domain, Math.min(end, performance.now() + lifeSeconds * 1000));
      // Frames of all domains are looked at together: they map each other's.
      while (isPaused) await sleep(1);
      isPaused = true;
      const before = faults.length;
      const all = [...live, victim.domain];
      if (await machine.quiet(all)) {
        faults.push(
          ...checkFrames(all.map((host) => host.domain)).slice(0, 10).map((text) => `seed ${mine}: ${text}`),
        );
        CANARIES.forEach((name, i) => {
          if (canary(domain, name) !== canaries[i]) {
            faults.push(`Xen's own ${name} of domain ${domain.domid} changed`);
          }
        });
      }
      figures.collect(domain, how);
      const registers =
        /RIP:[^]*?rsp: [0-9a-f]+/.exec(domain.end?.registerDump ?? "")?.[0].replaceAll(/\s+/g, " ") ?? "";
      log(
        `seed ${mine}: domain ${domain.domid} ${how} ${registers}${
          how === "stuck" ? figures.rest(domain) : ""
        }`,
      );
      if (faults.length > before) {
        faults.push(`(found when seed ${mine}, domain ${domain.domid}, ended: ${how})`);
      }
      live.delete(domain);
      await machine.destroy(domain);
      for (const other of all) if (other !== domain) other.unpause();
      isPaused = false;
    }
  };
  const asks = async (): Promise<void> => {
    while (performance.now() < end && faults.length === 0) {
      await victim.ask();
      await sleep(100);
    }
  };
  try {
    await Promise.all([asks(), ...Array.from({ length: slots }, slot)]);
    await victim.check();
    if (machine.host.internalErrors > 0) {
      faults.push(`${machine.host.internalErrors} internal errors were counted`);
    }
  } catch (error) {
    faults.push(`the judge: ${error instanceof Error ? error.stack : error}`);
  }
  const rssGrowthMiB = rssAtStart === 0 ? 0 : (Deno.memoryUsage().rss - rssAtStart) / (1 << 20);
  return { ...figures.report(), faults, domains, victim, rssGrowthMiB };
}

function canary(domain: HostDomain, name: typeof CANARIES[number]): string {
  const { views, layout } = domain.domain;
  const start = layout.reserve[name];
  const end = Math.min(...Object.values(layout.reserve).filter((other) => other > start), layout.frameInfo);
  return createHash("md5").update(views.u8.slice(start, end)).digest("hex");
}

/** What the guests tell of themselves in their own memory. */
class Figures {
  readonly #ends = new Map<string, number>();
  readonly #templates = new Map(TEMPLATES.map(({ name }) => [name, { calls: 0, successes: 0 }]));
  readonly #counters = new Map<string, number>();
  readonly #raw: number[] = Array(65).fill(0);
  #rounds = 0;
  #traps = 0;
  #hypercalls = 0;

  constructor(private readonly guest: HostileGuest) {}

  #word(domain: HostDomain, label: string, index: number): number {
    const { pfn, offset } = this.guest.place(label);
    const { views } = domain.domain;
    const at = (pfn * 4096 + offset + index * 8) >> 2;
    return views.u32[at + 1] === 0 ? views.u32[at] : 0;
  }

  last(domain: HostDomain, vcpu: number): string {
    return [6, 7, 23, 24].map((word) => this.#word(domain, `state${vcpu}`, word).toString(16)).join(" ");
  }

  /** What a domain does that makes no progress. */
  rest({ domain }: HostDomain): string {
    return domain.vcpus.map(({ id, sched, state, ctx }) => {
      const { u8 } = domain.views;
      const rip = BigInt.asUintN(64, domain.context.big(ctx, "rip")).toString(16);
      return `v${id}: flags ${sched.flags} mode ${state.guestMode} rip ${rip} pending ${
        u8[state.vcpuInfo]
      } masked ${u8[state.vcpuInfo + 1]} ` +
        `timer ${sched.singleshot - domain.machine.clock.peek()} poll ${state.pollPort} virq ${
          state.virqPorts(0)
        } retired ${domain.context.number(ctx, "retired")}`;
    }).join("; ");
  }

  #progress(domain: HostDomain): number {
    return this.#word(domain, "state0", 1) + this.#word(domain, "state1", 1);
  }

  /** Until the domain ends, rests or has lived long enough. @returns how it went */
  async watch(domain: HostDomain, until: number): Promise<string> {
    let progress = -1, since = performance.now();
    for (;;) {
      if (domain.end !== undefined) {
        const stage = this.#word(domain, "stage", 0);
        // The second vCPU is hostile as soon as it runs: what it does may end the domain before the first one is ready.
        const isSecond = /\(vcpu#1\)/.test(domain.end.registerDump ?? "");
        if (this.#progress(domain) === 0 && stage > 0 && stage < 10 && !isSecond) {
          throw new Error(
            `the hostile guest does not start: ${domain.end.registerDump} result ${
              this.#word(domain, "stage_result", 0).toString(16)
            } stage ${this.#word(domain, "stage", 0)}`,
          );
        }
        const { reason, registerDump = "" } = domain.end;
        const why = registerDump.split("\n")[0].replace(/Domain \d+ \(vcpu#\d+\)/, "Domain").slice(0, 70);
        return reason === "crash" ? `crash: ${why}` : reason;
      }
      const now = performance.now();
      if (now >= until) return "alive";
      const seen = this.#progress(domain);
      if (seen !== progress) {
        progress = seen;
        since = now;
      } else if (now - since > STUCK_MS) return "stuck";
      await sleep(10);
    }
  }

  collect(domain: HostDomain, how: string): void {
    const plausible = (count: number) => count < 1e8 ? count : 0;
    this.#ends.set(how, (this.#ends.get(how) ?? 0) + 1);
    this.#rounds += plausible(this.#progress(domain));
    this.#traps += plausible(this.#word(domain, "state0", 4) + this.#word(domain, "state1", 4));
    // The guest may have written over its own figures: such are not counted.
    const calls = TEMPLATES.map((_, i) => this.#word(domain, "template_calls", i));
    const successes = TEMPLATES.map((_, i) => this.#word(domain, "template_successes", i));
    const rounds = this.#progress(domain);
    const sum = calls.reduce((total, count) => total + count, 0);
    if (sum <= rounds && successes.every((count, i) => count <= calls[i])) {
      TEMPLATES.forEach(({ name }, i) => {
        const figures = this.#templates.get(name)!;
        figures.calls += calls[i];
        figures.successes += successes[i];
      });
      for (let i = 0; i < this.#raw.length; i++) {
        this.#raw[i] += plausible(this.#word(domain, "raw_calls", i));
      }
    }
    for (const [name, count] of Object.entries(domain.info().counters)) {
      this.#counters.set(name, (this.#counters.get(name) ?? 0) + count);
      if (name.startsWith("hypercall ")) this.#hypercalls += count;
    }
  }

  report() {
    return {
      ends: this.#ends,
      rounds: this.#rounds,
      traps: this.#traps,
      hypercalls: this.#hypercalls,
      templates: this.#templates,
      raw: this.#raw,
      counters: this.#counters,
    };
  }
}
