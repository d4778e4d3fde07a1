// Drives the official TypeScript client of the second generation, and its companion for the tasks
// extension.
//
// usage: node client_ext_tasks.mjs tasks|auto|legacy
//
// `tasks` is with the companion. `legacy` declares the extension, too, as this client declares its
// extensions to a server of the older protocol.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';

import { Session, run, versionOf } from './driver.mjs';

const MODE = process.argv[2];
const VERSION = versionOf('@modelcontextprotocol/client');
const TASKS_VERSION = versionOf('@modelcontextprotocol/ext-tasks');

const TASKS = 'io.modelcontextprotocol/tasks';
const CLIENT_INFO = { name: 'client', version: VERSION };
const WITH_TASKS = { extensions: { [TASKS]: {} } };
const WITH_FORMS = { elicitation: { form: {} } };
const TOKEN = { progressToken: 'interop' };

class ClientSession extends Session {
    codeOfACancelledCall = 'REQUEST_TIMEOUT';

    constructor({ command, url }, forms, mode, others) {
        super();
        const versionNegotiation = { mode };
        const capabilities = forms ? { ...others, ...WITH_FORMS } : others;
        this.client = new Client(CLIENT_INFO, { capabilities, versionNegotiation });
        this.capabilities = capabilities;
        this.forms = forms;
        if (forms) {
            const show = ({ params }) => this.fillIn(params);
            this.client.setRequestHandler('elicitation/create', show);
        }
        if (url) {
            this.transport = new StreamableHTTPClientTransport(new URL(url));
        } else {
            const [program, ...args] = command;
            this.transport = new StdioClientTransport({ command: program, args });
        }
    }

    async connect() {
        await this.client.connect(this.transport);
        return {
            protocol: this.client.getNegotiatedProtocolVersion(),
            extensions: this.client.getServerCapabilities()?.extensions ?? {},
        };
    }

    ask(tool, given, options) {
        return this.client.callTool({ name: tool, arguments: given }, options);
    }
}

class TaskSession extends ClientSession {
    constructor(where, forms) {
        super(where, forms, 'auto', WITH_TASKS);
    }

    async connect() {
        const connected = await super.connect();
        const note = (result) => {
            if (result?.resultType === 'task') {
                this.created = result;
            }
        };
        this.tasks = createTaskSessionFromClient(this.client, {
            endpointId: 'outcomes',
            rawDispatch: rawDispatchOver(this.transport, note),
            v2RequestFraming: {
                protocolVersion: connected.protocol,
                clientInfo: CLIENT_INFO,
                clientCapabilities: this.capabilities,
            },
            onInputRequest: this.forms ? ({ params }) => this.fillIn(params) : undefined,
        });
        return { ...connected, task_capabilities: this.tasks.capabilities };
    }

    // The result of a call, whether or not the server makes it a task.
    async ask(tool, given, { onprogress }) {
        const metadata = onprogress && TOKEN;
        return resultOf(await (await this.tasks.callTool(tool, given, { metadata })).result());
    }

    async start({ tool, arguments: given, progress }) {
        const metadata = progress ? TOKEN : undefined;
        const task = { preference: 'require' };
        this.execution = await this.tasks.callTool(tool, given, { metadata, task });
        this.isDriven = true;
        // The companion keeps to itself what the server said of the new task.
        return { task: { ...this.created, taskId: this.execution.handle.taskId } };
    }

    async look({ task_id: taskId = this.execution.handle.taskId }) {
        const { raw, ...view } = await this.tasks.task(taskId).snapshot();
        return { task: { ...raw, ...view }, result: raw.result };
    }

    async stop({ task_id: taskId }) {
        if (taskId !== undefined) {
            await this.tasks.task(taskId).cancel();
        } else if (this.isDriven) {
            await this.execution.cancel();
        } else {
            await this.tasks.cancelTask(this.execution.handle.taskId);
        }
        return {};
    }

    async wait() {
        const { status, result } = await this.execution.result();
        this.isDriven = false;
        return { outcome: status, result };
    }

    async finish() {
        return { result: resultOf(await this.execution.result()) };
    }

    async watch() {
        const events = [];
        const onEvent = ({ type, task }) => {
            if (type === 'task') {
                events.push({ status: task.status, statusMessage: task.statusMessage });
            }
        };
        const { outcome } = await this.execution.settle({ onEvent });
        return { events, outcome: outcome.status, result: outcome.result };
    }

    // Answers what a task asks by hand.
    async answer({ responses }) {
        await this.tasks.task(this.execution.handle.taskId).update(responses);
        return {};
    }

    // Otherwise the session would cancel the task at its end.
    async let_go() {
        await this.execution.detach();
        return {};
    }

    async take_up() {
        const reference = this.execution.serializeReference();
        await this.execution.detach();
        // Only then does the session let go of the task.
        await this.execution.result();
        this.execution = await this.tasks.resumeTask(reference);
        return {};
    }

    async close() {
        await this.tasks?.close();
        return super.close();
    }
}

function resultOf({ status, result, error }) {
    if (status !== 'completed') {
        throw error ?? new Error(`the task was ${status}`);
    }
    return result;
}

// Sends requests past the client, which takes no result that it does not know, as the companion
// leaves to its host. It notes each result.
function rawDispatchOver(transport, note) {
    const waiting = new Map();
    const deliver = transport.onmessage;
    let requests = 0;
    transport.onmessage = (message, extra) => {
        const settle = waiting.get(message.id);
        if (settle === undefined) {
            deliver(message, extra);
        } else {
            waiting.delete(message.id);
            settle(message);
        }
    };
    return (request, { signal } = {}) =>
        new Promise((resolve, reject) => {
            requests += 1;
            const id = `raw-${requests}`;
            waiting.set(id, ({ result, error }) => {
                note(result);
                const kind = error === undefined ? 'result' : 'error';
                resolve({ kind, result, error });
            });
            signal?.addEventListener('abort', () => {
                if (waiting.delete(id)) {
                    const params = { requestId: id };
                    transport
                        .send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
                        .catch(() => {});
                    reject(signal.reason);
                }
            });
            const message = { jsonrpc: '2.0', id, ...request };
            transport.send(message, { requestSignal: signal }).catch(reject);
        });
}

const DIRECT = [
    'direct replies',
    'calls without a token',
    'forms',
    'one session',
    'progress',
    'cancel',
];
const MODES = {
    tasks: [
        `ext-tasks ${TASKS_VERSION}`,
        [
            'calls without a token',
            'forms',
            'one session',
            'tasks',
            'tasks of 2026',
            'task capabilities',
            'task events',
            'task references',
            'task answers',
            'questions in replies',
        ],
        (...given) => new TaskSession(...given),
    ],
    auto: [
        `client ${VERSION}`,
        [...DIRECT, 'questions in replies'],
        (...given) => new ClientSession(...given, 'auto', {}),
    ],
    legacy: [
        `client ${VERSION} that declares tasks`,
        [...DIRECT, 'questions in requests'],
        (...given) => new ClientSession(...given, 'legacy', WITH_TASKS),
    ],
};

await run(...MODES[MODE]);
