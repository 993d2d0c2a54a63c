/** The whole screen. */
import { Box } from "ink";
import { Component, type ReactElement, type ReactNode, useSyncExternalStore } from "react";
import type { UiWorld } from "../keys/events.ts";
import { Columns } from "./columns.tsx";
import { commandLines } from "./command_log.ts";
import { Detail } from "./detail.tsx";
import { Choose, Confirm, Credit, PromptDialog } from "./dialogs.tsx";
import { DomainTable } from "./domain_table.tsx";
import { eventLines } from "./events.ts";
import { Footer } from "./footer.tsx";
import { Header, HEADER_HEIGHT } from "./header.tsx";
import { Help } from "./help.tsx";
import { type Line, line, span } from "./line.ts";
import { Lines } from "./lines.tsx";
import { type Look, LookProvider } from "./look.ts";
import type { Looks } from "./looks.ts";
import { Palette } from "./palette.tsx";
import { pcpuLines } from "./pcpus.ts";
import type { Scene, SceneStore } from "./scene.ts";
import { Scroll } from "./scroll.tsx";
import { viewBar } from "./view_bar.ts";
import type { Viewport } from "./viewport.ts";
import type { VisibleRows } from "./world.ts";

export const LEAST = { columns: 80, rows: 24 };
const FOOTER_HEIGHT = 2;

interface ScreenProps {
  readonly scene: Scene;
  readonly viewport: Viewport;
  readonly world: UiWorld;
  readonly visible: VisibleRows;
  readonly look: Look;
  /** Of what comes from xend: grey while xend is lost. */
  readonly figuresLook: Look;
}

function Overlay({ scene: { ui, size }, viewport, world }: ScreenProps): ReactElement | null {
  const { overlay } = ui;
  switch (overlay?.kind) {
    case undefined:
    case "filter":
      return null;
    case "help":
      return <Help ui={ui} size={size} viewport={viewport} />;
    case "palette":
      return <Palette overlay={overlay} ui={ui} world={world} size={size} />;
    case "columns":
      return <Columns index={overlay.index} ui={ui} world={world} size={size} />;
    case "confirm":
      return <Confirm overlay={overlay} world={world} size={size} />;
    case "prompt":
      return <PromptDialog overlay={overlay} world={world} size={size} />;
    case "choose":
      return <Choose overlay={overlay} world={world} size={size} />;
    case "credit":
      return <Credit overlay={overlay} world={world} size={size} />;
  }
}

function viewLines({ scene: { ui, snapshot, size }, look }: ScreenProps): readonly Line[] {
  switch (ui.view) {
    case "pcpus":
      return pcpuLines(snapshot.host, snapshot.rows, size.columns, look);
    case "events":
      return eventLines(snapshot.notices, size.columns);
    default:
      return commandLines(ui.commands, size.columns);
  }
}

function View(props: ScreenProps & { readonly height: number }): ReactElement {
  const { scene: { ui, snapshot, detail, size }, viewport, height } = props;
  const width = size.columns;
  if (ui.detail !== undefined) {
    return (
      <Detail
        ui={ui}
        snapshot={snapshot}
        data={detail}
        width={width}
        height={height}
        top={HEADER_HEIGHT}
        viewport={viewport}
      />
    );
  }
  const table = props.visible.table(snapshot, ui);
  const bar = viewBar(ui.view, {
    shown: table.length,
    domains: snapshot.rows.length,
    events: snapshot.notices.length,
    commands: ui.commands.length,
  });
  viewport.targets = bar.places.map(({ from, to, view }) => ({
    line: HEADER_HEIGHT,
    from,
    to,
    event: { type: "click-view", view },
  }));
  const body = height - 1;
  return (
    <Box flexDirection="column" flexShrink={0} height={height}>
      <Lines lines={[bar.line]} width={width} height={1} />
      {ui.view === "domains"
        ? (
          <DomainTable
            ui={ui}
            snapshot={snapshot}
            table={table}
            width={width}
            height={body}
            top={HEADER_HEIGHT + 1}
            viewport={viewport}
          />
        )
        : <Scroll lines={viewLines(props)} ui={ui} width={width} height={body} viewport={viewport} />}
    </Box>
  );
}

export function Screen(props: ScreenProps): ReactElement {
  const { scene: { ui, snapshot, size }, world, viewport, figuresLook } = props;
  const { columns, rows } = size;
  viewport.clear();
  if (columns < LEAST.columns || rows < LEAST.rows) {
    const text =
      `The dashboard needs ${LEAST.columns}x${LEAST.rows}; this terminal has ${columns}x${rows}. q quits.`;
    const parts = Array.from(
      { length: Math.ceil(text.length / Math.max(1, columns)) },
      (_, at) => line(span(text.slice(at * columns, (at + 1) * columns), "warning")),
    );
    return <Lines lines={parts} width={columns} height={rows} />;
  }
  return (
    <Box flexDirection="column" width={columns} height={rows} flexShrink={0}>
      <LookProvider value={figuresLook}>
        <Header host={snapshot.host} width={columns} />
        <View {...props} look={figuresLook} height={rows - HEADER_HEIGHT - FOOTER_HEIGHT} />
      </LookProvider>
      <Footer ui={ui} connection={snapshot.connection} now={world.now} width={columns} />
      <Overlay {...props} />
    </Box>
  );
}

/** What a view throws ends the dashboard with that error, not with Ink's picture of it. */
class Boundary
  extends Component<{ readonly children: ReactNode; readonly onError: (error: unknown) => void }> {
  override readonly state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    this.props.onError(error);
  }

  override render(): ReactNode {
    return this.state.failed ? null : this.props.children;
  }
}

export interface AppProps {
  readonly store: SceneStore;
  readonly viewport: Viewport;
  readonly world: () => UiWorld;
  readonly visible: VisibleRows;
  readonly looks: Looks;
  readonly onError: (error: unknown) => void;
}

function Content({ store, viewport, world, visible, looks }: Omit<AppProps, "onError">): ReactElement {
  const scene = useSyncExternalStore(store.subscribe, store.get);
  const look = looks.look(scene.ui.theme, false);
  const figuresLook = looks.look(scene.ui.theme, scene.snapshot.connection.kind === "lost");
  return (
    <LookProvider value={look}>
      <Screen
        scene={scene}
        viewport={viewport}
        world={world()}
        visible={visible}
        look={look}
        figuresLook={figuresLook}
      />
    </LookProvider>
  );
}

export function App({ onError, ...props }: AppProps): ReactElement {
  return (
    <Boundary onError={onError}>
      <Content {...props} />
    </Boundary>
  );
}
