import { describe, expect, test } from '@jest/globals';
import type { Answer } from '../../cluster/testing/scripted-transport.ts';
import { ScriptedTransport } from '../../cluster/testing/scripted-transport.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import type { LiveObject } from '../objects/live.ts';
import { Impostors } from './impostors.ts';
import { allow, foreign, live, open, storedObject } from '../testing/objects.ts';
import type { ObjectId } from '../objects/kinds.ts';

const web = allow({ name: 'cfw-web', namespace: 'shop' });
const ours = live(web);
const posing: LiveObject = { ...ours, uid: 'forged' };
const theirs: LiveObject = { ...foreign(web), uid: 'forged' };
const { signal } = new AbortController();

function namesakes(...answers: readonly Answer[]) {
  const transport = new ScriptedTransport(...answers);
  const log = recordingLogger();
  const told = new Impostors(transport, log);
  const wanted = new Set([ours.id]);
  const left = async (objects: readonly LiveObject[], doubted: readonly ObjectId[] = []) => {
    await told.verify(objects, { wanted, doubted }, signal);
    return told.genuine(objects);
  };
  return { left, requests: transport.requests, log };
}

describe('of objects that list under one name', () => {
  test.each([
    ['one that poses as ours', posing],
    ['one that is said to be nobody’s', theirs],
  ])('the one that is read by it stays, and not %s', async (_, forged) => {
    const { left, requests } = namesakes({ ...storedObject(web) });
    expect(await left([forged, ours])).toEqual([ours]);
    expect(await left([ours, forged])).toEqual([ours]);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /apis/projectcalico.org/v3/namespaces/shop/networkpolicies/cfw-web',
    ]);
  });

  test('the name is read again when one comes or goes', async () => {
    const { left, requests } = namesakes({ ...storedObject(web) }, { ...storedObject(web) });
    await left([ours, posing]);
    expect(await left([ours])).toEqual([ours]);
    await left([ours, posing]);
    expect(requests).toHaveLength(2);
  });
});

describe('an object by itself', () => {
  test('is believed when it is ours, without a request', async () => {
    const { left, requests } = namesakes();
    expect(await left([ours])).toEqual([ours]);
    expect(requests).toEqual([]);
  });

  test('is read when a write found another one, or none, under its name', async () => {
    const { left } = namesakes({ ...storedObject(web) });
    expect(await left([posing], [posing.id])).toEqual([]);
  });

  test('is read once when it is somebody else’s and in our way', async () => {
    const genuine = foreign(web);
    const { left, requests } = namesakes({ ...storedObject(web) });
    expect(await left([genuine])).toEqual([genuine]);
    expect(await left([genuine])).toEqual([genuine]);
    expect(requests).toHaveLength(1);
  });

  test('is nobody’s business under a name of its own', async () => {
    const { left } = namesakes();
    const other = foreign(allow({ name: 'web', namespace: 'shop' }));
    expect(await left([other])).toEqual([other]);
  });
});

describe('under a name that is not wanted', () => {
  const other = allow({ name: 'cfw-other', namespace: 'shop' });
  const twin: LiveObject = { ...open(other), uid: 'forged' };

  test('no number of policies that tenants wrote costs a request', async () => {
    const { left, requests } = namesakes();
    const theirs = [foreign(other), open(other), twin];
    expect(await left(theirs)).toEqual(theirs);
    expect(requests).toEqual([]);
  });

  test('one of ours is told from the others', async () => {
    const { left, requests } = namesakes({ ...storedObject(other) });
    expect(await left([live(other), twin])).toEqual([live(other)]);
    expect(requests).toHaveLength(1);
  });
});
