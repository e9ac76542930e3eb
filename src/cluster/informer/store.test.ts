import { describe, expect, test } from '@jest/globals';
import { ifChanged, type ChangeEvent } from './store.ts';

describe('ifChanged', () => {
  const heard = <T>(event: ChangeEvent<T>, absent?: T): boolean => {
    let called = false;
    ifChanged(() => {
      called = true;
    }, absent)(event);
    return called;
  };

  test('hears of objects that appear and disappear, and of another projection', () => {
    expect(heard({ type: 'added', key: 'a', new: {} })).toBe(true);
    expect(heard({ type: 'deleted', key: 'a', old: {} })).toBe(true);
    expect(heard({ type: 'modified', key: 'a', old: { labels: { a: '1' } }, new: { labels: {} } })).toBe(
      true,
    );
  });

  test('hears nothing of a new version with the same projection', () => {
    const projection = () => ({ labels: { a: '1' }, list: ['x'] });
    expect(heard({ type: 'modified', key: 'a', old: projection(), new: projection() })).toBe(false);
  });

  test('hears nothing of objects that count as absent', () => {
    expect(heard({ type: 'added', key: 'a', new: [] }, [])).toBe(false);
    expect(heard({ type: 'deleted', key: 'a', old: [] }, [])).toBe(false);
    expect(heard({ type: 'added', key: 'a', new: ['x'] }, [])).toBe(true);
    expect(heard({ type: 'modified', key: 'a', old: ['x'], new: [] }, [])).toBe(true);
  });
});
