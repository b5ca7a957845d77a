import { Problem, type Schemas } from './client';

/** Gives an appointment a file. The body is the file itself, and how much of it has gone is told: `fetch` cannot. */
export function upload(
  appointmentId: string,
  file: File,
  progress: (share: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Schemas['File']> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const name = encodeURIComponent(file.name.slice(-200));
    request.open('POST', `/api/appointments/${appointmentId}/files?name=${name}`);
    request.setRequestHeader('content-type', file.type || 'application/octet-stream');
    request.responseType = 'json';
    request.upload.addEventListener('progress', ({ loaded, total }) =>
      progress(total > 0 ? loaded / total : 0),
    );
    request.addEventListener('load', () => {
      if (request.status === 201) done(request.response as Schemas['File']);
      else failed(Problem.from(request.response, request.status));
    });
    request.addEventListener('error', () => failed(new Problem('offline', 0)));
    request.addEventListener('abort', () => failed(new DOMException('aborted', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}
