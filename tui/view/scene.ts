/** Everything that the screen is made of, in one place: who changes it tells the views once, however much changes in a turn. */
import type { Snapshot } from "../model/types.ts";
import type { UiState } from "../keys/ui_state.ts";
import type { DetailData } from "./detail_source.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Scene {
  readonly ui: UiState;
  readonly snapshot: Snapshot;
  readonly detail: DetailData;
  readonly size: Size;
}

export class SceneStore {
  #scene: Scene;
  #isTelling = false;
  readonly #listeners = new Set<() => void>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  readonly get = (): Scene => this.#scene;

  readonly subscribe = (listener: () => void): () => void => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(changes: Partial<Scene>): void {
    const isNew = Object.entries(changes).some(([key, value]) => this.#scene[key as keyof Scene] !== value);
    if (!isNew) return;
    this.#scene = { ...this.#scene, ...changes };
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
