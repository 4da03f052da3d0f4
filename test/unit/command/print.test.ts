/** Output that cannot be written. */
import { EventEmitter } from 'node:events';
import { Output, OutputError } from '../../../src/command/print.js';

const epipe = () => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });

/** A stream that reports an error of a write as Node's standard output does. */
class Stream extends EventEmitter {
  readonly lines: string[] = [];
  errored: Error | null = null;
  failsAtOnce: Error | null = null;

  write(text: string): boolean {
    this.errored = this.failsAtOnce;
    if (this.failsAtOnce === null) this.lines.push(text);
    return true;
  }
}

function outputTo(stream: Stream): Output {
  return new Output(stream as unknown as ConstructorParameters<typeof Output>[0]);
}

test('a line is written with a line break, and made safe for a terminal', () => {
  const stream = new Stream();
  const output = outputTo(stream);
  output.print('a\nb');
  output.print('');
  expect([stream.lines, output.error]).toEqual([['a\\nb\n', '\n'], null]);
});

test('the print that finds the pipe closed throws, and so does each later one', () => {
  const stream = new Stream();
  const output = outputTo(stream);
  output.print('read');
  stream.failsAtOnce = epipe();
  expect(() => output.print('not read')).toThrow(OutputError);
  stream.failsAtOnce = null; // Node forgets the error.
  expect(() => output.print('later')).toThrow(OutputError);
  expect([stream.lines, output.error?.isClosed]).toEqual([['read\n'], true]);
});

test('an error that the stream reports later ends the command at its next print', () => {
  const stream = new Stream();
  const output = outputTo(stream);
  output.print('written');
  stream.emit('error', epipe());
  expect(output.error?.isClosed).toBe(true);
  expect(() => output.print('later')).toThrow(OutputError);
});

test('a full disk is an error to report', () => {
  const stream = new Stream();
  const output = outputTo(stream);
  stream.failsAtOnce = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  expect(() => output.print('a')).toThrow('cannot write the output: ENOSPC');
  expect(output.error?.isClosed).toBe(false);
});
