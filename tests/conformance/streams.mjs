// The streams of server-sent events that messages leave by.

const HEAD = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' };

// A stream of a session: a client that comes back finds what it missed.
export class SessionStream {
    #number;
    #patience;
    #events = [];
    #written = 0;
    #response;
    #timer;
    #ended = false;

    constructor(number) {
        this.#number = number;
    }

    // Goes on after an event, from here on with this response. Once nothing was said for as long as the patience, in
    // milliseconds, the response ends, and the client comes back for the rest (SEP-1699).
    attach(response, { after = this.#written, headers = {}, patience } = {}) {
        this.#leave();
        this.#patience = patience;
        this.#response = response.writeHead(200, { ...HEAD, ...headers });
        response.on('close', () => this.#response === response && this.#leave());
        response.write(`id: ${this.#number}-${after}\nretry: 100\ndata:\n\n`);
        this.#written = after;
        this.#flush();
    }

    send(message) {
        this.#events.push(message);
        this.#flush();
    }

    finish(message) {
        this.#ended = true;
        this.send(message);
    }

    #flush() {
        if (!this.#response) return;
        while (this.#written < this.#events.length) {
            const data = JSON.stringify(this.#events[this.#written++]);
            this.#response.write(`id: ${this.#number}-${this.#written}\ndata: ${data}\n\n`);
        }
        clearTimeout(this.#timer);
        if (this.#ended) this.#leave();
        else if (this.#patience) this.#timer = setTimeout(() => this.#leave(), this.#patience);
    }

    #leave() {
        clearTimeout(this.#timer);
        const response = this.#response;
        this.#response = undefined;
        response?.end();
    }
}

// The answer to a request without a session. Its status is known with the first message.
export class Answer {
    // Whether the client asked for logging notifications.
    wantsLog;
    #response;
    #statusOf;

    constructor(response, message, statusOf) {
        this.#response = response;
        this.#statusOf = statusOf;
        this.wantsLog = message.params?._meta?.['io.modelcontextprotocol/logLevel'] !== undefined;
    }

    send(message) {
        if (!this.#response.headersSent) this.#response.writeHead(200, HEAD);
        this.#response.write(`data: ${JSON.stringify(message)}\n\n`);
    }

    finish(message) {
        if (message.error && !this.#response.headersSent) {
            return json(this.#response, this.#statusOf(message.error), message);
        }
        this.send(message);
        this.#response.end();
    }
}

export function json(response, status, message) {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(message));
}
