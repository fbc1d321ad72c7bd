/** Version of the gateway, as in its package. */
export const gatewayVersion = '0.1.0';
