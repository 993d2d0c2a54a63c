/** The library's face: a Xen host for a program, of its own or the one that the command line uses. */
import { type ConnectOptions, type EventSubscription, XendClient, XendFailure } from "../api/client.ts";
import type { CreateRequest, DomainSummary, NodeInfo, XendEvent } from "../api/types.ts";
import type { XendPaths } from "../xend/paths.ts";
import { type ConfigKeys, configText } from "./config_text.ts";
import { DomainConsole } from "./console.ts";
import { Domain, type DomainEnd } from "./domain.ts";

export interface CreateOptions {
  /** `key=value` settings that come after the configuration's own. */
  readonly overrides?: readonly string[];
  /** Leaves it paused, as built. */
  readonly paused?: boolean;
  /** Paths in the configuration are relative to it; by default the working directory, or the file's own. */
  readonly directory?: string;
}

export interface LaunchOptions {
  /** pCPU workers; by default one for each core. */
  readonly pcpus?: number;
}

type DomainEvent = Extract<XendEvent, { type: "domain" }>;

/** Domains' ends, out of xend's event stream. */
class Ends {
  readonly #waiting = new Map<number, PromiseWithResolvers<DomainEnd>>();
  /** Of domains that ended before their creator knew their domid. */
  readonly #ended = new Map<number, DomainEnd>();
  #failure: XendFailure | undefined;

  readonly #reading: Promise<void>;

  private constructor(private readonly subscription: EventSubscription) {
    this.#reading = this.#read();
  }

  static async follow(client: XendClient): Promise<Ends> {
    return new Ends(await client.followEvents(["domain"]));
  }

