import assert from 'node:assert/strict';
import { dnsOf, hostsOf } from '../../../stage0/cli/commands/name-words';
import { readMount, readVolume, wordsOf } from '../../../stage0/cli/commands/volume-words';
import { hostsText, resolvText } from '../../../stage0/pod/name-files';
import { throwsCode } from '../../fixtures/expect';

describe('--volume and --mount', () => {
  it('read what rkt reads', () => {
    assert.deepEqual(readVolume('data,kind=host,source=/srv/a=b,readOnly=true,recursive=false'), {
      name: 'data',
      kind: 'host',
      source: '/srv/a=b',
      readOnly: true,
      recursive: false,
    });
    assert.deepEqual(readVolume('data,kind=empty,mode=0700,uid=1000,gid=1001,readOnly=0'), {
      name: 'data',
      kind: 'empty',
      mode: '0700',
      uid: 1000,
      gid: 1001,
      readOnly: false,
    });
    assert.deepEqual(readMount('target=/x,volume=data'), { volume: 'data', path: '/x' });
  });

  it('read what is new', () => {
    assert.deepEqual(readVolume('data,kind=tmpfs,size=64Mi'), {
      name: 'data',
      kind: 'empty',
      medium: 'memory',
      size: 67_108_864,
    });
    assert.deepEqual(readVolume('d,kind=host,source=/a,propagation=rslave,follow=true'), {
      name: 'd',
      kind: 'host',
      source: '/a',
      propagation: 'rslave',
      follow: true,
    });
  });

  for (const bad of [
    'data',
    'data,',
    ',kind=empty',
    'Data,kind=empty',
    '../x,kind=empty',
    'data,kind=nfs',
    'data,source=/x',
    'data,kind=host',
    'data,kind=host,source=x',
    'data,kind=host,source=/x,mode=0755',
    'data,kind=empty,source=/x',
    'data,kind=empty,mode=999',
    'data,kind=empty,uid=-1',
    'data,kind=empty,uid=4294967295',
    'data,kind=empty,size=1M',
    'data,kind=tmpfs,size=0',
    'data,kind=tmpfs,size=1X',
    'data,kind=empty,readOnly=maybe',
    'data,kind=empty,kind=host',
    'data,kind=empty,__proto__=x',
    'data,kind=host,source=/x,propagation=shared',
  ]) {
    it(`refuse --volume=${bad}`, () => throwsCode('usage', () => wordsOf('--volume', [bad], readVolume), /^--volume=/));
  }

  for (const bad of ['', 'volume=x', 'target=/x', 'volume=x,target=y', 'volume=x,target=/y,ro=true']) {
    it(`refuse --mount=${bad}`, () => throwsCode('usage', () => wordsOf('--mount', [bad], readMount), /^--mount=/));
  }
});

describe('--dns and --hosts-entry', () => {
  const flags = { dns: [], dnsSearch: [], dnsOpt: [], dnsDomain: undefined };

  it('are the image’s, the host’s, none, or what is said', () => {
    assert.deepEqual(dnsOf(flags), { kind: 'default' });
    assert.deepEqual(dnsOf({ ...flags, dns: ['host'] }), { kind: 'host' });
    const own = dnsOf({ dns: ['192.0.2.1', '::1'], dnsSearch: ['a.b'], dnsOpt: ['ndots:2'], dnsDomain: 'c' });
    assert.equal(own.kind, 'own');
    if (own.kind === 'own')
      assert.equal(resolvText(own), 'domain c\nsearch a.b\nnameserver 192.0.2.1\nnameserver ::1\noptions ndots:2\n');
  });

  it('refuse what is no address or no word, lines within above all', () => {
    for (const dns of ['', 'x', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.4\nsearch evil', ':', '::1%a b', 'host,none'])
      throwsCode('usage', () => dnsOf({ ...flags, dns: [dns] }));
    throwsCode('usage', () => dnsOf({ ...flags, dns: ['none'], dnsSearch: ['a'] }));
    throwsCode('usage', () => dnsOf({ ...flags, dnsSearch: ['a b'] }));
    throwsCode('usage', () => dnsOf({ ...flags, dnsDomain: 'a\nnameserver 6.6.6.6' }));
    for (const entry of ['x', '=x', '1.2.3.4', '1.2.3.4=', '1.2.3.4=a b', '1.2.3.4=a\n6.6.6.6', 'host,1.2.3.4=a'])
      throwsCode('usage', () => hostsOf([entry]));
  });

  it('O14 always have localhost, and put the names of an address on one line', () => {
    const hosts = hostsOf(['192.0.2.1=a,192.0.2.1=b', '2001:db8::1=c']);
    assert.equal(hosts.kind, 'own');
    if (hosts.kind === 'own')
      assert.equal(
        hostsText('h', hosts.entries),
        '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\th\n192.0.2.1\ta b\n2001:db8::1\tc\n',
      );
  });
});
