/** pg_type OIDs (catalog pg_type.dat) whose text JSON has a better form for. */
const oid = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  jsonb: 3802,
} as const;

/**
 * A value of a result as JSON, from its text form: bool, integers and floats as JSON has them (an int8 that JavaScript cannot hold exactly, NaN and
 * Infinity stay text), json and jsonb as they are, NULL as null, everything else (numeric, too, for its digits) as text.
 */
export function jsonValue(text: string | null, typeOid: number): unknown {
  if (text === null) return null;
  switch (typeOid) {
    case oid.bool:
      return text === 't' ? true : text === 'f' ? false : text;
    case oid.int2:
    case oid.int4:
    case oid.int8:
    case oid.oid:
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case oid.float4:
    case oid.float8:
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case oid.json:
    case oid.jsonb:
      return parsedOr(text);
    default:
      return text;
  }
}

/** A masked json value need not be JSON. */
function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** Names for the keys of an object: a name that came before gets a number, `name_2`. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let count = 2; taken.has(unique); count += 1) unique = `${name}_${count}`;
    taken.add(unique);
    return unique;
  });
}
