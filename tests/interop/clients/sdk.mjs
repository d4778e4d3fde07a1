// Drives the official TypeScript SDK of the first generation.
//
// usage: node sdk.mjs legacy|tasks
//
// `tasks` is with its tasks of MCP 2025-11-25.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
    CallToolResultSchema,
    CreateTaskResultSchema,
    ElicitRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { setTimeout as sleep } from 'node:timers/promises';

import { Session, run, versionOf } from './driver.mjs';

const MODE = process.argv[2];
const VERSION = versionOf('@modelcontextprotocol/sdk');

class SdkSession extends Session {
    codeOfACancelledCall = -32001;

    constructor({ command, url }, forms) {
        super();
        const capabilities = forms ? { elicitation: {} } : {};
        this.client = new Client({ name: 'sdk', version: VERSION }, { capabilities });
        if (forms) {
            const show = ({ params }) => this.fillIn(params);
            this.client.setRequestHandler(ElicitRequestSchema, show);
        }
        if (url) {
            this.transport = new StreamableHTTPClientTransport(new URL(url));
        } else {
            const [program, ...args] = command;
            this.transport = new StdioClientTransport({ command: program, args });
        }
    }

    async connect() {
        let protocol;
        const { transport } = this;
        const set = transport.setProtocolVersion?.bind(transport);
        // The client tells its transport alone.
        transport.setProtocolVersion = (version) => {
            protocol = version;
            set?.(version);
        };
        await this.client.connect(this.transport);
        return { protocol };
    }

    ask(tool, given, options) {
        return this.client.callTool({ name: tool, arguments: given }, undefined, options);
    }
}

class TaskSession extends SdkSession {
    // Those that were started and not waited for, the last of them last.
    started = [];

    get tasks() {
        return this.client.experimental.tasks;
    }

    async connect() {
        const connected = await super.connect();
        // From the list the client knows which tools start tasks.
        await this.client.listTools();
        return { ...connected, task_capabilities: this.client.getServerCapabilities().tasks };
    }

    // The result of a call, whether or not the client makes it a task.
    async ask(tool, given, options) {
        const call = { name: tool, arguments: given };
        for await (const message of this.tasks.callToolStream(call, undefined, options)) {
            if (message.type === 'result') {
                return message.result;
            }
            if (message.type === 'error') {
                throw message.error;
            }
        }
        throw new Error('the call came to nothing');
    }

    async start({ tool, arguments: given, progress }) {
        this.heard = [];
        const call = { method: 'tools/call', params: { name: tool, arguments: given } };
        const onprogress = ({ progress, message }) => this.heard.push({ progress, message });
        const options = { task: {}, ...(progress && { onprogress }) };
        const { task } = await this.client.request(call, CreateTaskResultSchema, options);
        this.last = task.taskId;
        this.started.push(task.taskId);
        return { task };
    }

    async look({ task_id: taskId = this.last }) {
        const { _meta, ...task } = await this.tasks.getTask(taskId);
        const result = task.status === 'completed' ? await this.result(taskId) : undefined;
        return { task, result };
    }

    result(taskId) {
        return this.tasks.getTaskResult(taskId, CallToolResultSchema);
    }

    async stop({ task_id: taskId = this.last }) {
        await this.tasks.cancelTask(taskId);
        return {};
    }

    async wait() {
        const taskId = this.started.pop();
        for (;;) {
            const { status, pollInterval } = await this.tasks.getTask(taskId);
            if (status !== 'working') {
                const result = status === 'completed' ? await this.result(taskId) : undefined;
                return { outcome: status, result, heard: this.heard };
            }
            await sleep(Math.min(pollInterval, 250));
        }
    }

    // Waits for the result of the last task, and answers what that asks meanwhile.
    async finish() {
        return { result: await this.result(this.started.pop()) };
    }

    // A task goes on without its client.
    async let_go() {
        return {};
    }
}

const MODES = {
    legacy: [
        `sdk ${VERSION}`,
        [
            'direct replies',
            'forms',
            'one session',
            'calls without a token',
            'progress',
            'cancel',
            'questions in requests',
        ],
        (...given) => new SdkSession(...given),
    ],
    tasks: [
        `sdk ${VERSION} with tasks`,
        ['calls without a token', 'forms', 'one session', 'tasks', 'tasks of 2025'],
        (...given) => new TaskSession(...given),
    ],
};

await run(...MODES[MODE]);
