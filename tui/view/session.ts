/** The running dashboard: terminal, feed, state and views put together; it carries out what the reducer wants done. */
import type { Effect, UiEvent, UiWorld } from "../keys/events.ts";
import type { LoadedChoice } from "../keys/actions.ts";
import { reduce } from "../keys/reducer.ts";
import { find } from "../keys/selection.ts";
import { initialState, TABS } from "../keys/ui_state.ts";
import { commandLine } from "../keys/words.ts";
import { Feed } from "../model/mod.ts";
import type { DashboardOptions, DashboardPorts } from "../ports.ts";
import { guardTerminal, type InputEvent, InputReader, Screen } from "../screen/mod.ts";
import { attachConsole, type Lend } from "./console_session.ts";
import { DetailSource } from "./detail_source.ts";
import { SceneStore } from "./scene.ts";
import { Viewport } from "./viewport.ts";
import { VisibleRows, worldOf } from "./world.ts";
import { Looks } from "./looks.ts";

const FIRST_FRAME = "xentop - Xenolith\n\n\n\nconnecting to xend ...";

const reason = (error: unknown) => error instanceof Error ? error.message : String(error);

export class Session {
  readonly #screen: Screen;
  readonly #feed: Feed;
  readonly #store: SceneStore;
  readonly #viewport = new Viewport();
  readonly #visible = new VisibleRows();
  readonly #detail: DetailSource;
  readonly #input: InputReader;
  readonly #looks: Looks;
  readonly #ended = Promise.withResolvers<number>();
  #commands = 0;
  #isMounted = false;
  #isAttached = false;