  async #read(): Promise<void> {
    try {
      for await (const event of this.subscription.events) {
        if (event.type === "domain" && event.domid !== undefined) this.#take(event, event.domid);
      }
      this.#fail("it ended");
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(reason: unknown): void {
    const words = reason instanceof Error ? reason.message : reason;
    this.#failure = new XendFailure("not-running", `xend is gone: ${words}`);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  #take({ change, reason, registers }: DomainEvent, domid: number): void {
    if (change !== "shutdown" && change !== "destroyed") return;
    const end: DomainEnd = {
      reason: change === "shutdown" && reason !== undefined ? reason : "destroyed",
      ...(registers === undefined ? {} : { registers }),
    };
    const waiting = this.#waiting.get(domid);
    if (waiting === undefined) {
      if (!this.#ended.has(domid)) this.#ended.set(domid, end);
      return;
    }
    this.#waiting.delete(domid);
    waiting.resolve(end);
  }

  async close(): Promise<void> {
    await this.subscription.close();
    await this.#reading;
  }

  of(domid: number): Promise<DomainEnd> {
    const end = this.#ended.get(domid);
    if (end !== undefined) return Promise.resolve(end);
    const waiting = Promise.withResolvers<DomainEnd>();
    waiting.promise.catch(() => {}); // Whoever wants to know awaits it.
    if (this.#failure !== undefined) waiting.reject(this.#failure);
    else this.#waiting.set(domid, waiting);
    return waiting.promise;
  }
}

/** The domains of a host. */
export class Domains {
  #ends: Promise<Ends> | undefined;

  constructor(private readonly client: XendClient) {}

  /** Called by the host's own end. */
  async close(): Promise<void> {
    await (await this.#ends)?.close();
  }

  /** Domain-0 first, then by domid. */
  list(): Promise<DomainSummary[]> {
    return this.client.domains();
  }

  /**
   * Creates a domain and starts it, its console attached.
   *
   * ```ts
   * import { Xen } from "./mod.ts";
   *
   * await using xen = await Xen.launch();
   * await using domain = await xen.domains.create('name = "doc-create"\nkernel = "builtin:echo"\nmemory = 16\n');
   * await domain.console.waitFor("> ");
   * await domain.console.write("halt\n");
   * console.assert((await domain.ended).reason === "poweroff");
   * ```
   * @param config the text of a configuration file, or its keys
   * @throws XendFailure, TypeError for values that a configuration cannot have
   */
  create(config: ConfigKeys | string, options: CreateOptions = {}): Promise<Domain> {
    const text = typeof config === "string" ? config : configText(config);
    return this.#create(text, "configuration", options.directory ?? Deno.cwd(), options);
  }

  /** As `create`, from a file. */
  async createFromFile(path: string, options: CreateOptions = {}): Promise<Domain> {
    // Not by node:path, whose loading `xenolith list` would wait for.
    const absolute = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
    const directory = options.directory ?? absolute.slice(0, absolute.lastIndexOf("/") + 1);
    return await this.#create(await Deno.readTextFile(absolute), path, directory, options);
  }

  async #create(text: string, fileName: string, directory: string, options: CreateOptions): Promise<Domain> {
    const { client } = this;
    const ends = await (this.#ends ??= Ends.follow(client));
    const request: CreateRequest = {
      fileName,
      text,
      overrides: options.overrides ?? [],
      directory,
      // Until its console is attached: a guest may end within milliseconds.
      paused: true,
      defineOnly: false,
      environment: Deno.env.toObject(),
    };
    const { name, domid, warnings } = await client.create(request);
    if (domid === undefined) throw new XendFailure("internal", `${name} has no domid`);
    try {
      const { uuid } = await client.domain(domid);
      const console = new DomainConsole(await client.attachConsole(uuid), name);
      const domain = new Domain(client, name, domid, uuid, console, ends.of(domid), warnings);
      if (options.paused !== true) await domain.unpause();
      return domain;
    } catch (error) {
      await client.destroy(domid);
      throw error;
    }
  }
}

/**
 * A Xen host.
 *
 * ```ts
 * import { Xen } from "./mod.ts";
 *
 * await using xen = await Xen.launch();
 * const [dom0] = await xen.domains.list();
 * console.assert(dom0.name === "Domain-0");
 * ```
 */
export class Xen implements AsyncDisposable {
  readonly domains: Domains;

  private constructor(
    /** Every call of xend's API. */
    readonly client: XendClient,
    private readonly cleanUp: () => Promise<void>,
  ) {
    this.domains = new Domains(client);
  }

  /**
   * The host that this user's command line uses: finds xend, or starts it. One that this call started is stopped in the end, if nobody has a domain
   * in it then.
   * @throws XendFailure when it cannot be started
   */
  static async connect(options: Omit<ConnectOptions, "start"> = {}): Promise<Xen> {
    try {
      return new Xen(await XendClient.connect(options), () => Promise.resolve());
    } catch (error) {
      if (!(error instanceof XendFailure) || error.code !== "not-running") throw error;
    }
    const client = await XendClient.connect({ ...options, start: true });
    return new Xen(client, async () => {
      const domains = await client.domains();
      if (domains.length <= 1) await stopXend(client);
    });
  }

  /** A host of the program's own, in a folder that goes with it: what other programs do is not seen, and does not matter. */
  static async launch(options: LaunchOptions = {}): Promise<Xen> {
    const folder = await Deno.makeTempDir({ prefix: "xenolith-" });
    const paths: XendPaths = { state: `${folder}/state`, log: `${folder}/log`, run: folder };
    const remove = () => Deno.remove(folder, { recursive: true });
    try {
      const xendArguments = options.pcpus === undefined ? [] : ["--pcpus", String(options.pcpus)];
      const client = await XendClient.connect({ paths, start: true, xendArguments });
      return new Xen(client, async () => {
        await stopXend(client);
        await remove();
      });
    } catch (error) {
      await remove();
      throw error;
    }
  }

  node(): Promise<NodeInfo> {
    return this.client.node();
  }

  /** What happens, as it happens; of all types or of these. Leaving the loop ends it. */
  events(types: readonly XendEvent["type"][] = []): AsyncGenerator<XendEvent> {
    return this.client.events(types);
  }

  /** Ends the connection, and xend where this object started it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.domains.close();
      await this.cleanUp();
    } finally {
      this.client[Symbol.dispose]();
    }
  }
}

const POLL_MS = 10;

/** Stops xend and waits for its process, which writes its last records after it has said goodbye. */
async function stopXend(client: XendClient): Promise<void> {
  const { default: process } = await import("node:process");
  const { pid } = await client.status();
  await client.stop(0);
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ESRCH") return;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
