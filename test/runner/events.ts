/** How a mocha process tells the runner what happens: lines of JSON on stdout, each behind the control character RS. */
export type TestEvent =
  | { readonly type: 'pass'; readonly title: string; readonly ms: number }
  | { readonly type: 'fail'; readonly title: string; readonly text: string }
  | { readonly type: 'skip'; readonly title: string; readonly reason: string }
  | { readonly type: 'end' };

/** As in RFC 7464. What tests print themselves does not begin with it. */
const MARK = '\u001e';

export const eventLine = (event: TestEvent): string => `${MARK}${JSON.stringify(event)}\n`;

/** The event of a line, which may follow output of a test that did not end its line; undefined if there is none. */
export function readEvent(line: string): { readonly before: string; readonly event: TestEvent } | undefined {
  const at = line.indexOf(MARK);
  return at < 0 ? undefined : { before: line.slice(0, at), event: JSON.parse(line.slice(at + 1)) as TestEvent };
}
