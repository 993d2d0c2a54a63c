/** A command line as words, and words as a command line that a shell would read the same. */

/** Quotes ('...', "...") and backslashes as a shell has them; no expansions. @throws SyntaxError for a quote that is not closed */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  const points = [...line];
  for (let index = 0; index < points.length; index++) {
    const point = points[index];
    if (point === "\\" && quote !== "'") {
      index++;
      if (index === points.length) throw new SyntaxError("nothing follows the last backslash");
      word = (word ?? "") + points[index];
    } else if (quote !== undefined) {
      if (point === quote) quote = undefined;
      else word = (word ?? "") + point;
    } else if (point === "'" || point === '"') {
      quote = point;
      word ??= "";
    } else if (/\s/.test(point)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + point;
  }
  if (quote !== undefined) throw new SyntaxError(`a quote ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

export function quoteWord(word: string): string {
  return /^[\w@%+=:,./^-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** "xenolith pause guest" */
export function commandLine(words: readonly string[]): string {
  return ["xenolith", ...words].map(quoteWord).join(" ");
}
