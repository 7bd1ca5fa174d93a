import assert from 'node:assert/strict';
import { signAws } from '../../../../stage0/image/fetch/http/aws';

/** The examples of Amazon S3's documentation of Signature Version 4. */
describe('AWS signature version 4', () => {
  const credentials = {
    type: 'aws',
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: undefined,
  } as const;
  const now = Date.UTC(2013, 4, 24);
  const sign = (pathAndQuery: string, range?: string): string =>
    signAws(new URL(`https://examplebucket.s3.amazonaws.com${pathAndQuery}`), range, credentials, now)[
      'authorization'
    ] ?? '';

  it('of an object, with a range', () =>
    assert.match(
      sign('/test.txt', 'bytes=0-9'),
      /Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/,
    ));
  it('of a query without a value', () =>
    assert.match(sign('/?lifecycle'), /Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543$/));
  it('of a query with values', () =>
    assert.match(
      sign('/?max-keys=2&prefix=J'),
      /Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/,
    ));
});
