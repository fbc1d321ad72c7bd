import { DOMParser, type Element } from '@xmldom/xmldom';
import type { Expectation } from './saml-assertion.ts';

/** Largest answer, characters of base64. */
const maxAnswerLength = 512 * 1024;
const protocolNamespace = 'urn:oasis:names:tc:SAML:2.0:protocol';
const assertionNamespace = 'urn:oasis:names:tc:SAML:2.0:assertion';
const signatureNamespace = 'http://www.w3.org/2000/09/xmldsig#';
const success = 'urn:oasis:names:tc:SAML:2.0:status:Success';

/**
 * Refuses XML in which different readers see different things before any reader sees it: document types and entities, comments, CDATA, processing
 * instructions, and weak or disguised algorithms. Providers send none of these. @returns the text. @throws Error.
 */
export function refuseUnsafeXml(answer: string): string {
  if (answer.length > maxAnswerLength) throw new Error('the answer is too long');
  if (!/^[A-Za-z0-9+/=\r\n ]+$/.test(answer)) throw new Error('the answer is not base64');
  const xml = Buffer.from(answer, 'base64').toString('utf8');
  if (xml.includes('\u0000') || xml.includes('\ufffd')) throw new Error('the answer is not UTF-8');
  if (xml.includes('<!')) throw new Error('the answer has a document type, a comment or CDATA');
  if (
    xml
      .trimStart()
      .replace(/^\ufeff?<\?xml [^>]*\?>/, '')
      .includes('<?')
  )
    throw new Error('the answer has a processing instruction');
  for (const [, algorithm = ''] of xml.matchAll(/Algorithm\s*=\s*["']([^"']*)["']/g)) {
    if (algorithm.includes('&') || /sha1\b|md5|hmac/i.test(algorithm))
      throw new Error('the answer is signed by a weak algorithm');
  }
  return xml;
}

/** Refuses an answer whose form leaves a choice of what is meant: one assertion, right below the answer, ids that are unique, no encryption. @throws Error. */
export function requireSoundAnswer(xml: string, { acs, requestId, issuer }: Expectation): void {
  const root = parseXml(xml).documentElement;
  if (root === null || root.namespaceURI !== protocolNamespace || root.localName !== 'Response')
    throw new Error('it is no SAML response');
  if (root.getElementsByTagNameNS('*', 'EncryptedAssertion').length > 0)
    throw new Error('the assertion is encrypted, and there is no key for it here');
  const [status] = childrenOf(root, protocolNamespace, 'Status');
  const [code] = status === undefined ? [] : childrenOf(status, protocolNamespace, 'StatusCode');
  if (code?.getAttribute('Value') !== success)
    throw new Error(`the provider says ${code?.getAttribute('Value')?.split(':').pop() ?? 'nothing'}`);
  if (root.getElementsByTagNameNS('*', 'Assertion').length !== 1) throw new Error('it has not one assertion');
  if (childrenOf(root, assertionNamespace, 'Assertion').length !== 1)
    throw new Error('the assertion is not in its place');
  const all = [root, ...root.getElementsByTagNameNS('*', '*')];
  const ids = all.flatMap((element) => ['ID', 'Id', 'id'].map((name) => element.getAttribute(name) ?? ''));
  const used = ids.filter((id) => id !== '');
  if (new Set(used).size !== used.length) throw new Error('two of its parts have one id');
  for (const signature of root.getElementsByTagNameNS(signatureNamespace, 'Signature')) {
    const parent = signature.parentNode as Element | null;
    if (parent?.localName !== 'Response' && parent?.localName !== 'Assertion')
      throw new Error('a signature is not in its place');
  }
  const destination = root.getAttribute('Destination') ?? '';
  if (destination !== '' && destination !== acs) throw new Error('the answer is for another destination');
  if (root.getAttribute('InResponseTo') !== requestId) throw new Error('the answer is to another request');
  const [from] = childrenOf(root, assertionNamespace, 'Issuer');
  if (from !== undefined && from.textContent !== issuer) throw new Error('the answer is by another issuer');
}

/** Reads XML; anything that is not well-formed is an error. @throws Error. */
export function parseXml(xml: string) {
  const parser = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  });
  try {
    return parser.parseFromString(xml, 'text/xml');
  } catch (cause) {
    throw new Error('it is no sound XML', { cause });
  }
}

/** Child elements of a name. */
export function childrenOf(parent: Element, namespace: string, name: string): Element[] {
  return Array.from(parent.childNodes).filter(
    (node): node is Element =>
      node.nodeType === 1 && (node as Element).namespaceURI === namespace && (node as Element).localName === name,
  );
}
