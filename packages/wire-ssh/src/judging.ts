import type { SshDecision, SshRequest } from './ssh-request.ts';

const undecided: SshDecision = { action: 'deny', text: 'weir: this could not be judged, so it was not done' };

/** Asks the host, one thing at a time; a decision at once takes no microtask. */
export class Judging {
  /** A decision is awaited. */
  isOpen = false;
  readonly #host: { judge(request: SshRequest): SshDecision | Promise<SshDecision> };
  readonly #resume: () => void;
  #isOver = false;

  /** @param resume goes on after a decision that took its time */
  constructor(host: { judge(request: SshRequest): SshDecision | Promise<SshDecision> }, resume: () => void) {
    this.#host = host;
    this.#resume = resume;
  }

  ask(request: SshRequest, apply: (decision: SshDecision) => void): void {
    this.wait(() => this.#host.judge(request), undecided, apply);
  }

  /** Waits for anything that the host answers, at once or later; `failed` stands for an answer that is an error. */
  wait<Answer>(ask: () => Answer | Promise<Answer>, failed: Answer, apply: (answer: Answer) => void): void {
    this.isOpen = true;
    let answer: Answer | Promise<Answer>;
    try {
      answer = ask();
    } catch (_error) {
      // The host has logged it; here only the fact counts.
      answer = failed;
    }
    if (!(answer instanceof Promise)) {
      this.isOpen = false;
      if (!this.#isOver) apply(answer);
      return;
    }
    const settle = (settled: Answer) => {
      if (this.#isOver) return;
      this.isOpen = false;
      apply(settled);
      this.#resume();
    };
    answer.then(settle, () => settle(failed));
  }

  /** Nothing that is still open is applied. */
  end(): void {
    this.#isOver = true;
    this.isOpen = false;
  }
}
