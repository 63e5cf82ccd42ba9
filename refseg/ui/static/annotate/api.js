// Requests to the server. They run one after the other, in the order in which the user acted.

const NO_ANSWER = "The server did not answer. Check the connection and try again.";

/** Sends requests to `server.edit`, the Python function behind the editor. */
export class ApiClient {
  /**
   * @param {(request: object) => Promise<object|null>} send
   * @param {object} state see state.js
   * @param {object} handlers
   * @param {(answer: object) => Promise<void>} handlers.receive shows an answer
   * @param {(error: Error) => void} handlers.reportError shows an error
   * @param {(count: number) => void} handlers.reportPending called when the number of pending requests changes
   * @param {() => object} handlers.describeView details of a request that reloads everything
   */
  constructor(send, state, handlers) {
    this.send = send;
    this.state = state;
    this.handlers = handlers;
    this.window = globalThis.crypto?.randomUUID?.() ?? String(Math.random()).slice(2);
    this.queue = Promise.resolve();
  }

  /** Sends a request at once, beside those that run. Throws the error of the answer. */
  async sendNow(action, details = {}, visit = this.state.visit) {
    const request = { action, project: visit?.key ?? null, window: this.window, ...details };
    const answer = await this.send(request).catch(() => null);
    if (!answer) throw new Error(NO_ANSWER);
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  /** Runs a function when everything queued before has ended. Returns its result. */
  enqueue(run) {
    this.changePending(1);
    const turn = this.queue.then(run).finally(() => this.changePending(-1));
    this.queue = turn.catch(() => null);
    return turn;
  }

  /** Resolves when everything queued so far has ended. */
  whenIdle() {
    return this.queue;
  }

  /** Sends a request and shows the answer if the project is still open. For functions that run in the queue. */
  async sendAndShow(action, details, visit) {
    const answer = await this.sendNow(action, details, visit);
    if (visit === this.state.visit) await this.handlers.receive(answer);
    return answer;
  }

  /** Reloads everything from disk. For functions that run in the queue. */
  async reload(visit) {
    this.state.isStale = true;
    await this.sendAndShow("open_project", { name: this.state.image?.name, ...this.handlers.describeView() }, visit);
    this.state.isStale = false;
  }

  /** Sends a request in its turn and shows the answer. Returns the answer, or null after an error, which is shown. */
  request(action, details = {}, visit = this.state.visit) {
    return this.enqueue(async () => {
      try {
        if (this.state.isStale && visit === this.state.visit) await this.reload(visit);
        return await this.sendAndShow(action, details, visit);
      } catch (error) {
        // A change that was drawn ahead of its answer was not made, or another window changed the image.
        if (visit === this.state.visit) await this.reload(visit).catch(() => null);
        this.handlers.reportError(error);
        return null;
      }
    });
  }

  /** Requests a change of the open image. The server refuses it when another image has been opened meanwhile. */
  async requestChange(action, details = {}) {
    if (this.state.image?.problem) return null;
    return this.request(action, { image: this.state.image?.name, ...details });
  }

  changePending(difference) {
    this.state.pendingRequests += difference;
    this.handlers.reportPending(this.state.pendingRequests);
  }
}
