/** Puts the views on the screen: the one place that loads Ink and React. */
import { render, type RenderOptions } from "ink";
import { App, type AppProps } from "./app.tsx";

/** @returns what takes them off again */
export function mount(options: RenderOptions, props: AppProps): () => void {
  const ink = render(<App {...props} />, options);
  return () => ink.unmount();
}
