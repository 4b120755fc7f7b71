// One way to ask the server: JSON in, typed faults out.

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number, // 0 when no answer came
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

// The reason in an answer that is not 2xx: Prometheus' envelope, another JSON
// error, or Tempo's plain text.
function reasonOf(text: string, response: Response): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) {
      for (const key of ['error', 'message'] as const) {
        const value = (body as Record<string, unknown>)[key];
        if (typeof value === 'string' && value !== '') return value;
      }
    }
  } catch {
    // Not JSON: the text itself is the reason.
  }
  const plain = text.trim();
  if (plain !== '' && !plain.startsWith('<')) return plain.slice(0, 500);
  return `${response.status} ${response.statusText}`.trim();
}

export async function fetchJson(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { Accept: 'application/json', ...init.headers } });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError('The server did not answer. Is Sightline still running?', 0);
  }
  const text = await response.text();
  if (!response.ok) throw new ApiError(reasonOf(text, response), response.status);
  if (text === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ApiError(`The answer of ${path.split('?')[0] ?? path} is not JSON.`, response.status);
  }
}

export function postForm(path: string, form: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
  return fetchJson(path, {
    method: 'POST',
    body: new URLSearchParams(form).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    signal,
  });
}
