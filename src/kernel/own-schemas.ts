/**
 * How every schema of our own is compiled. That they fit their meta-schemas is proven by a test of them all, since
 * compiling the meta-schemas would take a quarter of each start.
 */
export const ownSchemas = { strict: true, meta: false, validateSchema: false } as const
