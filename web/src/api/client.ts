import createClient from 'openapi-fetch';
import type { components, paths } from './schema';

/** The types of the API by their names in its description. */
export type Schemas = components['schemas'];

/** What the server answers when something does not work: problem details (RFC 9457) with a stable code. */
export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  /** What happened in this case, in English; for people only where nothing better is known. */
  readonly detail: string | undefined;
  /** Members that belong to this code, such as `opensAt`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: string, status: number, detail?: string, extra: Record<string, unknown> = {}) {
    super(detail ?? code);
    this.name = 'Problem';
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.extra = extra;
  }

  /** A text member of this problem. */
  text(member: string): string | undefined {
    const value = this.extra[member];
    return typeof value === 'string' ? value : undefined;
  }

  static from(body: unknown, status: number): Problem {
    if (typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string') {
      const { code, detail, ...extra } = body as { code: string; detail?: unknown } & Record<string, unknown>;
      return new Problem(code, status, typeof detail === 'string' ? detail : undefined, extra);
    }
    return new Problem(status >= 500 ? 'unavailable' : 'unexpected_answer', status);
  }

  /** Whatever was thrown, as a problem: a `fetch` that fails says only that the server was not reached. */
  static of(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    if (thrown instanceof TypeError) return new Problem('offline', 0);
    return new Problem('unexpected_answer', 0, thrown instanceof Error ? thrown.message : undefined);
  }
}

/** The typed client. Use it through `ask`, which turns answers into values and refusals into `Problem`s. */
export const api = createClient<paths>({ baseUrl: '/' });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** `await ask(api.GET('/api/experts', …))`: the body, or a thrown `Problem`. */
export async function ask<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw Problem.from(error, response.status);
  return data as T;
}

/** The header of a change that is based on a version. */
export function ifMatch(version: number): { 'if-match': string } {
  return { 'if-match': `"${version}"` };
}
