// Puts a server that speaks over stdio behind a URL, as the suite knows no other way to reach one: a process for each
// session, and one for all requests that have none (MCP 2026-07-28).
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { mismatch, statusOf } from './headers.mjs';
import { Process } from './stdio.mjs';
import { Answer, SessionStream, json } from './streams.mjs';

const FIRST_WITHOUT_SESSIONS = '2026-07-28';
// How long the stream of a request of a session says nothing before it is closed, in milliseconds.
const PATIENCE = 1000;

// Serves until it is closed, which tells what each of its processes ended with.
export async function listen(command) {
    const bridge = new Bridge(command);
    const server = createServer((request, response) => bridge.handle(request, response).catch((error) => {
        console.error(error);
        response.destroy(error);
    }));
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const close = () => {
        server.close();
        server.closeAllConnections();
        return bridge.end();
    };
    return { url: `http://127.0.0.1:${server.address().port}/mcp`, close };
}

class Bridge {
    #command;
    #sessions = new Map();
    #shared;
    #ended = [];

    constructor(command) {
        this.#command = command;
    }

    async end() {
        const left = [...this.#sessions.values()].map((session) => session.end());
        return Promise.all([...this.#ended, ...left, ...(this.#shared ? [this.#shared.end()] : [])]);
    }

    async handle(request, response) {
        const { headers, method } = request;
        if (!isLocal(headers)) return refuse(response, 403, 'only this machine may ask');
        const message = method === 'POST' ? await body(request) : undefined;
        if (message?.method === 'initialize' && !isModern(headers)) return this.#begin(message, response);
        if (isModern(headers) || headers['mcp-session-id'] === undefined) {
            if (method !== 'POST') return refuse(response, 405, 'there are no sessions');
            return this.#answer(headers, message, response);
        }
        const session = this.#sessions.get(headers['mcp-session-id']);
        if (!session) return refuse(response, 404, 'there is no such session');
        if (method === 'GET') return session.resume(headers['last-event-id'], response);
        if (method === 'POST') return session.take(message, response);
        if (method !== 'DELETE') return refuse(response, 405, 'unknown method');
        this.#ended.push(session.end());
        this.#sessions.delete(headers['mcp-session-id']);
        response.writeHead(204).end();
    }

    #begin(message, response) {
        const id = randomUUID();
        const session = new Session(this.#command);
        this.#sessions.set(id, session);
        session.take(message, response, { 'Mcp-Session-Id': id });
    }

    async #answer(headers, message, response) {
        // Which call a logging notification belongs to, stdio does not say: it is for one that asked for any.
        this.#shared ??= new Process(this.#command, (message, stream) => stream?.wantsLog && stream.send(message));
        if (message.id === undefined) return accept(this.#shared, message, response);
        const wrong = await mismatch(headers, message, (name) => this.#schemaOf(name, message.params._meta));
        if (wrong) return json(response, 400, { jsonrpc: '2.0', id: message.id, error: wrong });
        const id = this.#shared.request(message, new Answer(response, message, statusOf));
        response.on('close', () => this.#shared.cancel(id));
    }

    #schemaOf(name, meta) {
        const list = { jsonrpc: '2.0', method: 'tools/list', params: { _meta: meta } };
        return new Promise((answered) => {
            const finish = ({ result }) => answered(result?.tools.find((tool) => tool.name === name)?.inputSchema);
            this.#shared.request(list, { finish });
        });
    }
}

class Session {
    #process;
    // The first is that of the session itself.
    #streams = [new SessionStream(0)];

    constructor(command) {
        this.#process = new Process(command, (message, stream) => (stream ?? this.#streams[0]).send(message));
    }

    take(message, response, headers) {
        if (message.id === undefined || message.method === undefined) return accept(this.#process, message, response);
        const stream = new SessionStream(this.#streams.length);
        this.#streams.push(stream);
        stream.attach(response, { headers, patience: PATIENCE });
        this.#process.request(message, stream);
    }

    resume(lastEvent = '0', response) {
        const [stream, after] = lastEvent.split('-').map(Number);
        this.#streams[stream].attach(response, { after });
    }

    end() {
        return this.#process.end();
    }
}

function accept(process, message, response) {
    process.tell(message);
    response.writeHead(202).end();
}

function refuse(response, status, message) {
    json(response, status, { jsonrpc: '2.0', id: null, error: { code: -32000, message } });
}

function isModern(headers) {
    return headers['mcp-protocol-version'] >= FIRST_WITHOUT_SESSIONS;
}

// A page of a browser may have any name lead here.
function isLocal({ host, origin }) {
    const isHere = (url) => ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
    return isHere(`http://${host}`) && (origin === undefined || isHere(origin));
}

async function body(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    return JSON.parse(Buffer.concat(parts));
}
