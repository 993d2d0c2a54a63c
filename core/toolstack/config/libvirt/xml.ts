/** XML text. */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** XML 1.0 has no way to write most control characters. */
function escape(text: string): string {
  return text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, "").replace(
    /[&<>"']/g,
    (letter) => ENTITIES[letter],
  );
}

/** An element: text for its content, or the elements in it. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content: string | readonly string[] = [],
): string {
  const head = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}='${escape(String(value))}'`).join("");
  if (typeof content === "string") return `<${name}${head}>${escape(content)}</${name}>`;
  if (content.length === 0) return `<${name}${head}/>`;
  const inner = content.join("\n").replace(/^/gm, "  ");
  return `<${name}${head}>\n${inner}\n</${name}>`;
}

/** An element of text, where there is one. */
export const text = (name: string, content: string | undefined) =>
  content === undefined ? [] : [element(name, {}, content)];
