// Asks the test that runs this script to do something to the server, and waits until it is done.
import { createInterface } from 'node:readline';

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function ask(what) {
  console.log(`ask ${what}`);
  const { value } = await answers.next();
  if (value !== 'done') throw new Error(`the test answered ${value}`);
}

/** A list that grows and can be waited for. */
export class Inbox {
  items = [];
  #waiting = [];

  push(item) {
    this.items.push(item);
    for (const waiting of this.#waiting.splice(0)) waiting();
  }

  async until(condition) {
    while (!condition(this.items)) await new Promise((resolve) => this.#waiting.push(resolve));
  }
}

// Nothing takes this long; it keeps a broken test from hanging.
setTimeout(() => {
  console.error('gave up waiting');
  process.exit(1);
}, 60_000).unref();
