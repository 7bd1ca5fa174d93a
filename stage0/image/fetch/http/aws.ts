/** AWS Signature Version 4 for reading from S3 (auth.d type `aws`). */
import { createHmac } from 'node:crypto';
import { createHash } from '#kernel/digest';
import type { Credentials } from '../../../config/kinds';

type AwsCredentials = Extract<Credentials, { type: 'aws' }>;

const SERVICE = 's3';
const DEFAULT_REGION = 'us-east-1';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
/** A GET has no body. */
const EMPTY = sha256('');

/** `bucket.s3.REGION.amazonaws.com`, `s3-REGION.amazonaws.com`, `bucket.s3.dualstack.REGION.amazonaws.com`. */
function regionOf(host: string): string {
  const found = /(?:^|\.)s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(host);
  return found?.[1] ?? DEFAULT_REGION;
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** S3 signs each path segment encoded exactly once. */
const canonicalPath = ({ pathname }: URL): string =>
  pathname
    .split('/')
    .map((part) => encode(decoded(part)))
    .join('/');

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // ignored: a stray percent sign is signed as it stands, and the server will say what it thinks of it
  }
}

const canonicalQuery = ({ searchParams }: URL): string =>
  [...searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');

/** The headers that sign a GET. @param range value of its Range header, if it has one @param now ms since the epoch */
export function signAws(
  url: URL,
  range: string | undefined,
  { accessKeyId, secretAccessKey, region = regionOf(url.hostname) }: AwsCredentials,
  now: number,
): Record<string, string> {
  const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const headers: readonly (readonly [string, string])[] = [
    ['host', url.host],
    ...(range === undefined ? [] : [['range', range] as const]),
    ['x-amz-content-sha256', EMPTY],
    ['x-amz-date', time],
  ];
  const names = headers.map(([name]) => name).join(';');
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  const request = ['GET', canonicalPath(url), canonicalQuery(url), lines, names, EMPTY].join('\n');
  const scope = `${day}/${region}/${SERVICE}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(request)].join('\n');
  const key = [region, SERVICE, 'aws4_request'].reduce(hmac, hmac(`AWS4${secretAccessKey}`, day));
  const signature = hmac(key, text).toString('hex');
  return {
    'x-amz-content-sha256': EMPTY,
    'x-amz-date': time,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names},Signature=${signature}`,
  };
}
