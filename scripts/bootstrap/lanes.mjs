/** The closing lines on test lanes that were left out, from the lines `NAME<tab>WHY` that the tests wrote; empty when none was. */
export function laneSummary(text) {
  const lanes = new Map();
  for (const line of text.split('\n')) {
    const [name, why] = line.split('\t');
    if (name) lanes.set(name, why ?? '');
  }
  if (lanes.size === 0) return '';
  const list = [...lanes].sort(([a], [b]) => a.localeCompare(b)).map(([name, why]) => `  ${name}: ${why}`);
  const count = lanes.size === 1 ? '1 lane was' : `${lanes.size} lanes were`;
  return `\n${count} left out (WEIR_REQUIRE_ALL=1 makes that a failure):\n${list.join('\n')}\n`;
}
