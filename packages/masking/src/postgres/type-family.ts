/** Type OIDs of each family; those of src/include/catalog/pg_type.dat, which never change for built-in types. */
const scalars = {
  bool: [16],
  bytea: [17],
  char: [18],
  text: [19, 25, 705, 1043, 1790, 2275],
  bpchar: [1042],
  int2: [21],
  int4: [23],
  int8: [20],
  oid: [26, 28, 29],
  reg: [24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191],
  xid8: [5069],
  tid: [27],
  float4: [700],
  float8: [701],
  numeric: [1700],
  money: [790],
  date: [1082],
  time: [1083],
  timetz: [1266],
  timestamp: [1114],
  timestamptz: [1184],
  interval: [1186],
  uuid: [2950],
  json: [114],
  jsonb: [3802],
  jsonpath: [4072],
  xml: [142],
  inet: [869],
  cidr: [650],
  macaddr: [829],
  macaddr8: [774],
  bit: [1560],
  varbit: [1562],
  point: [600],
  lseg: [601],
  path: [602],
  box: [603],
  polygon: [604],
  line: [628],
  circle: [718],
  tsvector: [3614],
  tsquery: [3615],
  'pg-lsn': [3220],
  range: [3904, 3906, 3908, 3910, 3912, 3926],
  multirange: [4451, 4532, 4533, 4534, 4535, 4536],
} as const satisfies Readonly<Record<string, readonly number[]>>;

/** What a PostgreSQL type is, as far as masking cares: types of one family share wire forms and transforms. */
export type TypeFamily = keyof typeof scalars | 'array' | 'opaque';

const families = new Map<number, TypeFamily>(
  Object.entries(scalars).flatMap(([family, oids]) => oids.map((oid) => [oid, family as TypeFamily] as const)),
);

const arrays =
  '143:142 199:114 271:5069 629:628 651:650 719:718 775:774 791:790 1000:16 1001:17 1002:18 1003:19 1005:21 ' +
  '1007:23 1008:24 1009:25 1010:27 1011:28 1012:29 1014:1042 1015:1043 1016:20 1017:600 1018:601 1019:602 ' +
  '1020:603 1021:700 1022:701 1027:604 1028:26 1040:829 1041:869 1115:1114 1182:1082 1183:1083 1185:1184 ' +
  '1187:1186 1231:1700 1263:2275 1270:1266 1561:1560 1563:1562 2201:1790 2207:2202 2208:2203 2209:2204 ' +
  '2210:2205 2211:2206 2951:2950 3221:3220 3643:3614 3645:3615 3735:3734 3770:3769 3807:3802 3905:3904 ' +
  '3907:3906 3909:3908 3911:3910 3913:3912 3927:3926 4073:4072 4090:4089 4097:4096 4192:4191 6150:4451 ' +
  '6151:4532 6152:4533 6153:4534 6155:4535 6157:4536';

/** Array type OID to element type OID, for the built-in arrays of every type above (and of pg_type's other public types). */
export const arrayElements: ReadonlyMap<number, number> = new Map(
  arrays.split(' ').map((pair) => pair.split(':').map(Number) as [number, number]),
);

/** @returns the family of a type; `opaque` for everything unknown (enums, composites, extension types), which is masked as SQL NULL. */
export function typeFamily(typeOid: number): TypeFamily {
  if (arrayElements.has(typeOid)) return 'array';
  return families.get(typeOid) ?? 'opaque';
}
