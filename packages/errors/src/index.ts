export { type CatalogueEntry, catalogue, type ErrorCode, problemType } from './catalogue.ts';
export { isWeirError, WeirError, type WeirErrorOptions } from './weir-error.ts';
