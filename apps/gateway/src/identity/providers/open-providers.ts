import type { ProviderConfig } from '../../config/provider-schema.ts';
import { readSecret } from '../../config/read-secret.ts';
import { createOidcProvider } from './oidc.ts';
import { createSamlProvider } from './saml.ts';
import { createIdpKeys } from './saml-metadata.ts';
import type { Provider } from './upstream.ts';

/** Makes the clients of all configured providers. Their secrets are read now; nothing is asked of them yet. @throws WeirError invalid_request. */
export async function openProviders(configs: readonly ProviderConfig[], now: () => number): Promise<Provider[]> {
  return Promise.all(
    configs.map(async (config): Promise<Provider> => {
      if (config.type === 'saml') return { saml: createSamlProvider(config, createIdpKeys(config, now)) };
      const secret = await readSecret(config.clientSecret, `client secret of the identity provider ${config.name}`);
      return { oidc: createOidcProvider(config, secret) };
    }),
  );
}
