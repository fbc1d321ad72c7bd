import { Injectable, type PipeTransform } from '@nestjs/common';
import { WeirError } from '@weir/errors';
import type { z } from 'zod';

/** Checks a body, query or parameter with a schema of @weir/api. A missing body counts as {}. @throws WeirError invalid_request. */
@Injectable()
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(private readonly schema: S) {}

  transform(value: unknown): z.output<S> {
    const parsed = this.schema.safeParse(value ?? {});
    if (parsed.success) return parsed.data;
    const why = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
    throw new WeirError('invalid_request', 'The request is not what the API expects.', { why, cause: parsed.error });
  }
}
