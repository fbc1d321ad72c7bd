import { type Node, openNode, type SelectStmt, stringList } from './ast.ts';

/** The name that the server gives an output column without alias. */
export function outputName(node: Node | undefined): string {
  return nameWithStrength(node).name ?? '?column?';
}

interface Named {
  readonly name: string | null;
  /** A strong name wins over the name of the type in a cast. */
  readonly strong: boolean;
}
const unnamed: Named = { name: null, strong: false };

function strong(name: string | undefined): Named {
  return name === undefined ? unnamed : { name, strong: true };
}

const fixedNames: Readonly<Record<string, string>> = {
  CoalesceExpr: 'coalesce',
  A_ArrayExpr: 'array',
  RowExpr: 'row',
  GroupingFunc: 'grouping',
  MergeSupportFunc: 'merge_action',
  XmlSerialize: 'xmlserialize',
  JsonParseExpr: 'json',
  JsonScalarExpr: 'json_scalar',
  JsonSerializeExpr: 'json_serialize',
  JsonObjectConstructor: 'json_object',
  JsonArrayConstructor: 'json_array',
  JsonArrayQueryConstructor: 'json_array',
  JsonObjectAgg: 'json_objectagg',
  JsonArrayAgg: 'json_arrayagg',
};

function nameWithStrength(node: Node | undefined): Named {
  const open = openNode(node);
  if (open === null) return unnamed;
  const { tag, body } = open;
  if (Object.hasOwn(fixedNames, tag)) return strong(fixedNames[tag]);
  switch (tag) {
    case 'ColumnRef':
      return strong(stringList(body['fields'] as Node[] | undefined).at(-1));
    case 'A_Indirection': {
      const field = stringList(body['indirection'] as Node[] | undefined).at(-1);
      return field === undefined ? nameWithStrength(body['arg'] as Node | undefined) : strong(field);
    }
    case 'FuncCall':
      return strong(stringList(body['funcname'] as Node[] | undefined).at(-1));
    case 'A_Expr':
      return body['kind'] === 'AEXPR_NULLIF' ? strong('nullif') : unnamed;
    case 'CollateClause':
      return nameWithStrength(body['arg'] as Node | undefined);
    case 'TypeCast':
      return castName(body);
    case 'CaseExpr': {
      const inner = nameWithStrength(body['defresult'] as Node | undefined);
      return inner.strong ? inner : { name: 'case', strong: false };
    }
    case 'SubLink':
      return subLinkName(body);
    case 'MinMaxExpr':
      return strong(body['op'] === 'IS_LEAST' ? 'least' : 'greatest');
    case 'SQLValueFunction':
      return strong(String(body['op']).replace('SVFOP_', '').replace(/_N$/, '').toLowerCase());
    case 'XmlExpr':
      return strong(String(body['op']).replace('IS_', '').toLowerCase());
    case 'JsonFuncExpr':
      return strong(String(body['op']).replace('_OP', '').toLowerCase());
    default:
      return unnamed;
  }
}

function castName(body: Record<string, unknown>): Named {
  const inner = nameWithStrength(body['arg'] as Node | undefined);
  if (inner.strong) return inner;
  const type = stringList((body['typeName'] as { names?: Node[] } | undefined)?.names).at(-1);
  return type === undefined ? inner : { name: type, strong: false };
}

function subLinkName(body: Record<string, unknown>): Named {
  switch (body['subLinkType']) {
    case 'EXISTS_SUBLINK':
      return strong('exists');
    case 'ARRAY_SUBLINK':
      return strong('array');
    case 'EXPR_SUBLINK': {
      let select = openNode(body['subselect'])?.body as SelectStmt | undefined;
      while (select?.larg !== undefined) select = select.larg;
      const target = openNode(select?.targetList?.[0])?.body as { name?: string; val?: Node } | undefined;
      if (target === undefined) return unnamed;
      return target.name === undefined ? nameWithStrength(target.val) : strong(target.name);
    }
    default:
      return unnamed;
  }
}
