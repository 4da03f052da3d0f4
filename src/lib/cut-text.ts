/** What a cut text ends with. */
const CUT = '…';

/** Returns the text, or its beginning with an ellipsis if it has more than `maxCharacters`. */
export function cutText(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  // A plain slice would keep the whole text in memory.
  return Buffer.from(text.slice(0, maxCharacters - CUT.length) + CUT).toString();
}
