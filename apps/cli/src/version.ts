/** Version of this program. */
export const weirVersion = '0.1.0';
