// A process that speaks MCP over stdio, and whom each of its messages is for.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
// In milliseconds: more than the grace of a server.
const LONGEST_END = 15_000;

export class Process {
    // What it ended with: a status, or the name of a signal.
    ended;
    #child;
    #nextId = 1;
    // By the id that the server knows: what the client knows a request by, and the stream of its answer.
    #open = new Map();
    #others;

    // `others` takes what belongs to no request.
    constructor([command, ...args], others) {
        this.#others = others;
        this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
        this.#child.stdin.on('error', () => {});
        this.ended = new Promise((ended) => {
            this.#child.on('close', (status, signal) => {
                this.#giveUp();
                ended(status ?? signal);
            });
        });
        createInterface({ input: this.#child.stdout }).on('line', (line) => this.#read(JSON.parse(line)));
    }

    // Clients without a session choose equal ids, so each request gets one of its own.
    request(message, stream) {
        const id = this.#nextId++;
        this.#open.set(id, { id: message.id, token: message.params?._meta?.progressToken, stream });
        this.#write({ ...message, id });
        return id;
    }

    // What is answered with nothing: a notification, or the answer to a request of the server.
    tell(message) {
        if (message.method !== 'notifications/cancelled') return this.#write(message);
        for (const [id, request] of this.#open) {
            if (request.id === message.params.requestId) this.cancel(id);
        }
    }

    cancel(id) {
        if (!this.#open.delete(id)) return;
        this.#write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    }

    // Gives up a process that does not end with its input.
    end() {
        this.#child.stdin.end();
        setTimeout(() => this.#child.kill('SIGKILL'), LONGEST_END).unref();
        return this.ended;
    }

    #write(message) {
        this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    }

    #read(message) {
        if (message.method === undefined) return this.#answer(message);
        const { progressToken, _meta: meta } = message.params ?? {};
        if (message.method === 'notifications/progress') {
            const request = [...this.#open.values()].find(({ token }) => token === progressToken);
            return request?.stream.send(message);
        }
        const request = this.#open.get(meta?.[SUBSCRIPTION]);
        if (request) {
            message.params._meta[SUBSCRIPTION] = request.id;
            return request.stream.send(message);
        }
        this.#others(message, [...this.#open.values()].at(-1)?.stream);
    }

    #answer(message) {
        const request = this.#open.get(message.id);
        this.#open.delete(message.id);
        request?.stream.finish({ ...message, id: request.id });
    }

    // A call that no answer comes to would only be seen when its time is over.
    #giveUp() {
        for (const { id, stream } of this.#open.values()) {
            stream.finish({ jsonrpc: '2.0', id, error: { code: -32603, message: 'the server has ended' } });
        }
        this.#open.clear();
    }
}
