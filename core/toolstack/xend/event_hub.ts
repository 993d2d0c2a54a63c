/** xend's events, told to everyone who follows them. */
import type { XendEvent } from "../api/types.ts";
import { Feed } from "./feed.ts";

/** Events that may wait for a follower that does not read. */
const FOLLOWER_LIMIT = 1000;

export type EventType = XendEvent["type"];
export const EVENT_TYPES = [
  "domain",
  "device",
  "watch",
  "console",
  "log",
  "lost",
] as const satisfies readonly EventType[];

const USUAL_TYPES: ReadonlySet<EventType> = new Set(EVENT_TYPES.filter((type) => type !== "console"));

export class EventHub {
  readonly #followers = new Map<Feed<XendEvent>, ReadonlySet<EventType>>();

  emit(event: XendEvent): void {
    for (const [follower, types] of this.#followers) {
      if (types.has(event.type)) follower.push(event);
    }
  }

  /** True when somebody follows events of a type: what nobody hears need not be made. */
  heard(type: EventType): boolean {
    for (const types of this.#followers.values()) if (types.has(type)) return true;
    return false;
  }

  /** @param types by default all but consoles' output */
  follow(types: ReadonlySet<EventType> = USUAL_TYPES, onClose: () => void = () => {}): Feed<XendEvent> {
    const follower: Feed<XendEvent> = new Feed({
      limit: FOLLOWER_LIMIT,
      sizeOf: () => 1,
      lost: (count): XendEvent => ({ type: "lost", at: Date.now(), count }),
      onClose: () => {
        this.#followers.delete(follower);
        onClose();
      },
    });
    this.#followers.set(follower, types);
    return follower;
  }

  get followers(): number {
    return this.#followers.size;
  }

  end(): void {
    for (const follower of [...this.#followers.keys()]) follower.end();
  }
}
