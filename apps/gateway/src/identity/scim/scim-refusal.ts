/** Words of RFC 7644 section 3.12 for what is wrong with a request. */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue';

/** A refusal in SCIM's own form: HTTP status, SCIM's word for it, and a sentence. */
export class ScimRefusal extends Error {
  override readonly name = 'ScimRefusal';
  readonly status: number;
  readonly scimType: ScimType | undefined;

  constructor(status: number, scimType: ScimType | undefined, message: string) {
    super(message);
    this.status = status;
    this.scimType = scimType;
  }
}

/** A request that is wrong in itself (400). */
export function badRequest(scimType: ScimType, message: string): ScimRefusal {
  return new ScimRefusal(400, scimType, message);
}

/** The body of an answer that refuses (RFC 7644 section 3.12). */
export function refusalBody({ status, scimType, message }: ScimRefusal): object {
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
    status: String(status),
    ...(scimType === undefined ? {} : { scimType }),
    detail: message,
  };
}
