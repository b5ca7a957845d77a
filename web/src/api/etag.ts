import { Problem } from './client';

/** Something together with the version that it has; a change says on which version it is based. */
export interface Tagged<T> {
  value: T;
  etag: string;
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** As `ask`, where the version is told in the header alone. */
export async function askTagged<T>(answer: Promise<Answer<T>>): Promise<Tagged<T>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw Problem.from(error, response.status);
  return { value: data as T, etag: response.headers.get('etag') ?? '*' };
}
