/** Keys that move. */
import { EVERYWHERE, move, type Row } from "../key_row.ts";

export const MOVING: readonly Row[] = [
  {
    id: "up",
    keys: ["Up", "k"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "one line up",
    group: "Moving",
    action: move("line", -1),
  },
  {
    id: "down",
    keys: ["Down", "j"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "one line down",
    group: "Moving",
    action: move("line", 1),
  },
  {
    id: "list-up",
    keys: ["Up", "^P"],
    contexts: ["palette", "choose", "filter"],
    title: "one entry up",
    group: "In dialogs",
    action: move("line", -1),
  },
  {
    id: "list-down",
    keys: ["Down", "^N"],
    contexts: ["palette", "choose", "filter"],
    title: "one entry down",
    group: "In dialogs",
    action: move("line", 1),
  },
  {
    id: "page-up",
    keys: ["PageUp", "^B"],
    contexts: [...EVERYWHERE, "help", "palette", "choose", "columns"],
    title: "one page up",
    group: "Moving",
    action: move("page", -1),
  },
  {
    id: "page-down",
    keys: ["PageDown", "^F"],
    contexts: [...EVERYWHERE, "help", "palette", "choose", "columns"],
    title: "one page down",
    group: "Moving",
    action: move("page", 1),
  },
  {
    id: "first",
    keys: ["Home"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "to the first line",
    group: "Moving",
    action: move("all", -1),
  },
  {
    id: "last",
    keys: ["End", "G"],
    contexts: [...EVERYWHERE, "help", "columns"],
    title: "to the last line",
    group: "Moving",
    action: move("all", 1),
  },
];
