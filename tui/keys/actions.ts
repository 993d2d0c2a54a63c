/** What a key or a palette entry asks for. Plain data: the reducer knows what becomes of it. */

export type MainView = "domains" | "pcpus" | "events" | "commands";

/** Where keys go: a main view, a domain's detail, or what lies over them. */
export type KeyContext =
  | MainView
  | "detail"
  | "help"
  | "palette"
  | "filter"
  | "columns"
  | "confirm"
  | "prompt"
  | "choose"
  | "credit";

export type Toggle = "networks" | "vbds" | "vcpus" | "repeatHeader" | "fullName" | "graphs" | "mouse";

/** Command lines that need nothing but the domain. */
export type DomainCommand = "pause" | "unpause" | "shutdown" | "reboot";

/** Questions that are answered with a line of text. */
export type PromptKind =
  | "delay"
  | "memory"
  | "vcpus"
  | "rename"
  | "sysrq"
  | "dump-core"
  | "block-attach"
  | "network-attach";

/** Lists that have to be asked for. */
export type LoadedChoice = "create" | "start";
export type ChoiceKind = LoadedChoice | "detach";

export type Action =
  | { readonly do: "quit" }
  | { readonly do: "repaint" }
  | { readonly do: "suspend" }
  | { readonly do: "move"; readonly by: "line" | "page" | "all"; readonly direction: -1 | 1 }
  | { readonly do: "open-detail" }
  | { readonly do: "back" }
  | { readonly do: "view"; readonly view: MainView }
  | { readonly do: "next-view"; readonly direction: -1 | 1 }
  | { readonly do: "next-tab"; readonly direction: -1 | 1 }
  | { readonly do: "tab" }
  | { readonly do: "next-domain"; readonly direction: -1 | 1 }
  | { readonly do: "toggle"; readonly what: Toggle }
  | { readonly do: "next-sort"; readonly direction: -1 | 1 }
  | { readonly do: "invert-sort" }
  /** Columns to the left or right, where not all fit. */
  | { readonly do: "pan"; readonly direction: -1 | 1 }
  | { readonly do: "next-theme" }
  | { readonly do: "open"; readonly overlay: "help" | "palette" | "filter" | "columns" }
  | { readonly do: "ask"; readonly prompt: PromptKind }
  | { readonly do: "choose"; readonly choice: ChoiceKind }
  | { readonly do: "attach" }
  | { readonly do: "command"; readonly command: DomainCommand }
  | { readonly do: "destroy" }
  | { readonly do: "credit" }
  /** Of an overlay. */
  | { readonly do: "edit" }
  | { readonly do: "accept" }
  | { readonly do: "cancel" }
  | { readonly do: "complete" }
  | { readonly do: "mark" }
  | { readonly do: "adjust"; readonly what: "weight" | "cap"; readonly by: -1 | 1; readonly coarse?: true };

/** Actions that change a domain or the host; `--readonly` refuses them. */
export function changesSomething(action: Action): boolean {
  switch (action.do) {
    case "attach":
    case "command":
    case "destroy":
    case "credit":
    case "choose":
      return true;
    case "ask":
      return action.prompt !== "delay";
    default:
      return false;
  }
}
