/** Version that the agent tells the gateway. */
export const agentVersion = '0.1.0';
