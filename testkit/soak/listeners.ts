/** Counts the listeners of event targets such as abort signals, of those that are still in memory. */
import { getEventListeners } from 'node:events';

export class ListenerCount {
  #targets = new Set<WeakRef<EventTarget>>();
  readonly #known = new WeakSet<EventTarget>();
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its target as `this`
  readonly #original = EventTarget.prototype.addEventListener;

  /** From now on, every target that gets a listener is known. Call `release` at the end. */
  constructor() {
    const { prototype } = EventTarget;
    const original = this.#original;
    const note = (target: EventTarget): void => this.#note(target);
    prototype.addEventListener = function (this: EventTarget, ...args: Parameters<EventTarget['addEventListener']>) {
      note(this);
      original.apply(this, args);
    };
  }

  release(): void {
    EventTarget.prototype.addEventListener = this.#original;
  }

  /** Call it after a garbage collection. */
  get abortListeners(): number {
    let count = 0;
    for (const reference of this.#targets) {
      const target = reference.deref();
      if (target === undefined) this.#targets.delete(reference);
      else count += getEventListeners(target, 'abort').length;
    }
    return count;
  }

  #note(target: EventTarget): void {
    if (this.#known.has(target)) return;
    this.#known.add(target);
    this.#targets.add(new WeakRef(target));
  }
}
