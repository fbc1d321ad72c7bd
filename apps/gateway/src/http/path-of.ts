/** The path of a request's address, without query: queries can hold secrets, so logs, events and problems name paths alone. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}