  constructor(private readonly ports: DashboardPorts, private readonly options: DashboardOptions) {
    this.#screen = new Screen(ports.terminal);
    this.#feed = new Feed(ports, { delaySeconds: options.delaySeconds });
    this.#looks = new Looks(ports.environment, options);
    this.#store = new SceneStore({
      ui: initialState(options, this.#looks.first),
      snapshot: this.#feed.getSnapshot(),
      detail: {},
      size: ports.terminal.size(),
    });
    this.#detail = new DetailSource(
      () => this.#feed.xend,
      (detail) => this.#store.set({ detail }),
      () => ports.terminal.size(),
    );
    this.#input = new InputReader(ports.terminal.input(), (event) => this.#onInput(event));
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    const { terminal } = this.ports;
    const endGuard = guardTerminal(() => this.#screen.leave());
    const endListening = terminal.onResize(() => this.#store.set({ size: terminal.size() }));
    let unmount = () => {};
    try {
      this.#screen.enter();
      // Ink takes longer to load than xend to answer: until then this is the screen.
      this.#screen.stdout.write(FIRST_FRAME);
      this.#screen.flush();
      this.#feed.subscribe(() => this.#onFeed());
      this.#feed.start();
      this.#input.run().then(() => this.#ended.resolve(0), (error) => this.#ended.reject(error));
      const { mount } = await import("./mount.tsx");
      unmount = mount(this.#screen.inkOptions(), {
        store: this.#store,
        viewport: this.#viewport,
        world: () => this.#world(),
        visible: this.#visible,
        looks: this.#looks,
        onError: (error) => this.#ended.reject(error),
      });
      this.#isMounted = true;
      this.#countDown();
      return await this.#ended.promise;
    } finally {
      this.#input.stop();
      this.#detail.close();
      this.#screen.leave();
      endListening();
      unmount();
      endGuard();
      await this.#feed.stop();
    }
  }

  #world(): UiWorld {
    return worldOf(this.#store.get(), this.#viewport, this.#visible, this.#looks.names, this.ports.now());
  }

  #dispatch(event: UiEvent): void {
    const { state, effects } = reduce(this.#store.get().ui, event, this.#world());
    this.#store.set({ ui: state });
    for (const effect of effects) this.#perform(effect);
    this.#showDetail();
  }

  #showDetail(): void {
    const { ui, snapshot } = this.#store.get();
    const row = find(snapshot.rows, ui.detail?.uuid);
    this.#detail.show(
      ui.detail === undefined || row === undefined
        ? undefined
        : { uuid: ui.detail.uuid, domid: row.figures.domid, tab: TABS[ui.detail.tab] },
    );
  }

  #onFeed(): void {
    const before = this.#store.get().snapshot;
    const snapshot = this.#feed.getSnapshot();
    this.#store.set({ snapshot });
    if (before.connection.kind === "lost" && snapshot.connection.kind === "connected") {
      this.#dispatch({ type: "message", severity: "done", text: "xend is back" });
    }
    if (before.host !== snapshot.host) {
      this.#dispatch({ type: "refreshed" });
      this.#detail.refresh();
    }
    this.#countDown();
  }

  /** Ends after so many refreshes as were asked for. */
  #countDown(): void {
    const { iterations } = this.options;
    if (iterations === 0 || !this.#isMounted || this.#feed.count < iterations) return;
    // The last figures are to be seen, too.
    setTimeout(() => {
      this.#screen.flush();
      this.#ended.resolve(0);
    });
  }

  #onInput(event: InputEvent): void {
    if (event.kind === "key") {
      const key = event.text === undefined ? { name: event.name } : { name: event.name, text: event.text };
      return this.#dispatch({ type: "key", key });
    }
    if (event.kind === "paste") return this.#dispatch({ type: "paste", text: event.text });
    switch (event.action) {
      case "wheel-up":
        return this.#dispatch({ type: "wheel", direction: -1 });
      case "wheel-down":
        return this.#dispatch({ type: "wheel", direction: 1 });
      case "press": {
        if (event.button !== "left") return;
        const meant = this.#viewport.eventAt(event.column, event.row);
        if (meant !== undefined) this.#dispatch(meant);
        return;
      }
      case "release":
        return;
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "quit":
        return this.#ended.resolve(0);
      case "repaint":
        return this.#screen.repaint();
      case "suspend":
        return this.#inBackground(this.#suspend());
      case "mouse":
        return this.#screen.setMouse(effect.on);
      case "delay":
        return this.#feed.setDelay(effect.seconds);
      case "run":
        return this.#inBackground(this.#run(effect.words));
      case "attach":
        return this.#inBackground(this.#attach(effect.domain));
      case "load":
        return this.#inBackground(this.#load(effect.choice));
    }
  }

  /** What fails there in an unforeseen way ends the dashboard, which prints it. */
  #inBackground(work: Promise<void>): void {
    work.catch((error) => this.#ended.reject(error));
  }

  /** @returns what tells how it ended */
  #logCommand(words: readonly string[]): (state: "done" | "failed", output: string) => void {
    const command = { id: ++this.#commands, at: this.ports.now(), line: commandLine(words) };
    this.#dispatch({ type: "command", ...command, state: "running", output: "" });
    return (state, output) => this.#dispatch({ type: "command", ...command, state, output });
  }

  async #run(words: readonly string[]): Promise<void> {
    const end = this.#logCommand(words);
    try {
      const { code, output } = await this.ports.run(words);
      end(code === 0 ? "done" : "failed", code === 0 || output.trim() !== "" ? output : `exit code ${code}`);
    } catch (error) {
      end("failed", reason(error));
    }
    this.#feed.refresh();
  }

  async #suspend(): Promise<void> {
    const { terminal } = this.ports;
    this.#screen.suspend();
    terminal.setRaw(false);
    try {
      await terminal.stop();
    } finally {
      terminal.setRaw(true);
      this.#screen.resume();
    }
    this.#feed.refresh();
  }

  async #load(choice: LoadedChoice): Promise<void> {
    try {
      const items = choice === "create" ? await this.ports.configurations() : await this.#stopped();
      this.#dispatch({ type: "choices", choice, items });
    } catch (error) {
      this.#dispatch({ type: "choices-failed", choice, message: reason(error) });
    }
  }

  /** Managed domains that do not run. */
  async #stopped(): Promise<readonly string[]> {
    const { xend } = this.#feed;
    if (xend === undefined) throw new Error("xend is not there");
    return (await xend.list(true)).filter(({ managed, domid }) => managed && domid === undefined).map((
      { name },
    ) => name);
  }

  async #attach(domain: string): Promise<void> {
    const { xend } = this.#feed;
    if (this.#isAttached) return;
    const end = this.#logCommand(["console", domain]);
    if (xend === undefined) return end("failed", "xend is not there");
    this.#isAttached = true;
    const lend: Lend = (taker) => {
      this.#screen.suspend();
      this.ports.terminal.write(`\r\n[console of ${domain}: ^] comes back to the dashboard]\r\n`);
      const giveBack = this.#input.divert(taker);
      return () => {
        giveBack();
        this.#screen.resume();
      };
    };
    try {
      const how = await attachConsole(xend, domain, this.ports.terminal, lend);
      end("done", how === "left" ? "" : "the console has ended");
    } catch (error) {
      end("failed", reason(error));
    } finally {
      this.#isAttached = false;
      this.#feed.refresh();
    }
  }
}
