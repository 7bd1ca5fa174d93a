/** What a registry or its token server says when it refuses (distribution specification, "Error Codes"), as podctl's errors. */
import { PodctlError } from '#kernel/errors';
import type { HttpClient } from '../../fetch/http/client';
import type { Reply } from '../../fetch/http/exchange';
import { shownUrl } from '../../fetch/http/failure';
import { isUnwilling, retryAfter, Unwilling } from '../../fetch/http/retry';
import { parseJson } from '../../json';
import { printable } from '../../verify/openpgp';

const MAX_BODY = 64 * 1024;
const MAX_SHOWN = 300;
const MAX_ERRORS = 3;

interface Complaint {
  readonly code: string;
  readonly message: string;
}

/** Reads the body of a refusal and drops the connection. @param what was asked for, for people */
export async function refusal(client: HttpClient, reply: Reply, what: string): Promise<PodctlError> {
  const complaints = await complaintsOf(client, reply);
  const { status, url } = reply;
  const said = complaints
    .map(({ code, message }) => [code, message].filter((part) => part !== '').join(': '))
    .join('; ');
  const why =
    said === '' ? `the registry answered with status ${status}` : `the registry says ${said} (status ${status})`;
  const text = `${what}: ${why} at ${shownUrl(url)}`;
  const codes = complaints.map(({ code }) => code);
  if (isUnwilling(status)) {
    const wait = retryAfter(reply.headers['retry-after'], Date.now());
    return new PodctlError('fetch-status', text, {
      cause: new Unwilling(status, wait),
      ...(status === 429 ? { hint: 'the registry limits how much it gives: log in (docs/registries.md) or wait' } : {}),
    });
  }
  if (status === 401 || status === 403 || codes.includes('DENIED')) return new PodctlError('registry-denied', text);
  if (status === 404) return new PodctlError('registry-unknown', text);
  return new PodctlError('fetch-status', text);
}

async function complaintsOf(client: HttpClient, reply: Reply): Promise<readonly Complaint[]> {
  try {
    const { bytes, cut } = await client.head(reply, MAX_BODY);
    return cut ? [] : complaintsIn(parseJson(bytes));
  } catch (error) {
    if (error instanceof PodctlError && error.code === 'interrupted') throw error;
    return []; // ignored: whatever else is wrong with the explanation, the status stands
  } finally {
    reply.close();
  }
}

/** `{errors: [{code, message}]}`; token servers say `{details}`, `{message}`, or as OAuth 2 does `{error, error_description}`. */
function complaintsIn(document: unknown): readonly Complaint[] {
  const errors = member(document, 'errors');
  if (Array.isArray(errors)) {
    return errors
      .slice(0, MAX_ERRORS)
      .flatMap((one: unknown) => complaint(member(one, 'code'), member(one, 'message')));
  }
  const message = ['error_description', 'details', 'message'].map((name) => member(document, name)).find(isText);
  return complaint(member(document, 'error'), message);
}

function complaint(code: unknown, message: unknown): readonly Complaint[] {
  const found = { code: shown(code), message: shown(message) };
  return found.code === '' && found.message === '' ? [] : [found];
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const shown = (value: unknown): string => (isText(value) ? printable(value.slice(0, MAX_SHOWN)) : '');

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
