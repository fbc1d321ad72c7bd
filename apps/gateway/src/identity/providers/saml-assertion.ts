/** An assertion as node-saml reads it from the bytes that were signed; prefixes are gone, text is in `_`, attributes in `$`. */
export interface Assertion {
  readonly $?: Attributes;
  readonly Issuer?: readonly Text[];
  readonly Subject?: readonly {
    readonly NameID?: readonly Text[];
    readonly SubjectConfirmation?: readonly {
      readonly $?: Attributes;
      readonly SubjectConfirmationData?: readonly { readonly $?: Attributes }[];
    }[];
  }[];
  readonly Conditions?: readonly { readonly AudienceRestriction?: readonly unknown[] }[];
  readonly AuthnStatement?: readonly { readonly $?: Attributes }[];
  readonly AttributeStatement?: readonly {
    readonly Attribute?: readonly { readonly $?: Attributes; readonly AttributeValue?: readonly (string | Text)[] }[];
  }[];
}
type Attributes = Readonly<Partial<Record<string, string>>>;
interface Text {
  readonly _?: string;
  readonly $?: Attributes;
}

/** What an answer must be for. */
export interface Expectation {
  readonly acs: string;
  readonly entityId: string;
  readonly requestId: string;
  /** Entity id of the provider. */
  readonly issuer: string;
}

const bearer = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';

/**
 * Checks what node-saml leaves open, in the signed bytes alone: issuer, an audience, and one bearer confirmation for this address and this request
 * (SAML profiles 2.0, section 4.1.4.3). The answer around an assertion need not be signed, so the request's id there proves nothing.
 * @throws Error that says what is wrong.
 */
export function confirmationOf(
  assertion: Assertion,
  { acs, requestId, issuer }: Expectation,
): { readonly id: string; readonly expiresAtMs: number } {
  const id = assertion.$?.['ID'];
  if (id === undefined || id === '') throw new Error('the assertion has no id');
  const [by, ...others] = assertion.Issuer ?? [];
  if (by === undefined || others.length > 0 || textOf(by) !== issuer)
    throw new Error('the assertion is by another issuer');
  if (assertion.Conditions?.[0]?.AudienceRestriction === undefined) throw new Error('the assertion names no audience');
  const [subject, ...subjects] = assertion.Subject ?? [];
  if (subject === undefined || subjects.length > 0) throw new Error('the assertion does not name one subject');
  if ((subject.NameID ?? []).length > 1) throw new Error('the assertion names the subject twice');
  const ofBearer = (subject.SubjectConfirmation ?? []).filter(({ $ }) => $?.['Method'] === bearer);
  const [confirmation, ...more] = ofBearer;
  const data = confirmation?.SubjectConfirmationData?.[0]?.$;
  if (data === undefined || more.length > 0) throw new Error('the assertion has not one bearer confirmation');
  if (data['Recipient'] !== acs) throw new Error('the assertion is for another recipient');
  if (data['InResponseTo'] !== requestId) throw new Error('the assertion answers another request');
  const expiresAtMs = instantOf(data['NotOnOrAfter']);
  if (expiresAtMs === undefined) throw new Error('the assertion does not say until when it holds');
  return { id, expiresAtMs };
}

/** All values of an attribute. @returns undefined when it is not there, or a value is not plain text. */
export function attributeOf(assertion: Assertion, name: string): string[] | undefined {
  const attributes = (assertion.AttributeStatement ?? [])
    .flatMap((statement) => statement.Attribute ?? [])
    .filter((attribute) => attribute.$?.['Name'] === name);
  if (attributes.length === 0) return undefined;
  const values = attributes.flatMap((attribute) => attribute.AttributeValue ?? []).map(textOf);
  return values.every((value) => value !== undefined) ? values : undefined;
}

/** The text of an element. @returns undefined when there are elements in it: readers do not agree what its text is then. */
export function textOf(value: string | Text): string | undefined {
  if (typeof value === 'string') return value;
  return Object.keys(value).every((key) => key === '_' || key === '$') ? value._ : undefined;
}

/** Milliseconds of an instant with a time zone. @returns undefined when it is none. */
export function instantOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text))
    return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
